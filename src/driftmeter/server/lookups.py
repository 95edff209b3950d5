"""Reads from the store that requests wait for: on separate threads, shared between requests, with a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from driftmeter.errors import StoreUnavailableError

T = TypeVar("T")

_AWAY = 1.0
"""Seconds for which a store is not asked again after it did not answer."""


class Lookups:
    """Reads a store for requests. Belongs to one event loop."""

    def __init__(self) -> None:
        """Start the threads when they are first needed."""
        self._threads = ThreadPoolExecutor(4, "driftmeter-lookup")
        self._asked: dict[object, asyncio.Future[Any]] = {}
        self._away_until = 0.0

    async def ask(self, what: object, ask: Callable[[], T], patience: float) -> T:
        """Call `ask` once for all requests that wait for `what`, and return its answer.

        Raises what `ask` raises, and StoreUnavailableError if it takes longer than `patience` seconds, or if the
        store did not answer in the last second.
        """
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
        """Run work that waits for the store on the threads of the lookups, so that it delays nothing else."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """End the threads, without waiting for an answer that may never come."""
        self._threads.shutdown(wait=False, cancel_futures=True)
