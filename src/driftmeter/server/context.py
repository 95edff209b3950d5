"""What the routes of one server share."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar
from weakref import WeakValueDictionary

from starlette.requests import Request

from driftmeter.engine.compiled import Compiled
from driftmeter.engine.engine import Engine
from driftmeter.errors import StoreUnavailableError
from driftmeter.server.exposition import Exposition
from driftmeter.server.ingest.bodies import Budget
from driftmeter.server.ingest.committer import Committer
from driftmeter.server.lookups import Lookups
from driftmeter.server.metrics import ProcessMetrics
from driftmeter.server.options import Settings
from driftmeter.server.watch.evaluator import Evaluator
from driftmeter.server.watch.probe import Probe
from driftmeter.store.records import ModelRecord

T = TypeVar("T")

_SHORT, _LONG = 0.2, 2.0
"""Seconds that a request waits for the store: to learn what changed of a model seen before, and of a new one."""


def _incarnation() -> str:
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
    metrics: ProcessMetrics = field(default_factory=ProcessMetrics)
    exposition: Exposition = field(default_factory=Exposition)
    in_flight: Budget = field(init=False)
    compiled_profiles: WeakValueDictionary[tuple[str, str], Compiled] = field(default_factory=WeakValueDictionary)
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "driftmeter-parse"))
    lookups: Lookups = field(default_factory=Lookups)
    source: str = field(default_factory=_incarnation)

    def __post_init__(self) -> None:
        """Bound the bytes of all bodies together."""
        object.__setattr__(self, "in_flight", Budget(self.settings.max_in_flight))

    @classmethod
    def of(cls, request: Request) -> Context:
        """Return the context of the server that took a request."""
        context = request.app.state.context
        assert isinstance(context, cls)
        return context

    async def compiled(self, model: str, digest: str | None = None) -> Compiled:
        """Return a compiled profile, by default the one that rows are counted by.

        Raises UnknownModelError, UnknownProfileError and StoreUnavailableError.
        """
        record = self.engine.cached_record(model) or await self._record(model)
        key = model, digest or record.newest
        compiled = self.compiled_profiles.get(key)
        if compiled is None or compiled.timing != record.timing:
            compiled = await self.lookups.ask(key, lambda: self.engine.compiled(*key), _LONG)
            self.compiled_profiles[key] = compiled
        return compiled

    async def _record(self, model: str) -> ModelRecord:
        """Ask the store for a model's record; while the store hangs, return the last one.

        Whether the store takes a write is for the write to find out, together with others.
        """
        last = self.engine.stale_record(model)
        try:
            return await self.lookups.ask(model, lambda: self.engine.record(model), _LONG if last is None else _SHORT)
        except StoreUnavailableError:
            if last is None:
                raise
            return last

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run long computations off the event loop; what waits for the store uses `lookups` instead."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)
