"""Waiting for other threads and processes, with a clear message after a timeout."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T | None], what: str, *, seconds: float = 30.0) -> T:
    """Call `check` until its answer is true, and return it; after `seconds`, fail with `what` and the last answer.

    An exception of `check` is raised at once. The pauses between calls grow from 10 ms to 250 ms.
    """
    deadline, pause = time.monotonic() + seconds, 0.01
    while True:
        answer = check()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s, last: {answer!r}"
        time.sleep(pause)
        pause = min(1.5 * pause, 0.25)
