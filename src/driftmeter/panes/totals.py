"""Totals: how many rows a source has observed, counted and dropped since it started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from driftmeter.types import JSON

MOST_ROWS = 2**53
"""The largest total: every JSON reader holds integers up to here exactly."""
MOST_REASONS = 32
LONGEST_REASON = 64


@dataclass(frozen=True)
class SourceTotals:
    """Rows that a source has observed, counted, and dropped by reason, since it started.

    `unreadable` are the values that could not be read, by column, in the rows that were counted.
    """

    observed: int = 0
    counted: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    unreadable: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: SourceTotals) -> SourceTotals:
        """Add the totals of two sources, or of two parts of one source."""
        return SourceTotals(
            self.observed + other.observed,
            self.counted + other.counted,
            add_up(self.dropped, other.dropped),
            add_up(self.unreadable, other.unreadable),
        )

    def bounded(self) -> SourceTotals:
        """Return totals that `from_json` accepts: a sum of such totals may be too large, or have too many reasons."""
        observed = min(MOST_ROWS, self.observed)
        return SourceTotals(observed, min(observed, self.counted), _bounded(self.dropped), _bounded(self.unreadable))

    def followed_by(self, other: SourceTotals) -> SourceTotals:
        """Return the later of two reports of one source: a report that was overtaken on the way changes nothing."""
        return other if other.observed >= self.observed else self

    def dropped_since(self, earlier: SourceTotals) -> dict[str, int]:
        """Return by how many rows each reason has grown since earlier totals of the same source."""
        return _growth(self.dropped, earlier.dropped)

    def unreadable_since(self, earlier: SourceTotals) -> dict[str, int]:
        """Return by how many unreadable values each column has grown since earlier totals of the same source."""
        return _growth(self.unreadable, earlier.unreadable)

    def to_json(self) -> JSON:
        """Return plain JSON; `unreadable` only where it is not empty."""
        return {
            "observed": self.observed,
            "counted": self.counted,
            "dropped": dict(sorted(self.dropped.items())),
            **({"unreadable": dict(sorted(self.unreadable.items()))} if self.unreadable else {}),
        }

    @classmethod
    def from_json(cls, data: JSON) -> SourceTotals:
        """Read what `to_json` wrote; raises ValueError on totals that no source can have."""
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
    """Add two mappings of counts, name by name."""
    sums = dict(one)
    for name, count in other.items():
        sums[name] = sums.get(name, 0) + count
    return sums


def _growth(now: Mapping[str, int], earlier: Mapping[str, int]) -> dict[str, int]:
    growth = {name: count - earlier.get(name, 0) for name, count in now.items()}
    return {name: count for name, count in growth.items() if count > 0}


def _bounded(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts under at most MOST_REASONS names of bounded length; the last names are added up as "other"."""
    bounded: dict[str, int] = {}
    for index, (name, count) in enumerate(sorted(counts.items())):
        fits = len(counts) <= MOST_REASONS or index < MOST_REASONS - 1
        kept = name[:LONGEST_REASON] if fits else "other"
        bounded[kept] = min(MOST_ROWS, bounded.get(kept, 0) + count)
    return bounded
