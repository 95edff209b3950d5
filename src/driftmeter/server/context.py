"""What the routes of one server share."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from starlette.requests import Request

from driftmeter.errors import StoreUnavailableError
from driftmeter.monitor import Compiled, DriftMonitor
from driftmeter.server.bodies import Budget
from driftmeter.server.committer import Committer
from driftmeter.server.evaluate import Evaluator
from driftmeter.server.exposition import Exposition
from driftmeter.server.metrics import ProcessMetrics
from driftmeter.server.probe import Probe
from driftmeter.server.settings import Settings
from driftmeter.store.protocol import ModelRecord

T = TypeVar("T")

_SHORT, _LONG = 0.2, 2.0
"""Seconds that a request waits to learn what may have changed of a model that is known, and of one that is not."""
_AWAY = 1.0
"""Seconds for which a store that did not answer is not asked again."""


def _incarnation() -> str:
    return f"{socket.gethostname()}-{secrets.token_hex(4)}"


@dataclass(frozen=True)
class Context:
    """A monitor and the parts of the server around it. `source` is who counts the raw rows sent here."""

    monitor: DriftMonitor
    settings: Settings
    committer: Committer
    evaluator: Evaluator
    probe: Probe
    metrics: ProcessMetrics = field(default_factory=ProcessMetrics)
    exposition: Exposition = field(default_factory=Exposition)
    in_flight: Budget = field(init=False)
    warm: WeakValueDictionary[tuple[str, str], Compiled] = field(default_factory=WeakValueDictionary)
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "driftmeter-parse"))
    lookups: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4, "driftmeter-lookup"))
    asked: dict[object, asyncio.Future[Any]] = field(default_factory=dict)
    away: list[float] = field(default_factory=lambda: [0.0])
    source: str = field(default_factory=_incarnation)

    def __post_init__(self) -> None:
        """Bound the bodies."""
        object.__setattr__(self, "in_flight", Budget(self.settings.max_in_flight))

    @classmethod
    def of(cls, request: Request) -> Context:
        """Return the context of the server that took a request."""
        context = request.app.state.context
        assert isinstance(context, cls)
        return context

    async def compiled(self, model: str, digest: str | None = None) -> Compiled:
        """Return a profile's tables, by default of the one that rows are counted by."""
        record = self.monitor.remembered(model) or await self._record(model)
        key = model, digest or record.newest
        found = self.warm.get(key)
        if found is None or found.timing != record.timing:
            found = self.warm[key] = await self._asked(key, lambda: self.monitor.compiled(*key), _LONG)
        return found

    async def _record(self, model: str) -> ModelRecord:
        """Ask the store how a model is; where it hangs, what was known will do: whether it takes anything is for the
        write to find out, together with others."""
        known = self.monitor.last_known(model)
        try:
            return await self._asked(model, lambda: self.monitor.record(model), _LONG if known is None else _SHORT)
        except StoreUnavailableError:
            if known is None:
                raise
            return known

    async def _asked(self, what: object, ask: Callable[[], T], patience: float) -> T:
        """Ask the store: once for all requests that want to know the same, and not at all in the second after it did
        not answer. None waits longer than `patience` seconds."""
        asked: asyncio.Future[T] | None = self.asked.get(what)
        if asked is None:
            loop = asyncio.get_running_loop()
            if loop.time() < self.away[0]:
                raise StoreUnavailableError("the store does not answer")
            asked = self.asked[what] = loop.run_in_executor(self.lookups, ask)
            asked.add_done_callback(lambda done: self._answered(what, done))
        await asyncio.wait([asked], timeout=patience)
        if not asked.done():
            raise StoreUnavailableError(f"the store has not answered within {patience:g} s")
        return asked.result()

    def _answered(self, what: object, done: asyncio.Future[Any]) -> None:
        del self.asked[what]
        if not done.cancelled() and isinstance(done.exception(), StoreUnavailableError):
            self.away[0] = asyncio.get_running_loop().time() + _AWAY

    async def in_store(self, work: Callable[[], T]) -> T:
        """Run what waits for the store where nothing else waits behind it but the like."""
        return await asyncio.get_running_loop().run_in_executor(self.lookups, work)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run what may block, or takes long, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)
