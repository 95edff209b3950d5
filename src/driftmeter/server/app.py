"""The application: routes, problems, metrics, and the life of the parts behind them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from driftmeter import __version__
from driftmeter.engine.engine import Engine
from driftmeter.errors import DriftmeterError
from driftmeter.server import exposition
from driftmeter.server.context import Context
from driftmeter.server.ingest.committer import Committer
from driftmeter.server.metrics import ProcessMetrics
from driftmeter.server.options import Settings
from driftmeter.server.problems import INTERNAL, OF_STATUS, Kind, kind_of, problem, problem_of
from driftmeter.server.routes import read as read_routes
from driftmeter.server.routes import settings as settings_routes
from driftmeter.server.routes import write as write_routes
from driftmeter.server.routes.docs import add_docs
from driftmeter.server.watch.announcer import announcing
from driftmeter.server.watch.evaluator import Evaluator
from driftmeter.server.watch.probe import Probe

_HOT_PATHS: dict[object, str] = {route: path for _, path, route in write_routes.HOT}
_STREAMS = frozenset(["/v1/events"])
"""Routes that end when the client leaves: how long they took says nothing."""


def create_app(engine: Engine, settings: Settings | None = None) -> FastAPI:
    """Make the application around an engine, whose store stays the caller's to close."""
    settings = settings or Settings()
    metrics = ProcessMetrics()
    committer = Committer(engine.store, most_waiting=settings.max_waiting)
    evaluator = Evaluator(engine, on_failure=metrics.fail)
    context = Context(engine, settings, committer, evaluator, Probe(engine.store), metrics)
    app = FastAPI(
        title="driftmeter",
        version=__version__,
        summary="Real-time data drift monitoring.",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.context = context
    app.add_middleware(_Timed, metrics=context.metrics)
    app.add_exception_handler(DriftmeterError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_bad_parameter)
    app.add_exception_handler(HTTPException, _on_status)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_error)
    # FastAPI's own way to a route costs as much as a twentieth of a batch: its routes stay for the documentation
    app.router.routes.extend(Route(path, route, methods=[method]) for method, path, route in write_routes.HOT)
    app.include_router(write_routes.router)
    app.include_router(read_routes.router)
    app.include_router(settings_routes.router)
    _add_operations(app)
    add_docs(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: Context = app.state.context
    settings, count = context.settings, context.metrics.notify
    async with announcing(
        context.engine, context.evaluator, settings.notify, url=settings.url, on_outcome=count, drain=settings.drain
    ):
        context.evaluator.start()
        yield
        await context.committer.drain()
        await context.evaluator.stop()
    context.probe.close()
    context.lookups.close()
    context.threads.shutdown()


def _add_operations(app: FastAPI) -> None:
    """Add the routes for those who run the server."""
    context: Context = app.state.context

    @app.get("/metrics", tags=["operate"], response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """Return the verdicts, and what this process counts of itself, for Prometheus."""

        def render() -> str:
            verdicts = context.exposition.render(context.evaluator.views.values(), time.monotonic())
            return verdicts + context.metrics.render()

        # no request waits for the store there: what is wrong with it must be told
        return Response(await context.in_thread(render), media_type=exposition.CONTENT_TYPE)

    @app.get("/healthz", tags=["operate"])
    async def healthz() -> dict[str, str]:
        """Say that the process lives."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["operate"], responses={503: {"description": "Not ready, and why"}})
    async def readyz() -> Response:
        """Say whether the store can be read and written, and verdicts are kept up."""
        checks = {"store": await context.probe.answers(), "evaluation": context.evaluator.healthy}
        ready = all(checks.values())
        content = {"status": "ready" if ready else "not ready", "checks": checks}
        return Response(msgspec.json.encode(content), 200 if ready else 503, media_type="application/json")

    @app.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse("docs")


# --- problems


def _refuse(request: Request, kind: Kind, response: Response) -> Response:
    Context.of(request).metrics.reject(kind.slug)
    return response


async def _on_error(request: Request, error: Exception) -> Response:
    return _refuse(request, kind_of(error), problem_of(error))


async def _on_bad_parameter(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = " ".join(map(str, first["loc"]))
    detail = f"{where}: {first['msg']}"
    got = str(first.get("input"))[:60]
    return _refuse(request, OF_STATUS[422], problem(OF_STATUS[422], detail, where=where, got=got))


async def _on_status(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = OF_STATUS.get(error.status_code, INTERNAL)
    if kind is INTERNAL:
        kind = Kind(error.status_code, "http", str(error.detail))
    response = problem(kind, f"{request.method} {request.url.path}: {error.detail}")
    response.headers.update(error.headers or {})
    return _refuse(request, kind, response)


async def _on_disconnect(request: Request, error: Exception) -> Response:
    return _refuse(request, Kind(400, "disconnected", "The client left"), Response(status_code=400))


class _Timed:
    """Measures requests by the route that took them, never by what was typed."""

    def __init__(self, app: ASGIApp, metrics: ProcessMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        try:
            await self._app(scope, receive, send)
        finally:
            route = getattr(scope.get("route"), "path", None) or _HOT_PATHS.get(scope.get("endpoint"), "other")
            if route not in _STREAMS:
                self._metrics.observe(route, scope["method"], time.perf_counter() - start)
