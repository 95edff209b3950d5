"""Listeners to new verdicts: event streams and the announcer."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from driftmeter.server.watch.view import ModelView


class Listener:
    """Hands on the newest view of each model; a slow reader misses the views in between, and delays nothing.

    Belongs to one event loop.
    """

    def __init__(self, listeners: set[Listener], stopping: asyncio.Event) -> None:
        """Belong to `listeners` while used as a context manager; end when `stopping` is set."""
        self._listeners = listeners
        self._stopping = stopping
        self._views: dict[str, ModelView] = {}
        self._woken = asyncio.Event()

    def __enter__(self) -> Listener:
        """Start to listen."""
        self._listeners.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._listeners.discard(self)

    def offer(self, view: ModelView) -> None:
        """Keep a view until it is asked for."""
        self._views[view.model] = view
        self._woken.set()

    def wake(self) -> None:
        """End the wait of `next`."""
        self._woken.set()

    async def next(self, timeout: float) -> list[ModelView] | None:
        """Return the new views, an empty list after `timeout` seconds without any, None when the server stops."""
        with suppress(TimeoutError):
            if not self._stopping.is_set():
                await asyncio.wait_for(self._woken.wait(), timeout)
        if self._stopping.is_set():
            return None
        self._woken.clear()
        views, self._views = list(self._views.values()), {}
        return views
