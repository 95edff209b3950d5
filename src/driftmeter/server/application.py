"""The ASGI application: Starlette, and a short way for the routes that come thousands of times a second."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from driftmeter.server.metrics import ProcessMetrics
from driftmeter.server.problems import INTERNAL, ProblemKind, error_response, kind_of
from driftmeter.server.routes.operation import Operation

DISCONNECTED = ProblemKind(400, "disconnected", "The client left")


class Application(Starlette):
    """Starlette, without its layers for a few routes.

    Middleware, router and wrappers take as long as it takes to read a pane. The short way does what they do for a
    handler that is a coroutine: parameters of the path, problems, and the metric of its duration.
    """

    def __init__(self, short: Sequence[Operation], metrics: ProcessMetrics, **options: Any) -> None:
        """Take the operations of the short way, whose handlers are coroutines, and the options of Starlette."""
        super().__init__(**options)
        self._metrics = metrics
        self._short = [
            (operation.method, operation.route().path_regex, operation.path, operation.handler) for operation in short
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a request, or another event of ASGI."""
        if scope["type"] == "http":
            for method, regex, path, handler in self._short:
                if method == scope["method"] and (match := regex.match(scope["path"])):
                    scope["app"], scope["path_params"] = self, match.groupdict()
                    await self._answer(path, handler, scope, receive, send)
                    return
        await super().__call__(scope, receive, send)

    async def _answer(
        self, path: str, handler: Callable[[Request], Any], scope: Scope, receive: Receive, send: Send
    ) -> None:
        start = time.perf_counter()
        try:
            try:
                answer: Awaitable[Response] = handler(Request(scope, receive))
                response = await answer
            except Exception as error:
                response = refusal(error, self._metrics)
                if kind_of(error) is INTERNAL and not isinstance(error, ClientDisconnect):
                    await response(scope, receive, send)
                    raise  # uvicorn logs it
            await response(scope, receive, send)
        finally:
            self._metrics.observe(path, scope["method"], time.perf_counter() - start)


def refusal(error: Exception, metrics: ProcessMetrics) -> Response:
    """Count a request that fails by its reason; return the problem that it is answered with."""
    if isinstance(error, ClientDisconnect):
        metrics.reject(DISCONNECTED.slug)
        return Response(status_code=DISCONNECTED.status)
    metrics.reject(kind_of(error).slug)
    return error_response(error)
