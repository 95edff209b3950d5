"""Whether the store can be written: asked on a thread of its own, one question at a time."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from driftmeter.store import Store


class Probe:
    """Asks a store whether it can be written. Belongs to one event loop.

    While a question is unanswered all callers share it, so that a store that hangs blocks one thread only.
    """

    def __init__(self, store: Store, *, seconds: float = 2.0) -> None:
        """Ask `store`; an answer that takes more than `seconds` counts as none."""
        self._store = store
        self._seconds = seconds
        self._thread = ThreadPoolExecutor(1, "driftmeter-probe")
        self._asked: asyncio.Future[None] | None = None

    async def answers(self) -> bool:
        """Return whether a small write succeeds now."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.get_running_loop().run_in_executor(self._thread, self._store.ping)
            self._asked.add_done_callback(lambda asked: asked.cancelled() or asked.exception())
        # asyncio.wait does not cancel the question when this caller gives up: others may wait for it
        await asyncio.wait([self._asked], timeout=self._seconds)
        return self._asked.done() and not self._asked.cancelled() and self._asked.exception() is None

    def close(self) -> None:
        """Ask no more; do not wait for an answer that may never come."""
        self._thread.shutdown(wait=False, cancel_futures=True)
