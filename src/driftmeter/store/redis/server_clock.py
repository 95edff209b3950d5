"""The server's time, as far as this process knows it without asking each time."""

from __future__ import annotations

import time

from driftmeter.types import Clock, Milliseconds

_SUSPENDED = 1.0
"""If a host's clock and its stopwatch differ by this many seconds, it was suspended, or its clock was set."""


class ServerClock:
    """Follows the server's time by this host's stopwatch; every script that tells the time corrects it."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Begin without a time; `clock` replaces the server's time, in tests."""
        self._clock = clock
        self._ahead: float | None = None
        """By how many ms the server's time is ahead of the stopwatch; None before the first answer."""
        self._apart = 0.0
        """By how many seconds the host's clock was ahead of the stopwatch then."""

    @property
    def is_set(self) -> bool:
        """Whether the time is known."""
        return self._clock is not None or self._ahead is not None

    def learn(self, now: Milliseconds) -> None:
        """Take the server's time from an answer that has just come."""
        self._ahead = now - stopwatch() * 1000
        self._apart = host_time() - stopwatch()

    def now(self) -> Milliseconds:
        """Return the time in ms since the epoch; it must be set."""
        if self._clock is not None:
            return self._clock()
        assert self._ahead is not None
        # the stopwatch stands still while a host is suspended; the next answer says by how much it is late
        suspended = host_time() - stopwatch() - self._apart
        return int((stopwatch() + (suspended if abs(suspended) > _SUSPENDED else 0.0)) * 1000 + self._ahead)

    @property
    def argument(self) -> str:
        """What scripts are given as the time: empty if they are to use the server's own."""
        return "" if self._clock is None else str(self._clock())


def host_time() -> float:
    """Return this host's time in seconds since the epoch; it may be set forward and back."""
    return time.time()


def stopwatch() -> float:
    """Return seconds that only increase."""
    return time.monotonic()
