"""What the routes of one server share."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar
from weakref import WeakValueDictionary

from starlette.requests import Request

from driftmeter.engine.compiled import Compiled
from driftmeter.engine.engine import Engine
from driftmeter.errors import StoreUnavailableError
from driftmeter.server.documents.documents import Documents
from driftmeter.server.exposition import Exposition
from driftmeter.server.ingest.bodies import Budget
from driftmeter.server.ingest.committer import Committer
from driftmeter.server.logs import Complaints
from driftmeter.server.lookups import Lookups
from driftmeter.server.metrics import ProcessMetrics
from driftmeter.server.options import Settings
from driftmeter.server.watch.evaluator import Evaluator
from driftmeter.server.watch.probe import Probe
from driftmeter.store.records import ModelRecord

T = TypeVar("T")

_LARGE_AT_ONCE = 2
"""Large messages that are decoded at the same time: as many as there are threads for them."""
_KNOWN_MODEL_WAIT = 0.2
"""Seconds that a request waits for a newer record of a model; then the last record that was read serves."""
_NEW_MODEL_WAIT = 2.0
"""Seconds that a request waits for the store if this process has nothing to use instead."""


def _source_name() -> str:
    """Return the host's name and a part that is new at every start."""
    return f"{socket.gethostname()}-{secrets.token_hex(4)}"


@dataclass(frozen=True)
class Context:
    """An engine and the parts of the server around it.

    `source` is the name under which this process counts the raw rows that it receives.
    """

    engine: Engine
    settings: Settings
    committer: Committer
    evaluator: Evaluator
    probe: Probe
    documents: Documents
    metrics: ProcessMetrics = field(default_factory=ProcessMetrics)
    exposition: Exposition = field(default_factory=Exposition)
    compiled_profiles: WeakValueDictionary[tuple[str, str], Compiled] = field(default_factory=WeakValueDictionary)
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_LARGE_AT_ONCE, "driftmeter-parse"))
    lookups: Lookups = field(default_factory=Lookups)
    source: str = field(default_factory=_source_name)

    @cached_property
    def complaints(self) -> Complaints:
        """What the log is told of bad input, once a minute for each reason."""
        return Complaints(self.engine.now)

    @cached_property
    def in_flight(self) -> Budget:
        """The bound on the bytes of all bodies together."""
        return Budget(self.settings.max_in_flight)

    @cached_property
    def large(self) -> asyncio.Semaphore:
        """The turns of large messages, decoded until they are counted: objects take tens of times their bytes."""
        return asyncio.Semaphore(_LARGE_AT_ONCE)

    @classmethod
    def of(cls, request: Request) -> Context:
        """Return the context of the server that took a request."""
        context = request.app.state.context
        assert isinstance(context, cls)
        return context

    async def compiled(self, model: str, digest: str) -> Compiled:
        """Return a compiled profile; raises UnknownModelError, UnknownProfileError and StoreUnavailableError."""
        return await self._compiled(await self._record(model), digest)

    async def compiled_for_rows(self, model: str) -> Compiled:
        """Return the compiled profile that rows are counted by: the newest, which need not be the active one.

        Raises UnknownModelError and StoreUnavailableError.
        """
        record = await self._record(model)
        return await self._compiled(record, record.newest)

    async def _compiled(self, record: ModelRecord, digest: str) -> Compiled:
        key = record.model, digest
        compiled = self.compiled_profiles.get(key)
        settings = self.engine.settings_in(record)
        if compiled is None or compiled.timing != record.timing or compiled.settings != settings:
            compiled = await self.lookups.ask(key, lambda: self.engine.compiled(*key), _NEW_MODEL_WAIT)
            self.compiled_profiles[key] = compiled
        return compiled

    async def _record(self, model: str) -> ModelRecord:
        """Return a model's record from the cache or the store; while the store hangs, the last one that was read.

        A write may go on with that: the commit itself finds out whether the store takes it.
        """
        fresh = self.engine.cached_record(model)
        if fresh is not None:
            return fresh
        last = self.engine.stale_record(model)
        wait = _NEW_MODEL_WAIT if last is None else _KNOWN_MODEL_WAIT
        try:
            return await self.lookups.ask(model, lambda: self.engine.record(model), wait)
        except StoreUnavailableError:
            if last is None:
                raise
            return last

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run long computations off the event loop; what waits for the store uses `lookups` instead."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)
