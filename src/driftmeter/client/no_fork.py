"""The lock that a fork waits for: what it guards would stay half done in the child, where nobody could finish it."""

from __future__ import annotations

import threading

NO_FORK = threading.RLock()
"""Held while a thread makes profiles and their tables (until Python 3.12 `cached_property` has a lock), and while it
imports a module, which is locked meanwhile: in the child of a fork at that moment both would stay locked for ever.

A thread that forks while it holds the lock itself goes on in the child, hence the lock is one that it may take again.
"""
