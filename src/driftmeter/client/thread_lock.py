"""A lock that a signal handler may meet: it runs in the thread that it interrupts, which may hold the lock."""

from __future__ import annotations

import threading
from types import TracebackType


class ThreadLock:
    """A lock that is never waited for by the thread that holds it.

    >>> lock = ThreadLock()
    >>> with lock:
    ...     lock.enter()
    False
    """

    def __init__(self) -> None:
        """Start free."""
        # the lock of a thread that is interrupted between two of these steps lets the handler in, which leaves first
        self._lock = threading.RLock()
        self._inside = False

    def enter(self, *, wait: bool = True) -> bool:
        """Take the lock; False where this thread has it already, or where another has it and there is no `wait`."""
        if not self._lock.acquire(blocking=wait):
            return False
        if self._inside:
            self._lock.release()
            return False
        self._inside = True
        return True

    def leave(self) -> None:
        """Give the lock back, after an `enter` that was True."""
        self._inside = False
        self._lock.release()

    def __enter__(self) -> None:
        """Take the lock; raises RuntimeError where this thread has it already."""
        if not self.enter():
            raise RuntimeError("this thread has the lock already")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back."""
        self.leave()
