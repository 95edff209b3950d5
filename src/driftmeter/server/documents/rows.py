"""The rows of a model by quarters of an hour, of which each slice is read once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from driftmeter.page.buckets import Buckets
from driftmeter.page.past import DAYS, HOURS, SliceRows, rows_by_bucket
from driftmeter.types import Milliseconds

ReadRows = Callable[[Milliseconds, Milliseconds], SliceRows]
"""Reads start, end and rows of the slices that end after one time and by another, ascending by end."""
_STEP = HOURS[0]
_REACH = DAYS[0] * (DAYS[1] + 1)


class RowCounts:
    """The rows of one profile in the last 30 days. Thread-safe."""

    def __init__(self) -> None:
        """Know nothing."""
        self._until: Milliseconds = 0
        self._rows: dict[Milliseconds, int] = {}  # by the end of a quarter
        self._lock = threading.Lock()

    def first(self, newest: Milliseconds, read: ReadRows) -> Milliseconds:
        """Return where the first quarter with rows begins, of those of the last 30 days; `newest` without rows."""
        with self._lock:
            self._refresh(newest, read)
            return min((end - _STEP for end in self._rows), default=newest)

    def of(self, buckets: Buckets, newest: Milliseconds, read: ReadRows) -> list[int]:
        """Return the rows by bucket; `newest` is the end of the last slice to count.

        Only those of buckets that are no whole quarters are read anew: they show less than a day.
        """
        if buckets.step % _STEP:
            return rows_by_bucket(buckets, read(buckets.start, newest))
        with self._lock:
            self._refresh(newest, read)
            rows = [(end - _STEP, end, count) for end, count in self._rows.items()]
        return rows_by_bucket(buckets, rows)

    def _refresh(self, newest: Milliseconds, read: ReadRows) -> None:
        oldest = newest - _REACH
        since = max(self._until, oldest)
        slices = [*read(since, newest)] if newest > since else []
        if self._until and any(start < self._until for start, _, _ in slices):  # merged since with what is known
            self._rows.clear()
            slices = [*read(oldest, newest)]
        for _, end, count in slices:
            quarter = -(-end // _STEP) * _STEP
            self._rows[quarter] = self._rows.get(quarter, 0) + count
        for quarter in [quarter for quarter in self._rows if quarter <= oldest]:
            del self._rows[quarter]
        self._until = max(self._until, newest)
