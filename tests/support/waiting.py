"""Waiting for what other threads and processes do, with a sentence where it never comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T | None], what: str, *, seconds: float = 30.0) -> T:
    """Return what `check` returns as soon as it is true; fail with `what` and its last answer after so many seconds.

    What `check` raises is raised at once. It is asked after 10 ms, and then less and less often, up to every 250 ms.
    """
    deadline, pause = time.monotonic() + seconds, 0.01
    while True:
        answer = check()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s, last: {answer!r}"
        time.sleep(pause)
        pause = min(1.5 * pause, 0.25)
