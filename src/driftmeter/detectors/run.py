"""A detector's own pane: a run of closed slices with enough rows in it, or enough time.

slices      ▁▁ ▁▁ ▁▁    ▁▁ ▁▁          ▁▁ ▁▁
rows        40 60 30     0 70          20 90
runs        [───] [──────────]         [───]      complete at 100 rows, or after an hour
length      20 s  gap 1h at most       20 s       of a run: time that held rows, short gaps included
elapsed     ────► ────────────►  ────────────►    of a run: event time since the one before, of a gap a day at most
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from driftmeter.panes.pane import Slice
from driftmeter.timestamps import DAY, HOUR
from driftmeter.types import Counts, Milliseconds

ROWS = 100
LENGTH: Milliseconds = HOUR
"""By default a run is complete once it holds ROWS rows or has lasted LENGTH."""
LONGEST_GAP: Milliseconds = HOUR
"""A longer stretch without rows adds no more than this to a run's length: its rows would be unknown."""
MOST_ELAPSED: Milliseconds = DAY
"""The most event time that counts from one slice to the next. A daily batch stands for its day, and office hours also
stand for the night after them, but an outage of weeks must not raise the chance of an alarm."""


def elapsed_since(last: Milliseconds, end: Milliseconds) -> Milliseconds:
    """Return the event time, in ms, that a slice stands for: it ends at `end`, the slice before it ended at `last`.

    >>> elapsed_since(0, 3 * HOUR) // HOUR, elapsed_since(0, 21 * DAY) // HOUR
    (3, 24)
    """
    return min(end - last, MOST_ELAPSED)


def length_after_gap(length: Milliseconds, gap: Milliseconds) -> Milliseconds:
    """Return the length of a run, in ms, after `gap` ms without rows; at most LONGEST_GAP of a gap counts.

    >>> length_after_gap(10_000, 10_000), length_after_gap(10_000, 5 * HOUR) == 10_000 + HOUR
    (20000, True)
    """
    return length + min(gap, LONGEST_GAP)


@dataclass(frozen=True)
class Pace:
    """How panes have come: `held` ms of their time held rows, and they stand for `elapsed` ms of event time.

    Hourly batches of one minute: a minute of an hour is held, so the ratio is 60.

    >>> Pace(held=60_000, elapsed=HOUR).ratio
    60.0
    """

    held: Milliseconds = 0
    elapsed: Milliseconds = 0

    @property
    def ratio(self) -> float:
        """Event time that panes stand for, divided by the time that held rows; 1 without gaps, and without rows."""
        return max(1.0, self.elapsed / self.held) if self.held else 1.0

    def length_of(self, held: Milliseconds, elapsed: Milliseconds, usual: float) -> Milliseconds:
        """Return the length, in ms, that a window counts for; it held rows for `held` ms and stands for `elapsed` ms.

        The panes of a day share its event time in proportion to the time that held rows, as they did in the reference,
        where the ratio was `usual`. If they come otherwise now, a window counts for no more than its own event time.
        """
        return int(min(held * self.ratio, max(elapsed, held * usual)))


@dataclass(frozen=True, eq=False)
class Run:
    """Consecutive slices added up, from `start` to `end`: `counts` (bins,) of `rows` rows.

    `length` is the time in ms that counts as holding rows: `end - start`, with each gap shortened to an hour at most.
    `elapsed` is the event time that the run stands for, from the end of the run before it: each slice stands for a day
    at most.
    """

    start: Milliseconds
    end: Milliseconds
    length: Milliseconds
    elapsed: Milliseconds
    rows: int
    counts: Counts

    @classmethod
    def of(cls, slice_: Slice, last: Milliseconds | None) -> Run:
        """Begin with one slice; the run before it ended at `last`, None if it is the first."""
        elapsed = elapsed_since(slice_.start if last is None else last, slice_.end)
        return cls(slice_.start, slice_.end, slice_.length, elapsed, slice_.summary.rows, slice_.summary.counts)

    def __add__(self, slice_: Slice) -> Run:
        """Go on with the next slice."""
        return Run(
            self.start,
            slice_.end,
            length_after_gap(self.length, slice_.end - self.end),
            self.elapsed + elapsed_since(self.end, slice_.end),
            self.rows + slice_.summary.rows,
            self.counts + slice_.summary.counts,
        )

    def complete(self, rows: int, length: Milliseconds) -> bool:
        """Return whether the run has `rows` rows or has lasted `length` ms, gaps included."""
        return self.rows >= rows or self.end - self.start >= length


def runs(slices: Iterable[Slice], rows: int, length: Milliseconds) -> Iterator[Run]:
    """Yield the complete runs of ascending slices; an unfinished one at the end is left out."""
    run: Run | None = None
    last: Milliseconds | None = None
    for slice_ in slices:
        if not slice_.summary.rows:
            continue
        run = Run.of(slice_, last) if run is None else run + slice_
        if run.complete(rows, length):
            yield run
            last = run.end
            run = None


def complete_runs(
    run: Run | None, last: Milliseconds | None, slices: Sequence[Slice], rows: int, length: Milliseconds
) -> tuple[list[tuple[int, Run]], Run | None]:
    """Go on with an unfinished run, if any: return each run that slices complete, and what is unfinished then.

    A run comes with the index of the slice that completes it; `last` is where the run before ended, None before the
    first. Slices without rows count within a run only.
    """
    done: list[tuple[int, Run]] = []
    parts: list[Counts] = []  # added up once a run is complete: cheaper than run by run
    start = end = held = elapsed = total = 0
    if run is not None:
        start, end, held, elapsed, total, parts = run.start, run.end, run.length, run.elapsed, run.rows, [run.counts]
    for index, slice_ in enumerate(slices):
        summary, slice_end = slice_.summary, slice_.end
        if parts:
            held, total = length_after_gap(held, slice_end - end), total + summary.rows
            elapsed += elapsed_since(end, slice_end)
        elif summary.rows:
            start, held, total = slice_.start, slice_.length, summary.rows
            elapsed = elapsed_since(start if last is None else last, slice_end)
        else:
            continue
        end = slice_end
        parts.append(summary.counts)
        if total >= rows or end - start >= length:
            done.append((index, Run(start, end, held, elapsed, total, _sum(parts))))
            last, parts = end, []
    return done, Run(start, end, held, elapsed, total, _sum(parts)) if parts else None


def _sum(parts: Sequence[Counts]) -> Counts:
    if len(parts) == 1:
        return parts[0]
    counts: Counts = parts[0] + parts[1]
    for part in parts[2:]:
        counts += part
    return counts
