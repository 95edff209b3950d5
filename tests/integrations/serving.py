"""Model servers that are watched: the same answers from Starlette on uvicorn and from Flask on waitress."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn

from driftmeter.integrations.asgi import DriftMiddleware
from driftmeter.integrations.watch import RouteWatch
from driftmeter.integrations.wsgi import WsgiDriftMiddleware
from tests.support.ports import free_port
from tests.support.waiting import eventually


@dataclass
class Answer:
    """What a model answers: its parts are sent one by one."""

    parts: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


Model = Callable[[str, bytes], Answer]
"""From the path and the body of a request to the answer."""


def asgi_app(model: Model) -> Any:
    """Return an app of Starlette that reads a request whole and answers in parts."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import StreamingResponse
    from starlette.routing import Route

    async def endpoint(request: Request) -> StreamingResponse:
        answer = model(request.url.path, await request.body())
        return StreamingResponse(answer.parts, answer.status, answer.headers)

    return Starlette(routes=[Route("/{path:path}", endpoint, methods=["GET", "POST", "PUT", "OPTIONS"])])


def wsgi_app(model: Model) -> Any:
    """Return an app of Flask that does the same."""
    from flask import Flask, Response, request

    app = Flask(__name__)

    @app.route("/<path:path>", methods=["GET", "POST", "PUT", "OPTIONS"])
    def endpoint(path: str) -> Response:
        answer = model(f"/{path}", request.get_data())
        return Response(answer.parts, answer.status, answer.headers)

    return app


@contextmanager
def on_uvicorn(app: Any) -> Iterator[str]:
    """Serve an ASGI app; yield its URL."""
    server = uvicorn.Server(uvicorn.Config(app, port=free_port(), log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started, "a server that listens")
    try:
        yield f"http://127.0.0.1:{server.config.port}"
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def on_waitress(app: Any) -> Iterator[str]:
    """Serve a WSGI app; yield its URL."""
    pytest.importorskip("waitress", reason="waitress is not installed")
    from waitress import wasyncore
    from waitress.server import create_server

    sockets: dict[int, Any] = {}
    server, stop = create_server(app, map=sockets, host="127.0.0.1", port=0, threads=8), threading.Event()

    def run() -> None:  # as server.run does, which only a signal ends
        while not stop.is_set():
            wasyncore.loop(timeout=0.05, map=sockets, count=1)
        server.task_dispatcher.shutdown()
        wasyncore.close_all(sockets)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        stop.set()
        thread.join(10)


@contextmanager
def serve(kind: str, model: Model, watch: RouteWatch | None) -> Iterator[str]:
    """Serve a model by ASGI or WSGI, watched or not; yield the URL."""
    if kind == "asgi":
        app = asgi_app(model)
        if watch is not None:
            app.add_middleware(DriftMiddleware, watch=watch)
        with on_uvicorn(app) as url:
            yield url
    else:
        app = wsgi_app(model)
        if watch is not None:
            app.wsgi_app = WsgiDriftMiddleware(app.wsgi_app, watch=watch)
        with on_waitress(app) as url:
            yield url
