"""Cut a reference into panes by its own times, as a detector cuts live traffic."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from driftmeter.detectors.run import LENGTH, MOST_ELAPSED, ROWS, Pace, length_after_gap
from driftmeter.timestamps import HOUR, common_step
from driftmeter.types import Milliseconds

PANE: Milliseconds = 10_000
"""Event time is cut as the server does by default, before panes are merged."""
_MOST_PANES = 8192
_MOST_COUNTS = 50_000_000
_LEAST_PANES = 256


def cut(times: npt.NDArray[np.int64], rows: int = ROWS, length: Milliseconds = LENGTH) -> Iterator[tuple[int, Pace]]:
    """Yield, for each pane of a detector, the number of rows up to its end, and its pace.

    `times` (rows,) ascend, in ms since the epoch. A pane ends with the slice that brings it to `rows` rows, or in which
    it has lasted `length` ms, as live panes do (detectors/run.py); an unfinished one at the end is left out.

    >>> minutes = np.repeat(np.arange(5) * 60_000, 40)  # 40 rows a minute: 120 rows in three minutes
    >>> [(end, pace.elapsed) for end, pace in cut(minutes, rows=100)]
    [(120, 180000)]
    """
    slice_length = resolution(times)
    starts, first = np.unique(times // slice_length * slice_length, return_index=True)
    ends = np.append(first[1:], len(times))
    pane_start, slice_end, held, elapsed, done = -1, int(starts[0]) if len(starts) else 0, 0, 0, 0
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        passed = start + slice_length - slice_end
        if pane_start < 0:
            pane_start, held, elapsed = start, slice_length, 0
        else:
            held = length_after_gap(held, passed)
        elapsed += min(passed, MOST_ELAPSED)
        slice_end = start + slice_length
        if end - done >= rows or slice_end - pane_start >= length:
            yield end, Pace(min(held, length), elapsed)
            pane_start, done = -1, end


def resolution(times: npt.NDArray[np.int64]) -> Milliseconds:
    """Return the length, in ms, of the slices that times are cut into: the server's default, or the times' own grid.

    Whole hours are a grid of an hour; whole multiples of 10 s that divide the hour are one too; any other times are cut
    into 10 s.

    >>> resolution(np.array([3_600_000, 10_800_000])), resolution(np.array([1, 3_600_000]))
    (3600000, 10000)
    """
    grid = common_step(times)
    return HOUR if grid % HOUR == 0 else grid if grid % PANE == 0 and HOUR % grid == 0 else PANE


def most_panes(bins: int) -> int:
    """Return the most panes of `bins` bins that a calibration holds: more panes are merged two by two."""
    return max(_LEAST_PANES, min(_MOST_PANES, _MOST_COUNTS // bins))
