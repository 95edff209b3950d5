"""Panes: what one source has counted in one slice of event time; and slices, closed, of all sources together."""

from __future__ import annotations

from dataclasses import dataclass, field

from driftmeter.counts.summary import Summary
from driftmeter.panes.totals import Totals
from driftmeter.types import Milliseconds


@dataclass(frozen=True)
class Pane:
    """What one source has counted so far in one slice of event time.

    Cumulative: a higher `sequence` replaces a lower one of the same source. `watermark` is set by sources
    that read a log: no earlier row of theirs will come. Live sources leave it None. `final` says that the source
    has sent all that it counted, and goes; `acknowledged` how many of its rows in other panes were acknowledged
    before, which a store that hears of the source for the first time has no part in.
    """

    digest: str
    start: Milliseconds
    length: Milliseconds
    source: str
    sequence: int
    summary: Summary
    totals: Totals = field(default_factory=Totals)
    watermark: Milliseconds | None = None
    final: bool = False
    acknowledged: int = 0

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
