"""The tally of a backfill: rows that were read, counted and left out, by reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from driftmeter.data.rejected import Rejected
from driftmeter.panes.totals import SourceTotals, add_up
from driftmeter.types import JSON, Milliseconds

MOST_NAMED = 3
"""Unreadable values that are named of each column."""


@dataclass(frozen=True)
class LakeTally:
    """Rows that were read and counted; those left out by reason; unreadable values by column, and the first of them.

    `first` and `last` are the times of the earliest and the latest row that counts, None where there is none.
    """

    rows: int = 0
    counted: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    unreadable: Mapping[str, int] = field(default_factory=dict)
    named: tuple[Rejected, ...] = ()
    first: Milliseconds | None = None
    last: Milliseconds | None = None

    def __add__(self, other: LakeTally) -> LakeTally:
        """Add the tally of the rows that follow; their numbers begin at 0."""
        named = list(self.named)
        for value in other.named:
            if sum(earlier.field == value.field for earlier in named) < MOST_NAMED:
                named.append(replace(value, row=value.row + self.rows))
        firsts = [time for time in (self.first, other.first) if time is not None]
        lasts = [time for time in (self.last, other.last) if time is not None]
        return LakeTally(
            self.rows + other.rows,
            self.counted + other.counted,
            add_up(self.dropped, other.dropped),
            add_up(self.unreadable, other.unreadable),
            tuple(named),
            min(firsts, default=None),
            max(lasts, default=None),
        )

    @property
    def totals(self) -> SourceTotals:
        """The tally as a source reports it."""
        return SourceTotals(self.rows, self.counted, self.dropped, self.unreadable).bounded()

    def to_json(self) -> JSON:
        """Return plain JSON."""
        return {
            "rows": self.rows,
            "counted": self.counted,
            "dropped": dict(self.dropped),
            "unreadable": dict(self.unreadable),
            "named": [value.to_json() for value in self.named],
            "first": self.first,
            "last": self.last,
        }

    @classmethod
    def from_json(cls, content: JSON) -> LakeTally:
        """Read what `to_json` wrote."""
        named: Sequence[JSON] = content["named"]
        return cls(**{**content, "named": tuple(Rejected(**value) for value in named)})
