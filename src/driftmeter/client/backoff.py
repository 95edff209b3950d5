"""How long to wait before a server that does not answer is asked again."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST, MOST = 0.25, 5.0
MOST_ASKED = 60.0
"""Longest Retry-After that is obeyed, in seconds: the tier is asked once a minute at least."""


class Backoff:
    """Growing pauses in seconds, with jitter: from 0.25 to at most 5, or what the server asks for."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        """Take `jitter`, a source of numbers in [0, 1)."""
        self.failures = 0
        self._jitter = jitter

    def failed(self, retry_after: float | None = None) -> float:
        """Return how long to wait after one more failure."""
        pause = min(MOST, FIRST * 2.0 ** min(self.failures, 10)) * (0.5 + self._jitter() / 2)
        self.failures += 1
        if retry_after is None:
            return pause
        # sources that were refused at the same moment must not come back at the same moment
        return max(pause, min(retry_after, MOST_ASKED) * (1 + self._jitter() / 4))

    def succeeded(self) -> None:
        """Begin from the shortest pause again."""
        self.failures = 0
