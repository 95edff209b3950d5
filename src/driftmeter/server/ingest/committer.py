"""Group commit: while one transaction is being written, the next one gathers.

When the store is idle a write waits for nothing. Under load it waits for the transaction before its own, or for five
milliseconds if that took less: the number of transactions follows the disk, not the requests.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from driftmeter.errors import StoreUnavailableError
from driftmeter.server.problems import OverloadedError
from driftmeter.store import Store
from driftmeter.store.records import PutPane, Receipt, Write

_MOST_IN_ONE = 1_000
"""Writes of one transaction: larger ones would keep their first writes waiting, and lock out other processes."""
_GATHER = 0.005
"""Least seconds from one transaction to the next: a transaction costs two changes of thread, whatever it holds."""

_log = logging.getLogger(__name__)


class Committer:
    """Commits writes of any number of requests on one thread. Belongs to one event loop."""

    def __init__(self, store: Store, *, most_waiting: int = 10_000, most_bytes: int = 256_000_000) -> None:
        """Write to `store`; at most `most_waiting` writes may wait, with counts of at most `most_bytes`."""
        self._store = store
        self._most_waiting = most_waiting
        self._most_bytes = most_bytes
        self._bytes = 0
        self._waiting: list[tuple[Write, asyncio.Future[Receipt]]] = []
        self._thread = ThreadPoolExecutor(1, "driftmeter-commit")
        self._run: asyncio.Task[None] | None = None
        self._closed = False
        self._began = float("-inf")

    async def commit(self, write: Write) -> Receipt:
        """Return once the write is durable.

        Raises the store's error for this write, StoreUnavailableError if nothing can be written now, OverloadedError
        if too many writes wait already.
        """
        if self._closed or len(self._waiting) >= self._most_waiting:
            got = "a server that is shutting down" if self._closed else str(len(self._waiting))
            raise OverloadedError("store", f"fewer than {self._most_waiting} waiting writes", got)
        size = _bytes(write)
        if self._waiting and self._bytes + size > self._most_bytes:
            raise OverloadedError("store", f"waiting writes of at most {self._most_bytes} bytes", str(self._bytes))
        self._bytes += size
        receipt: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.append((write, receipt))
        if self._run is None:
            self._run = asyncio.create_task(self._write_all())
        return await receipt

    async def drain(self) -> None:
        """Take no more writes, and return when all waiting writes are settled."""
        self._closed = True
        if self._run is not None:
            await self._run
        self._thread.shutdown()

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            pause = self._began + _GATHER - loop.time()
            if pause > 0 and not self._closed:
                await asyncio.sleep(pause)
            self._began = loop.time()
            taken, self._waiting = self._waiting[:_MOST_IN_ONE], self._waiting[_MOST_IN_ONE:]
            writes = [write for write, _ in taken]
            self._bytes -= sum(map(_bytes, writes))
            receipts = await loop.run_in_executor(self._thread, self._settle, writes)
            if all(isinstance(receipt, StoreUnavailableError) for receipt in receipts):
                # writes to the same models that came meanwhile get the same answer: they waited for it as long
                same_models = self._take_waiting({write.model for write in writes})
                taken, receipts = taken + same_models, receipts + receipts[:1] * len(same_models)
            for (_, future), receipt in zip(taken, receipts, strict=True):
                if future.done():  # the client has left
                    continue
                if isinstance(receipt, Exception):
                    future.set_exception(receipt)
                else:
                    future.set_result(receipt)
        self._run = None

    def _take_waiting(self, models: set[str]) -> list[tuple[Write, asyncio.Future[Receipt]]]:
        """Remove and return the waiting writes to some models."""
        taken = [waiting for waiting in self._waiting if waiting[0].model in models]
        self._waiting = [waiting for waiting in self._waiting if waiting[0].model not in models]
        self._bytes -= sum(_bytes(write) for write, _ in taken)
        return taken

    def _settle(self, writes: list[Write]) -> list[Receipt | Exception]:
        """Commit the writes together; if that fails, each alone, so that only the one at fault fails."""
        try:
            return self._store.commit(writes)
        except StoreUnavailableError as error:
            return [error] * len(writes)
        except Exception as error:
            if len(writes) > 1:
                return [self._settle([write])[0] for write in writes]
            _log.exception("a write failed")
            return [error]


def _bytes(write: Write) -> int:
    """Return the bytes of a write's counts."""
    if isinstance(write, PutPane):
        return write.pane.summary.counts.nbytes
    return sum(summary.counts.nbytes for _, summary in write.parts)
