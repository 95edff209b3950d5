"""Group commit: while one transaction is being written, the next one gathers.

When the store is idle a write waits for nothing. Under load it waits for the transaction before its own, or for some
milliseconds if that took less: the number of transactions follows the disk, not the requests.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

from driftmeter.errors import StoreUnavailableError
from driftmeter.server.problems import OverloadedError
from driftmeter.store import Store
from driftmeter.store.records import PutPane, Receipt, Write

_MOST_IN_ONE = 1_000
"""Writes of one transaction: larger ones would keep their first writes waiting, and lock out other processes."""
_GATHER, _GATHER_PANES = 0.005, 0.02
"""Least seconds from one transaction to the next, and to one of panes alone: a transaction costs two changes of thread,
whatever it holds, and nobody waits for an SDK that puts a pane in the background."""

_log = logging.getLogger(__name__)

_Waiting = list[tuple[Write, asyncio.Future[Receipt]]]


class Committer:
    """Commits writes of any number of requests on one thread. Belongs to one event loop."""

    def __init__(self, store: Store, *, most_waiting: int = 10_000, most_bytes: int = 256_000_000) -> None:
        """Write to `store`; at most `most_waiting` writes may wait, with counts of at most `most_bytes`."""
        self._store = store
        self._most_waiting = most_waiting
        self._most_bytes = most_bytes
        self._bytes = 0
        self._waiting: _Waiting = []
        # a thread with a queue of its own: an executor's futures, locks and callbacks would cost more than the change
        # of thread itself
        self._taken: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._idle: asyncio.Future[None] | None = None
        """Done when no write waits or is being written; None if that is so now."""
        self._next: asyncio.Handle | None = None
        """Will begin a transaction of panes alone, unless other writes come before."""
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
        loop = asyncio.get_running_loop()
        receipt: asyncio.Future[Receipt] = loop.create_future()
        self._waiting.append((write, receipt))
        if self._idle is None:
            self._idle = loop.create_future()
            self._schedule(loop)
        elif self._next is not None and not isinstance(write, PutPane):
            self._next.cancel()
            self._schedule(loop)
        return await receipt

    async def drain(self) -> None:
        """Take no more writes, and return when all waiting writes are settled."""
        self._closed = True
        if self._idle is not None:
            await asyncio.shield(self._idle)  # whoever gives up waiting must not end it
        if self._thread is not None:
            self._taken.put(None)
            self._thread.join()

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin the next transaction as soon as the last one began long enough ago."""
        self._next = None
        only_panes = all(isinstance(write, PutPane) for write, _ in self._waiting)
        pause = self._began + (_GATHER_PANES if only_panes else _GATHER) - loop.time()
        if pause <= 0 or self._closed:
            loop.call_soon(self._begin, loop)
            return
        timer = loop.call_later(pause, self._begin, loop)
        if only_panes:
            self._next = timer

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand the writes that wait to the thread."""
        self._next = None
        self._began = loop.time()
        taken, self._waiting = self._waiting[:_MOST_IN_ONE], self._waiting[_MOST_IN_ONE:]
        self._bytes -= sum(_bytes(write) for write, _ in taken)
        if self._thread is None:
            self._thread = Thread(target=self._work, args=(loop,), name="driftmeter-commit", daemon=True)
            self._thread.start()
        self._taken.put(taken)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """Commit what is taken, one transaction after the other, until there is a None."""
        while (taken := self._taken.get()) is not None:
            receipts = self._settle([write for write, _ in taken])
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._settled, loop, taken, receipts)
            del taken, receipts

    def _settled(self, loop: asyncio.AbstractEventLoop, taken: _Waiting, receipts: list[Receipt | Exception]) -> None:
        """Tell those who wait what became of their writes; begin the next transaction if there are more."""
        if all(isinstance(receipt, StoreUnavailableError) for receipt in receipts):
            # writes to the same models that came meanwhile get the same answer: they waited for it as long
            same_models = self._take_waiting({write.model for write, _ in taken})
            taken, receipts = taken + same_models, receipts + receipts[:1] * len(same_models)
        for (_, future), receipt in zip(taken, receipts, strict=True):
            if future.done():  # the client has left
                continue
            if isinstance(receipt, Exception):
                future.set_exception(receipt)
            else:
                future.set_result(receipt)
        if self._waiting:
            self._schedule(loop)
        elif self._idle is not None:
            self._idle.set_result(None)
            self._idle = None

    def _take_waiting(self, models: set[str]) -> _Waiting:
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
