"""An engine's caches of what is in the store. Losing any of it costs time, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class AgingCache(Generic[K, V]):
    """Values that turn stale some seconds after they were read, or when they are expired.

    A stale value is still there, for callers that cannot ask the source of the values. Thread-safe.
    """

    def __init__(self, seconds: float, stopwatch: Callable[[], float]) -> None:
        """Take values as fresh for `seconds` by `stopwatch`, which gives seconds and never goes back."""
        self._seconds = seconds
        self._stopwatch = stopwatch
        self._entries: dict[K, tuple[V, float | None]] = {}
        self._changed_at = float("-inf")  # when any value was last dropped or expired
        self._lock = threading.Lock()  # for changes; each read touches the dictionary once

    def put(self, key: K, value: V, read_at: float) -> None:
        """Keep a value that was asked for at `read_at`, by the stopwatch.

        It is stale if any value was dropped or expired since: it may be from before the change.
        """
        with self._lock:
            self._entries[key] = value, read_at if read_at >= self._changed_at else None

    def renew(self, key: K, value: V, read_at: float) -> None:
        """Keep a value in place of an older one; do nothing if that was dropped or expired meanwhile."""
        with self._lock:
            before = self._entries.get(key, (None, None))[1]
            if before is not None and before < read_at:
                self._entries[key] = value, read_at

    def fresh(self, key: K) -> V | None:
        """Return a value unless it is stale, None if there is none."""
        value, read_at = self._entries.get(key, (None, None))
        return value if read_at is not None and self._stopwatch() - read_at <= self._seconds else None

    def fresh_or_stale(self, key: K) -> V | None:
        """Return a value however old it is, None if there is none."""
        return self._entries.get(key, (None, None))[0]

    def expire(self, key: K) -> None:
        """Make a value stale now, and those that were asked for and have not come."""
        with self._lock:
            self._changed_at = self._stopwatch()
            entry = self._entries.get(key)
            if entry is not None:
                self._entries[key] = entry[0], None

    def drop(self, key: K) -> None:
        """Forget a value; those that were asked for and have not come are stale when they come."""
        with self._lock:
            self._changed_at = self._stopwatch()
            self._entries.pop(key, None)


class ProfileCache(Generic[V]):
    """Values by model and digest of a profile; beyond a total weight the least recently used are dropped.

    The last one stays, however heavy it is. Thread-safe.
    """

    def __init__(self, most: int | None = None, weight: Callable[[V], int] = lambda value: 1) -> None:
        """Keep values up to a total weight of `most`, without bound if that is None."""
        self._most = most
        self._weight = weight
        self._values: dict[tuple[str, str], V] = {}  # least recently used first
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self._values)

    def get(self, model: str, digest: str) -> V | None:
        """Return a value, which is then the most recently used, or None."""
        with self._lock:
            value = self._values.pop((model, digest), None)
            if value is not None:
                self._values[model, digest] = value
            return value

    def put(self, model: str, digest: str, value: V) -> None:
        """Keep a value as the most recently used; replaces the one of that profile."""
        with self._lock:
            self._values.pop((model, digest), None)
            self._values[model, digest] = value
            if self._most is None:
                return
            total = sum(map(self._weight, self._values.values()))
            while total > self._most and len(self._values) > 1:
                total -= self._weight(self._values.pop(next(iter(self._values))))

    def drop_model(self, model: str) -> None:
        """Forget all values of a model."""
        with self._lock:
            for key in [key for key in self._values if key[0] == model]:
                del self._values[key]
