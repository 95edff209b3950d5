"""What is still to be read: calls whose rows are observed later, many at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

Count = Callable[[Sequence[tuple[Any, float]]], None]
"""Observes the rows of items, each of which came at a time of the local clock in seconds. It does not raise."""


class Deferred:
    """Items whose rows are still to be observed. Any thread may add some or observe them; each is observed once."""

    def __init__(self) -> None:
        """Start without any."""
        self.items: deque[tuple[Count, tuple[Any, float]]] = deque()
        """Each with the function that counts it."""
        self.is_open = False
        """Whether rows are counted in the call, so that a thread runs which gathers."""

    def gather(self) -> None:
        """Observe the rows of all items."""
        items, taken = self.items, dict[Count, list[tuple[Any, float]]]()
        with suppress(IndexError):  # another thread is faster
            while items:
                count, item = items.popleft()
                taken.setdefault(count, []).append(item)
        for count, some in taken.items():
            count(some)
