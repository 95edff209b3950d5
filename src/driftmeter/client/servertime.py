"""The server's time, estimated from a local clock that never jumps."""

from __future__ import annotations

from driftmeter.types import Milliseconds

DRIFT = 1e-4
"""How fast two clocks may drift apart: 0.1 ms a second, more than any quartz clock does."""


class ServerTime:
    """The server's clock as an offset to a local monotonic one.

    The server stamped an answer between `sent` and `received`, so the offset is known to half the round trip. The
    estimate with the least uncertainty is kept. Its uncertainty grows with age, so that a later one replaces it in
    the end. A sample that contradicts it replaces it at once: one of the clocks was set, or slept.

    >>> time = ServerTime()
    >>> time.sample(sent=10.0, received=10.2, server=5_000)
    >>> time.at(11.0)
    5900
    """

    def __init__(self) -> None:
        """Start without a sample."""
        self.offset: float | None = None
        """Milliseconds to add to the local clock in milliseconds; None before the first sample."""
        self._error, self._taken = 0.0, 0.0

    def sample(self, sent: float, received: float, server: Milliseconds) -> None:
        """Learn from one answer: local seconds around it, and the server's milliseconds in it."""
        # milliseconds on the wire are rounded down: half of one is lost on average
        offset = server + 0.5 - (sent + received) * 500
        error = (received - sent) * 500 + 0.5
        aged = self._error + (received - self._taken) * 1000 * DRIFT
        if self.offset is None or error <= aged or abs(offset - self.offset) > error + aged:
            self.offset, self._error, self._taken = offset, error, received

    def at(self, moment: float) -> Milliseconds:
        """Return the server's time at a local moment in seconds; raises LookupError before the first sample."""
        if self.offset is None:
            raise LookupError("the server's time is not known yet")
        return int(moment * 1000 + self.offset)
