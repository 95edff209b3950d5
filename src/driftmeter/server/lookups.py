"""Questions to the store that requests wait for: on threads of their own, each asked once, and none for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from driftmeter.errors import StoreUnavailableError

T = TypeVar("T")

_AWAY = 1.0
"""Seconds for which a store that did not answer is not asked again."""


class Lookups:
    """Asks a store on behalf of requests. Belongs to one event loop."""

    def __init__(self) -> None:
        """Ask nothing yet."""
        self._threads = ThreadPoolExecutor(4, "driftmeter-lookup")
        self._asked: dict[object, asyncio.Future[Any]] = {}
        self._away_until = 0.0

    async def ask(self, what: object, ask: Callable[[], T], patience: float) -> T:
        """Ask once for all requests that want to know `what`, and not at all in the second after the store did not
        answer. Raises what `ask` does, and StoreUnavailableError for who would wait longer than `patience` seconds."""
        asked: asyncio.Future[T] | None = self._asked.get(what)
        if asked is None:
            loop = asyncio.get_running_loop()
            if loop.time() < self._away_until:
                raise StoreUnavailableError("the store does not answer")
            asked = self._asked[what] = loop.run_in_executor(self._threads, ask)
            asked.add_done_callback(lambda done: self._answered(what, done))
        await asyncio.wait([asked], timeout=patience)
        if not asked.done():
            raise StoreUnavailableError(f"the store has not answered within {patience:g} s")
        return asked.result()

    def _answered(self, what: object, done: asyncio.Future[Any]) -> None:
        del self._asked[what]
        if not done.cancelled() and isinstance(done.exception(), StoreUnavailableError):
            self._away_until = asyncio.get_running_loop().time() + _AWAY

    async def run(self, work: Callable[[], T]) -> T:
        """Run what waits for the store where nothing waits behind it but the like."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Ask no more; do not wait for an answer that may never come."""
        self._threads.shutdown(wait=False, cancel_futures=True)
