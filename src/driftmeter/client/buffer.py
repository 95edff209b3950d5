"""Where `observe` leaves rows: a bounded buffer that never makes a prediction wait (bench/observe.py)."""

from __future__ import annotations

import itertools
import sys
import threading
from collections import deque
from collections.abc import Iterable

Raw = tuple[dict[str, object], object, object, float]
"""A row as it came: its values, prediction, timestamp (None: use the next), and the local clock in seconds."""

_TUPLE_BYTES = sys.getsizeof((0, 1, 2, 3)) + sys.getsizeof(0.0) + 8
_SAMPLES = 8


class AtomicCounter:
    """A count that any thread adds one to without a lock: a step of `itertools.count` can't be interrupted."""

    def __init__(self) -> None:
        """Start from zero."""
        counter = itertools.count()
        self.add = counter.__next__
        self._reads, self._lock = 0, threading.Lock()

    def value(self) -> int:
        """Return how often `add` was called."""
        with self._lock:
            # reading takes a step too, so earlier reads come off
            taken = self.add() - self._reads
            self._reads += 1
            return taken


class Buffer:
    """Rows that wait to be read, at most `limit`. Any thread may put rows; one thread takes them.

    The check and the append are two steps, so that the limit may be exceeded by one row per thread.
    """

    def __init__(self, most_rows: int) -> None:
        """Begin closed for rows (`limit` 0): the first row comes to whoever opens it."""
        self.most_rows = most_rows
        self.limit = 0
        self.row_bytes = 0.0
        self.rows: deque[Raw] = deque()
        self.full, self.invalid, self.closed = AtomicCounter(), AtomicCounter(), AtomicCounter()
        self.refused = ("", "")
        """What was expected of the row that was invalid last, and what it was."""
        self.remark = ""
        """What was wrong with the last call, beside its rows; whoever says it takes it away."""

    def __len__(self) -> int:
        """Return the number of rows that wait."""
        return len(self.rows)

    def refuse(self, expected: str, got: str) -> None:
        """Count something that is no row."""
        self.refused = expected, got
        self.invalid.add()

    def take(self, most: int) -> list[Raw]:
        """Remove and return the oldest rows."""
        rows = self.rows
        return [rows.popleft() for _ in range(min(most, len(rows)))]

    def fit(self, budget: int, held: int = 0) -> None:
        """Set the limit so that rows take about `budget` bytes, and never more than `most_rows` less `held`."""
        if self.rows:
            self.weigh(self.rows[0])
        fitting = int(budget / self.row_bytes) if self.row_bytes else self.most_rows
        self.limit = max(0, min(self.most_rows - held, max(1, fitting)))

    def weigh(self, row: Raw) -> None:
        """Let the estimate of a row's bytes follow this one."""
        measured = float(row_bytes(row))
        self.row_bytes = measured if not self.row_bytes else self.row_bytes + (measured - self.row_bytes) / _SAMPLES


def row_bytes(row: Raw) -> int:
    """Estimate the memory that a waiting row holds: its dict and its values, not what these refer to."""
    return _TUPLE_BYTES + sys.getsizeof(row[0]) + _sizes(row[0].values()) + _sizes(row[1:3])


def _sizes(values: Iterable[object]) -> int:
    size = 0
    for value in values:
        try:
            size += sys.getsizeof(value)
        except Exception:  # an object may well lie about its size, or fail to say it
            size += 64
    return size
