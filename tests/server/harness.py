"""A metric server without a socket, on a clock that the test sets."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import anyio.from_thread
import httpx
import msgspec
import pyarrow as pa
from fastapi import FastAPI

from driftmeter.engine.engine import Engine
from driftmeter.server.app import create_app
from driftmeter.server.options import Settings

NOW = 1_700_000_000_000
STREAM, FILE = "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file"


class Clock:
    """A store's clock."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


class Client:
    """Requests to an application that runs in a thread of its own, and what tests often ask."""

    def __init__(self, app: FastAPI, http: httpx.AsyncClient, portal: anyio.from_thread.BlockingPortal) -> None:
        self.app, self.engine = app, app.state.context.engine
        self._http, self._portal = http, portal

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._portal.call(lambda: self._http.request(method, path, **options))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def put(self, path: str, **options: Any) -> httpx.Response:
        return self.request("PUT", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def rows(self, body: bytes | dict[str, Any], content_type: str = "application/json", **options: Any) -> Any:
        """Send a batch to the model `shop`."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        headers = {"Content-Type": content_type, **options.pop("headers", {})}
        return self.post("/v1/models/shop/rows", content=content, headers=headers, **options)

    def pass_time(self, clock: Clock, milliseconds: int) -> None:
        """Let the clock go on in steps that no store takes for an absence."""
        for _ in range(milliseconds // 500):
            clock.now += 500
            self.engine.advance("shop")

    def metric(self, name: str) -> dict[str, float]:
        """Return the samples of a family by their labels, as they are written."""
        lines = [line for line in self.get("/metrics").text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
        return {label.removeprefix(name): float(value) for label, value in (line.rsplit(" ", 1) for line in lines)}


@contextmanager
def running(engine: Engine, settings: Settings | None = None) -> Iterator[Client]:
    """Run an application for an engine, from its start to its shutdown."""
    app = create_app(engine, settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    with anyio.from_thread.start_blocking_portal() as portal, ExitStack() as stack:
        stack.enter_context(portal.wrap_async_context_manager(app.router.lifespan_context(app)))
        http = httpx.AsyncClient(transport=transport, base_url="http://metric-server")
        stack.enter_context(portal.wrap_async_context_manager(http))
        evaluator = app.state.context.evaluator
        while not evaluator.healthy:
            time.sleep(0.001)
        yield Client(app, http, portal)


def arrow_bytes(table: pa.Table, framing: str = STREAM, **options: Any) -> bytes:
    """Write a table as Arrow IPC."""
    sink = io.BytesIO()
    open_writer = pa.ipc.new_stream if framing == STREAM else pa.ipc.new_file
    with open_writer(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue()
