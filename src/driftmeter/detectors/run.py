"""A detector's own pane: a run of closed slices with enough rows in it, or enough time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from driftmeter.panes.pane import Slice
from driftmeter.timestamps import DAY, HOUR
from driftmeter.types import Counts, Milliseconds

ROWS = 100
LENGTH: Milliseconds = HOUR
"""A run is complete once it holds so many rows or has lasted so long, unless settings say otherwise."""
LONGEST_GAP: Milliseconds = HOUR
"""A longer stretch without rows adds no more to how long a run counts: nothing is known of what it would have held."""
MOST_PASSED: Milliseconds = DAY
"""From one run to the next counts a day at most: a batch a day stands for its day, and nights and weekends belong to
office hours, but an outage of weeks earns no alarm."""


def passed(since: Milliseconds, end: Milliseconds) -> Milliseconds:
    """Return how much of event time a run that ends at `end` stands for, when the one before ended at `since`."""
    return min(end - since, MOST_PASSED)


@dataclass(frozen=True)
class Pace:
    """How panes came so far: how much of their time `held` rows, and how much of event time they stand for."""

    held: Milliseconds = 0
    passed: Milliseconds = 0

    @property
    def ratio(self) -> float:
        """Time that panes stand for over time that held rows: 1 where rows come without a gap, 24 of hourly batches a
        day."""
        return max(1.0, self.passed / self.held) if self.held else 1.0

    def length_of(self, held: Milliseconds, passed: Milliseconds, usual: float) -> Milliseconds:
        """Return how long a window counts that held rows for so long, and stands for so much of event time.

        The panes of a day share what it stands for, by the time that held rows, as they did in the reference, where the
        ratio was `usual`. Where they come otherwise now, a window counts for no more than it stands for.
        """
        return int(min(held * self.ratio, max(passed, held * usual)))


def lasted(length: Milliseconds, gap: Milliseconds) -> Milliseconds:
    """Return how long a run counts once `gap` more of event time has passed."""
    return length + min(gap, LONGEST_GAP)


@dataclass(frozen=True, eq=False)
class Run:
    """Consecutive slices added up: from `start` to `end`, of which `length` counts as time that held rows."""

    start: Milliseconds
    end: Milliseconds
    length: Milliseconds
    rows: int
    counts: Counts

    @classmethod
    def of(cls, slice_: Slice) -> Run:
        """Begin with one slice."""
        return cls(slice_.start, slice_.end, slice_.length, slice_.summary.rows, slice_.summary.counts)

    def __add__(self, slice_: Slice) -> Run:
        """Go on with the next slice."""
        return Run(
            self.start,
            slice_.end,
            lasted(self.length, slice_.end - self.end),
            self.rows + slice_.summary.rows,
            self.counts + slice_.summary.counts,
        )

    def complete(self, rows: int, length: Milliseconds) -> bool:
        """Say whether it has that many rows, or has lasted that long."""
        return self.rows >= rows or self.end - self.start >= length


def runs(slices: Iterable[Slice], rows: int, length: Milliseconds) -> Iterator[Run]:
    """Yield the complete runs of some slices, ascending; an unfinished one at the end is left out."""
    run: Run | None = None
    for each in slices:
        if not each.summary.rows:
            continue
        run = Run.of(each) if run is None else run + each
        if run.complete(rows, length):
            yield run
            run = None
