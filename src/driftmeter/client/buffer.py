"""The bounded buffer into which `observe` puts rows; it never makes a prediction wait (bench/observe.py)."""

from __future__ import annotations

import itertools
import sys
from collections import deque
from collections.abc import Iterable

from driftmeter.client.deferred import Deferred
from driftmeter.client.live import LiveCounter

Raw = tuple[dict[str, object], object, object, float]
"""A row as it came: values, prediction, timestamp (None: use the clock), and the local clock in seconds."""

_TUPLE_BYTES = sys.getsizeof((0, 1, 2, 3)) + sys.getsizeof(0.0) + 8
_SAMPLES = 8


class AtomicCounter:
    """A count to which any thread adds one without a lock: a step of `itertools.count` can't be interrupted."""

    def __init__(self) -> None:
        """Start from zero."""
        self._calls = itertools.count()
        self.add = self._calls.__next__

    def value(self) -> int:
        """Return how often `add` was called, by any thread."""
        return int(repr(self._calls)[len("count(") : -1])  # without a step


class Buffer:
    """Rows that wait to be typed, at most `limit`. Any thread may append rows; one thread takes them.

    Check and append are two steps: each thread may exceed the limit by one row.
    """

    def __init__(self, most_rows: int) -> None:
        """Start with a `limit` of 0: only the first row tells how many fit. A limit of -1 is for a closed buffer."""
        self.most_rows = most_rows
        self.limit = 0
        self.row_bytes = 0.0
        self.rows: deque[Raw] = deque()
        self.full, self.invalid, self.closed = AtomicCounter(), AtomicCounter(), AtomicCounter()
        self.last_invalid = ("", "")
        """What was expected in place of the last invalid row, and what came."""
        self.deferred = Deferred()
        """What is still to be observed."""
        self.live: LiveCounter | None = None
        """Counts rows in the place of the buffer, once there is one."""
        self.remark = ""
        """What was wrong with the last call apart from its rows, until it is logged."""

    def __len__(self) -> int:
        """Return the number of rows that wait."""
        return len(self.rows)

    def count_invalid(self, expected: str, got: str) -> None:
        """Count something that is no row."""
        self.last_invalid = expected, got
        self.invalid.add()

    def close(self) -> None:
        """Take no more rows, here or by the live counter."""
        self.limit = -1
        if self.live is not None:
            self.live.close()

    def take(self, most: int) -> list[Raw]:
        """Remove and return the oldest rows, at most `most`."""
        rows = self.rows
        return [rows.popleft() for _ in range(min(most, len(rows)))]

    def fit(self, budget: int, held: int = 0) -> None:
        """Set the limit so that rows take about `budget` bytes, and with the `held` rows never exceed `most_rows`."""
        if self.rows:
            self.weigh(self.rows[0])
        fitting = int(budget / self.row_bytes) if self.row_bytes else self.most_rows
        self.limit = max(0, min(self.most_rows - held, max(1, fitting)))

    def weigh(self, row: Raw) -> None:
        """Move the estimate of a row's bytes towards this one."""
        measured = float(row_bytes(row))
        self.row_bytes = measured if not self.row_bytes else self.row_bytes + (measured - self.row_bytes) / _SAMPLES


def row_bytes(row: Raw) -> int:
    """Estimate the memory of a waiting row: its dict and its values, without the objects to which values refer."""
    return _TUPLE_BYTES + sys.getsizeof(row[0]) + _sizes(row[0].values()) + _sizes(row[1:3])


def _sizes(values: Iterable[object]) -> int:
    size = 0
    for value in values:
        try:
            size += sys.getsizeof(value)
        except Exception:  # an object may fail to tell its size
            size += 64
    return size
