"""From a block of a table to the rows that count, their panes, and what became of the others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt

from driftmeter.backfill.tally import LakeTally
from driftmeter.counts.rows import Reader, Rows
from driftmeter.data.columns import columns_of
from driftmeter.data.rejected import Rejected
from driftmeter.data.time_columns import Times, read_times
from driftmeter.panes.timing import Timing
from driftmeter.panes.watermark import MAX_AHEAD
from driftmeter.types import Milliseconds

UNREADABLE, NO_ARRIVAL, INVALID = "unreadable time", "unreadable arrival", "invalid"
BEFORE, AFTER, CLOSED, LATE, FUTURE = "before --since", "after the end", "closed", "late", "future"

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class EventTimes:
    """Which column says when a row happened, which when it arrived, and how both are written.

    A row without an arrival counts as having come in time. Times that name no zone are of `zone`, or of UTC.
    """

    column: str
    arrival: str | None = None
    written: str | None = None
    zone: str | None = None


@dataclass(frozen=True)
class Bounds:
    """Which rows count: from `since`, and before `end`; panes that end by `closed` are closed already.

    `since` is None where the source is read from its beginning. `end` and `closed` are starts of panes.
    """

    timing: Timing
    since: Milliseconds | None
    end: Milliseconds
    closed: Milliseconds

    def reasons(self, times: Times, arrivals: Times | None) -> list[tuple[str, Mask]]:
        """Return which rows do not count, by reason; where several hold, the first one is the reason.

        `arrivals` (rows,) are the times when the rows arrived, None where nobody wrote these down: then all rows came
        in time. As live, a row is late if its pane ended a lateness before it arrived.
        """
        pane = self.timing.pane
        ends = times // pane * pane + pane
        reasons = [] if self.since is None else [(BEFORE, times < self.since)]
        if arrivals is not None:
            reasons.append((FUTURE, times > arrivals + MAX_AHEAD))
            reasons.append((LATE, ends <= arrivals - self.timing.lateness))
        return [*reasons, (AFTER, times >= self.end), (CLOSED, ends <= self.closed)]


@dataclass(frozen=True)
class RowBlock:
    """Rows that count, the numbers of their panes since the epoch (rows,), and the tally of all rows of the block."""

    rows: Rows
    panes: npt.NDArray[np.int64]
    tally: LakeTally
    unreadable_times: Sequence[Rejected]


def read_block(frame: nw.DataFrame[Any], reader: Reader, columns: EventTimes, bounds: Bounds) -> RowBlock:
    """Read a block of a frame; the numbers of its rows begin at 0.

    Raises InputError where most times are numbers that are no seconds.
    """
    rows, rejected, _ = reader.read_columns(columns_of(frame, reader.names) or {"": [None] * len(frame)})
    times, bad = _times(frame, columns.column, columns)
    reasons = [(UNREADABLE, times < 0)]
    arrivals: Times | None = None
    if columns.arrival is not None:
        arrivals, without = _times(frame, columns.arrival, columns)
        reasons.append((NO_ARRIVAL, arrivals < 0))
        bad = [*bad, *without]
    usable = np.zeros(len(frame), bool)
    usable[rows.index] = True
    dropped: dict[str, int] = {}
    for reason, mask in [(INVALID, ~usable), *reasons, *bounds.reasons(times, arrivals)]:
        number = int(np.count_nonzero(mask & usable)) if reason != INVALID else int(np.count_nonzero(mask))
        if number:
            dropped[reason] = number
            usable &= ~mask
    times = times[rows.index]
    kept = np.flatnonzero(usable[rows.index])
    if len(kept) < len(rows):
        rows, times = rows.take(kept), times[kept]
    tally = LakeTally(
        rows=len(frame),
        counted=len(rows),
        dropped=dropped,
        unreadable=reader.unreadable(rows) if rejected else {},
        named=_first(rejected),
        first=int(times.min()) if len(times) else None,
        last=int(times.max()) if len(times) else None,
    )
    return RowBlock(rows, times // bounds.timing.pane, tally, bad)


def _times(frame: nw.DataFrame[Any], name: str, columns: EventTimes) -> tuple[Times, list[Rejected]]:
    if name not in frame.columns:
        missing = [Rejected(row, name, "a time", "nothing") for row in range(min(len(frame), 10))]
        return np.full(len(frame), -1, np.int64), missing
    written = columns.written if name == columns.column else None
    return read_times(frame[name], name, columns.zone, written)


def _first(rejected: Iterable[Rejected]) -> tuple[Rejected, ...]:
    return tuple(value for value in rejected if value.field)
