"""What the routes of one server share."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.requests import Request

from driftmeter.monitor import DriftMonitor
from driftmeter.server.committer import Committer
from driftmeter.server.evaluate import Evaluator
from driftmeter.server.exposition import Exposition
from driftmeter.server.metrics import ProcessMetrics
from driftmeter.server.settings import Settings

T = TypeVar("T")


def _incarnation() -> str:
    return f"{socket.gethostname()}-{secrets.token_hex(4)}"


@dataclass(frozen=True)
class Context:
    """A monitor and the parts of the server around it. `source` is who counts the raw rows sent here."""

    monitor: DriftMonitor
    settings: Settings
    committer: Committer
    evaluator: Evaluator
    metrics: ProcessMetrics = field(default_factory=ProcessMetrics)
    exposition: Exposition = field(default_factory=Exposition)
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "driftmeter-parse"))
    source: str = field(default_factory=_incarnation)

    @classmethod
    def of(cls, request: Request) -> Context:
        """Return the context of the server that took a request."""
        context = request.app.state.context
        assert isinstance(context, cls)
        return context

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run what may block, or takes long, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)
