"""Forks and the ends of processes: every monitor begins anew in a child, and is closed at the end."""

from __future__ import annotations

import atexit
import functools
import os
import sys
import time
import weakref
from typing import Protocol

from driftmeter.client.no_fork import NO_FORK

EXIT_TIMEOUT = 2.0
"""Seconds that an exiting interpreter waits for the last panes of all its monitors."""


class ProcessBound(Protocol):
    """What belongs to one process: it begins anew in a child, and has rows to send before the end.

    Monitors are such; two of the methods are not for their users.
    """

    def _begin_anew(self) -> None:
        """Start from zero, in the child of a fork."""
        ...

    def _begin_close(self, timeout: float) -> None:
        """Take no more rows, and give those at hand `timeout` seconds; return at once."""
        ...

    def close(self, timeout: float) -> bool:
        """Wait for the end of what `_begin_close` began."""
        ...


_open: weakref.WeakSet[ProcessBound] = weakref.WeakSet()


def register(monitor: ProcessBound) -> None:
    """Register a monitor for forks and the end of the process, until `unregister`."""
    _hook_in()
    _open.add(monitor)


def unregister(monitor: ProcessBound) -> None:
    """Leave a monitor alone from now on."""
    _open.discard(monitor)


def close_with_child() -> None:
    """Close all at the end of a process of multiprocessing, which never comes to its atexit handlers."""
    util, process = sys.modules.get("multiprocessing.util"), sys.modules.get("multiprocessing.process")
    if util and process and process.parent_process() is not None:
        util.Finalize(None, _close_all, exitpriority=0)


@functools.cache
def _hook_in() -> None:
    """Register for forks and the interpreter's end, once."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=NO_FORK.acquire, after_in_parent=NO_FORK.release, after_in_child=_after_fork)
    atexit.register(_close_all)


def _after_fork() -> None:
    NO_FORK.release()
    for monitor in list(_open):
        monitor._begin_anew()


def _close_all() -> None:
    monitors = list(_open)
    deadline = time.monotonic() + EXIT_TIMEOUT
    for monitor in monitors:
        monitor._begin_close(EXIT_TIMEOUT)
    for monitor in monitors:
        monitor.close(max(0.0, deadline - time.monotonic()))
