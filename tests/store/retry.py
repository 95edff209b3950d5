"""What a client does while the store is away: it tries again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from driftmeter.errors import StoreUnavailableError

T = TypeVar("T")


def until_available(call: Callable[[], T], *, seconds: float = 60.0) -> T:
    """Return what a call returns as soon as it does not raise StoreUnavailableError."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return call()
        except StoreUnavailableError:
            assert time.monotonic() < deadline, "the store does not come back"
            time.sleep(0.01)
