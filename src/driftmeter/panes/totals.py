"""What a source has seen since it started, counted and dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from driftmeter.types import JSON

MOST_ROWS = 2**53
"""Totals stay within what every JSON reader can tell apart."""


MOST_REASONS = 32


LONGEST_REASON = 64


@dataclass(frozen=True)
class SourceTotals:
    """What a source has seen since it started: rows observed, counted, and dropped by reason, and of the counted ones
    the values that could not be read, by column."""

    observed: int = 0
    counted: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    unreadable: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: SourceTotals) -> SourceTotals:
        """Add up two sources, or two parts of one."""
        return SourceTotals(
            self.observed + other.observed,
            self.counted + other.counted,
            add_up(self.dropped, other.dropped),
            add_up(self.unreadable, other.unreadable),
        )

    def bounded(self) -> SourceTotals:
        """Return totals that `from_json` takes: sums of some that it took may be larger, or have more reasons."""
        observed = min(MOST_ROWS, self.observed)
        return SourceTotals(observed, min(observed, self.counted), _bounded(self.dropped), _bounded(self.unreadable))

    def followed_by(self, said: SourceTotals) -> SourceTotals:
        """Return what holds after the source said this and then that: what was overtaken on its way takes nothing
        back."""
        return said if said.observed >= self.observed else self

    def dropped_since(self, earlier: SourceTotals) -> dict[str, int]:
        """Return by how much each reason has grown since an earlier state of the same source."""
        return _growth(self.dropped, earlier.dropped)

    def unreadable_since(self, earlier: SourceTotals) -> dict[str, int]:
        """Return by how much each column's unreadable values have grown since then, likewise."""
        return _growth(self.unreadable, earlier.unreadable)

    def to_json(self) -> JSON:
        """Plain JSON."""
        return {
            "observed": self.observed,
            "counted": self.counted,
            "dropped": dict(sorted(self.dropped.items())),
            # only where they say something: most sources never have any
            **({"unreadable": dict(sorted(self.unreadable.items()))} if self.unreadable else {}),
        }

    @classmethod
    def from_json(cls, data: JSON) -> SourceTotals:
        """Read what `to_json` wrote; raises ValueError on what no source can have seen."""
        dropped, unreadable = data["dropped"], data.get("unreadable", {})
        for named in (dropped, unreadable):
            if len(named) > MOST_REASONS or any(len(name) > LONGEST_REASON for name in named):
                raise ValueError(f"expected at most {MOST_REASONS} reasons of at most {LONGEST_REASON} characters")
        totals = cls(
            int(data["observed"]),
            int(data["counted"]),
            {str(reason): int(rows) for reason, rows in dropped.items()},
            {str(name): int(values) for name, values in unreadable.items()},
        )
        every = (totals.observed, totals.counted, *totals.dropped.values(), *totals.unreadable.values())
        if min(every) < 0 or max(every) > MOST_ROWS:
            raise ValueError("expected totals of at least 0 and at most 2**53")
        if totals.counted > totals.observed:
            raise ValueError("expected no more rows counted than observed")
        return totals


def add_up(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Return the sums of what two counts have under each name."""
    sums = dict(one)
    for name, count in other.items():
        sums[name] = sums.get(name, 0) + count
    return sums


def _growth(now: Mapping[str, int], earlier: Mapping[str, int]) -> dict[str, int]:
    growth = {name: count - earlier.get(name, 0) for name, count in now.items()}
    return {name: count for name, count in growth.items() if count > 0}


def _bounded(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts under a bounded number of names, of bounded length: the last ones by name are together."""
    bounded: dict[str, int] = {}
    for place, (name, count) in enumerate(sorted(counts.items())):
        fits = len(counts) <= MOST_REASONS or place < MOST_REASONS - 1
        short = name[:LONGEST_REASON] if fits else "other"
        bounded[short] = min(MOST_ROWS, bounded.get(short, 0) + count)
    return bounded
