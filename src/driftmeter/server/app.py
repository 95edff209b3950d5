"""The application: routes, problems, metrics, and start and shutdown of the parts behind them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from driftmeter.engine.engine import Engine
from driftmeter.errors import DriftmeterError
from driftmeter.server.application import Application, refusal
from driftmeter.server.context import Context
from driftmeter.server.documents.documents import Documents
from driftmeter.server.ingest.committer import Committer
from driftmeter.server.metrics import ProcessMetrics
from driftmeter.server.options import Settings
from driftmeter.server.problems import INTERNAL, KIND_BY_STATUS, ProblemKind, problem_response
from driftmeter.server.routes.cloud_events import post_events
from driftmeter.server.routes.docs import docs_routes
from driftmeter.server.routes.events import get_events
from driftmeter.server.routes.page import page_routes
from driftmeter.server.routes.panes import put_pane
from driftmeter.server.routes.rows import post_rows
from driftmeter.server.routes.table import OPERATIONS
from driftmeter.server.watch.announcer import announcing
from driftmeter.server.watch.evaluator import Evaluator
from driftmeter.server.watch.probe import Probe


def create_app(engine: Engine, settings: Settings | None = None) -> Application:
    """Make the application around an engine; the caller closes the engine's store."""
    settings = settings or Settings()
    metrics = ProcessMetrics()
    committer = Committer(engine.store, most_waiting=settings.max_waiting)
    documents = Documents(engine)
    evaluator = Evaluator(engine, on_failure=metrics.fail, on_deleted=documents.forget)
    routes = [*(operation.route() for operation in OPERATIONS), *docs_routes(OPERATIONS), *page_routes()]
    paths: dict[object, str] = {route.endpoint: route.path for route in routes}
    app = Application(
        [operation for operation in OPERATIONS if operation.handler in (put_pane, post_rows, post_events)],
        metrics,
        routes=routes,
        middleware=[Middleware(_Timed, metrics=metrics, paths=paths)],
        exception_handlers={
            DriftmeterError: _on_error,
            HTTPException: _on_status,
            ClientDisconnect: _on_error,
            Exception: _on_error,
        },
        lifespan=_lifespan,
    )
    app.state.context = Context(engine, settings, committer, evaluator, Probe(engine.store), documents, metrics)
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
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


# --- problems


async def _on_error(request: Request, error: Exception) -> Response:
    return refusal(error, Context.of(request).metrics)


async def _on_status(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = KIND_BY_STATUS.get(error.status_code, INTERNAL)
    if kind is INTERNAL:
        kind = ProblemKind(error.status_code, "http", str(error.detail))
    response = problem_response(kind, f"{request.method} {request.url.path}: {error.detail}")
    response.headers.update(error.headers or {})
    if error.status_code == 405:
        response.headers["Allow"] = _allowed_methods(request)
    Context.of(request).metrics.reject(kind.slug)
    return response


def _allowed_methods(request: Request) -> str:
    """Return the methods of the request's path, sorted. Starlette names those of one route, and each has one method."""
    routes = [route for route in request.app.routes if route.matches(request.scope)[0] is Match.PARTIAL]
    return ", ".join(sorted({method for route in routes for method in route.methods}))


class _Timed:
    """Measures requests by the route that took them, so that labels stay few whatever paths clients type."""

    def __init__(self, app: ASGIApp, metrics: ProcessMetrics, paths: dict[object, str]) -> None:
        self._app = app
        self._metrics = metrics
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        try:
            await self._app(scope, receive, send)
        finally:
            handler = scope.get("endpoint")
            if handler is not get_events:  # a stream ends when the client leaves: its length says nothing
                path = self._paths.get(handler, "other")
                self._metrics.observe(path, scope["method"], time.perf_counter() - start)
