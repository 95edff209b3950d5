"""Middleware for ASGI model servers: FastAPI, Starlette, Litestar, and all others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from driftmeter.client import Monitor
from driftmeter.integrations.exchange import MOST_BYTES, STREAMED, Exchange
from driftmeter.integrations.routes import Routes
from driftmeter.integrations.watch import RouteWatch, watch_of

_FILES = ("http.response.pathsend", "http.response.zerocopysend")
"""Messages that have the server send a file by itself."""
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class DriftMiddleware:
    """Reports the rows of requests to some routes, with the predictions of their answers.

        monitor = Monitor("http://localhost:8001", model="credit")
        app.add_middleware(DriftMiddleware, monitor=monitor, routes={"/predict": "$.instances[*]"})

    Each part of a request and of an answer passes as it is and when it comes; a copy is read once the answer is on its
    way. `routes` says where the rows are, see `WatchedRoute`; of a path alone the body's form says so. Paths are those
    that the app has below its root path. Only answers of 2xx count. Bodies of over `most_bytes` bytes, streams and
    other media than JSON and tensors are not read. What is not read is counted, `RouteWatch.stats`, and logged once a
    minute for each reason; to see the counts, make the RouteWatch and give it as `watch`.

    Raises InputError at once where a route makes no sense; later it never fails a request.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        monitor: Monitor | None = None,
        routes: Routes | None = None,
        most_bytes: int = MOST_BYTES,
        watch: RouteWatch | None = None,
    ) -> None:
        """Wrap an app, by `monitor` and `routes`, or by a `watch` that has both."""
        self.app, self.watch = app, watch_of(monitor, routes, most_bytes, watch)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Pass on a connection, whatever it is."""
        exchange = self._begin(scope)
        if exchange is None:
            await self.app(scope, receive, send)
            return
        watch = self.watch

        async def receive_and_keep() -> Message:
            message = await receive()
            try:
                if message["type"] == "http.request":
                    exchange.request.add(message.get("body", b""), message.get("more_body", False))
            except Exception as error:
                watch.fail(exchange, error)
            return message

        async def send_and_keep(message: Message) -> None:
            await send(message)
            try:
                answer = exchange.answer
                if answer is None:
                    if message["type"] == "http.response.start":
                        exchange.start_answer(message["status"], message.get("headers", ()))
                elif message["type"] == "http.response.body":
                    more = message.get("more_body", False)
                    answer.add(message.get("body", b""), more)
                    if not more:
                        watch.finish(exchange)
                elif message["type"] in _FILES:
                    answer.leave(STREAMED)
                    watch.finish(exchange)
            except Exception as error:
                watch.fail(exchange, error)

        try:
            await self.app(scope, receive_and_keep, send_and_keep)
        finally:
            watch.finish(exchange)

    def _begin(self, scope: MutableMapping[str, Any]) -> Exchange | None:
        if scope["type"] == "http":
            path, root = scope["path"], scope.get("root_path", "")
            if root and path.startswith(f"{root}/"):
                path = path[len(root) :]
            return self.watch.begin(scope["method"], path, scope["headers"])
        if scope["type"] == "lifespan":  # the profile shall be known before the first row, whose values it names
            self.watch.start()
        return None
