"""Clocks that stand still until a test sets them."""

from __future__ import annotations

from dataclasses import dataclass

from driftmeter.types import Milliseconds


@dataclass
class SetClock:
    """A clock that shows `now`, in ms since the epoch."""

    now: Milliseconds

    def __call__(self) -> Milliseconds:
        """Return the time."""
        return self.now


@dataclass
class SetStopwatch:
    """A stopwatch that shows `now`, in seconds, as a monotonic clock does."""

    now: float = 100.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now
