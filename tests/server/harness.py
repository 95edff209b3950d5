"""A metric server without a socket, on a clock that the test sets."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import anyio.from_thread
import httpx
import msgspec
import pyarrow as pa
from starlette.applications import Starlette

from driftmeter.engine.engine import Engine
from driftmeter.server.app import create_app
from driftmeter.server.context import Context
from driftmeter.server.options import Settings
from tests.server.contract import check_answer
from tests.support.clocks import SetClock
from tests.support.waiting import eventually

NOW = 1_700_000_000_000
STREAM, FILE = "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file"


class Client:
    """Requests to an application that runs in a thread of its own; each answer must fit what the route declares."""

    def __init__(self, app: Starlette, http: httpx.AsyncClient, portal: anyio.from_thread.BlockingPortal) -> None:
        self.app = app
        self.context: Context = app.state.context
        self.engine = self.context.engine
        self._http, self._portal = http, portal

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        answer = self._portal.call(lambda: self._http.request(method, path, **options))
        check_answer(answer)
        return answer

    def through(self, http: httpx.AsyncClient, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request through another client, on the event loop of the application."""
        return self._portal.call(lambda: http.request(method, path, **options))

    def unchecked(self, path: str) -> httpx.Response:
        """Get an answer whose route cannot be told from its path alone."""
        return self._portal.call(lambda: self._http.get(path))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def put(self, path: str, **options: Any) -> httpx.Response:
        return self.request("PUT", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)

    def rows(
        self, body: bytes | dict[str, Any], content_type: str = "application/json", **options: Any
    ) -> httpx.Response:
        """Send a batch to the model `shop`."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        headers = {"Content-Type": content_type, **options.pop("headers", {})}
        return self.post("/v1/models/shop/rows", content=content, headers=headers, **options)

    def pass_time(self, clock: SetClock, milliseconds: int) -> None:
        """Advance the clock in steps so small that no store takes them for an absence."""
        for _ in range(milliseconds // 500):
            clock.now += 500
            self.engine.advance("shop")

    def metric(self, name: str) -> dict[str, float]:
        """Return the samples of a metric family by their labels as text."""
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
        client = Client(app, http, portal)
        eventually(lambda: client.context.evaluator.healthy, "the evaluator runs")
        yield client


def wait_until_ready(url: str) -> None:
    """Wait until a real server is ready."""

    def ready() -> bool:
        try:
            return httpx.get(f"{url}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    eventually(ready, "the server is ready", seconds=60)


def arrow_bytes(table: pa.Table, framing: str = STREAM, **options: Any) -> bytes:
    """Write a table as Arrow IPC."""
    sink = io.BytesIO()
    open_writer = pa.ipc.new_stream if framing == STREAM else pa.ipc.new_file
    with open_writer(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue()
