"""Panes: what one source has counted in a slice of event time; and closed slices, the sum over all sources."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from driftmeter.counts.summary import Summary
from driftmeter.panes.totals import SourceTotals
from driftmeter.types import Milliseconds


class PaneKey(NamedTuple):
    """Identifies a pane within its source: a change of profile or of timing starts new panes.

    Keys sort by time.

    >>> str(PaneKey(1_700_000_000_000, 10_000, "0f3a"))
    '0f3a:1700000000000:10000'
    """

    start: Milliseconds
    length: Milliseconds
    digest: str

    @property
    def end(self) -> Milliseconds:
        """The first moment after the pane."""
        return self.start + self.length

    def __str__(self) -> str:
        """Return the name of the pane in a store, which `parse` reads."""
        return f"{self.digest}:{self.start}:{self.length}"

    @classmethod
    def parse(cls, name: str) -> PaneKey:
        """Read a name that `str` wrote; raises ValueError on anything else."""
        digest, start, length = name.rsplit(":", 2)
        return cls(int(start), int(length), digest)


@dataclass(frozen=True)
class Pane:
    """What one source has counted so far in one slice of event time.

    Panes are cumulative: a higher `sequence` replaces a lower one of the same source. `watermark` is set by sources
    that read a log, and promises that no earlier row of theirs will come; live sources leave it None. `final` says that
    the source has sent all that it counted, and stops. `acknowledged` is how many of its rows in other panes were
    acknowledged before: a store that sees the source for the first time does not expect these rows.
    """

    digest: str
    start: Milliseconds
    length: Milliseconds
    source: str
    sequence: int
    summary: Summary
    totals: SourceTotals = field(default_factory=SourceTotals)
    watermark: Milliseconds | None = None
    final: bool = False
    acknowledged: int = 0

    def without_texts(self) -> Pane:
        """Return the pane without the texts of unseen categories."""
        return replace(self, summary=self.summary.without_texts()) if self.summary.unseen else self

    @property
    def end(self) -> Milliseconds:
        """The first moment after the pane."""
        return self.start + self.length


@dataclass(frozen=True)
class Slice:
    """A closed slice of event time over all sources: one frozen pane, or several merged."""

    start: Milliseconds
    length: Milliseconds
    summary: Summary

    @property
    def end(self) -> Milliseconds:
        """The first moment after the slice."""
        return self.start + self.length
