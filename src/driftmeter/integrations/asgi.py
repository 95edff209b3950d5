"""Middleware for ASGI model servers: FastAPI, Starlette, Litestar, and all others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from driftmeter.client import Monitor
from driftmeter.integrations.exchange import MOST_BYTES, STREAMED, Exchange
from driftmeter.integrations.routes import Routes, WatchedRoute
from driftmeter.integrations.watch import AT_ONCE, RouteWatch, watch_of

FEW = 3
"""Messages of most exchanges: a request, the head of its answer, and a body."""
_LAST = frozenset(["http.response.body", "http.response.pathsend", "http.response.zerocopysend"])
"""Messages that may be the last of an answer: one of its parts, or one that has the server send a file by itself."""
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class DriftMiddleware:
    """Reports the rows of requests to some routes, with the predictions of their answers.

        monitor = Monitor("http://localhost:8001", model="credit")
        app.add_middleware(DriftMiddleware, monitor=monitor, routes={"/predict": "$.instances[*]"})

    Each part of a request and of an answer passes as it is and when it comes; what is kept of it is read once the
    answer is on its way: at once, or, of short ones, with some others, within about a second. `routes` says where the
    rows are, see `WatchedRoute`; of a path alone the body's form says so. Paths are those that the app has below its
    root path. Only answers of 2xx count. Bodies of over `most_bytes` bytes, streams and other media than JSON and
    tensors are not read. What is not read is counted, `RouteWatch.stats`, and logged once a minute for each reason; to
    see the counts, make the RouteWatch and give it as `watch`.

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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a connection, whatever it is."""
        route = self._route_of(scope)
        if route is None:
            await self.app(scope, receive, send)
            return
        watch, kept, exchange, is_over = self.watch, list[Message](), None, False

        async def receive_and_keep() -> Message:
            nonlocal exchange
            message = await receive()
            if not is_over:
                kept.append(message)
                if len(kept) > FEW:
                    exchange = self._note(exchange, kept, route, scope)
            return message

        def send_and_keep(message: Message) -> Awaitable[None]:
            nonlocal exchange, is_over
            if is_over:
                return send(message)
            kept.append(message)
            kind = message.get("type")
            if kind in _LAST and not message.get("more_body"):
                is_over = True
                waiting = watch.defer(route, scope, kept) if exchange is None else 0
                if not waiting:
                    return self._send_and_read(send, message, exchange, kept, route, scope)
                if waiting >= AT_ONCE:
                    return self._send_and_gather(send, message)
            elif kind != "http.response.start" or len(kept) > FEW:  # what is around may change it, such as a part
                exchange = self._note(exchange, kept, route, scope)
            return send(message)

        try:
            await self.app(scope, receive_and_keep, send_and_keep)
        finally:
            if not is_over:
                watch.finish(self._note(exchange, kept, route, scope))

    def _route_of(self, scope: Scope) -> WatchedRoute | None:
        if scope["type"] == "http":
            path, root = scope["path"], scope.get("root_path", "")
            if root and path.startswith(f"{root}/"):
                path = path[len(root) :]
            return self.watch.route_of(scope["method"], path)
        if scope["type"] == "lifespan":  # the profile shall be known before the first row, whose values it names
            self.watch.start()
        return None

    async def _send_and_read(
        self,
        send: Send,
        message: Message,
        exchange: Exchange | None,
        kept: list[Message],
        route: WatchedRoute,
        scope: Scope,
    ) -> None:
        """Send the last message of an answer, and read the exchange."""
        exchange = self._note(exchange, kept, route, scope)
        try:
            await send(message)
        finally:
            self.watch.finish(exchange)

    async def _send_and_gather(self, send: Send, message: Message) -> None:
        """Send the last message of an answer, and read the exchanges that wait."""
        try:
            await send(message)
        finally:
            self.watch.monitor.deferred.gather()

    def _note(self, exchange: Exchange | None, kept: list[Message], route: WatchedRoute, scope: Scope) -> Exchange:
        """Move messages to their exchange, a new one at first, which keeps no more of them than is allowed."""
        exchange = exchange or self.watch.exchange(route, scope["path"], scope["headers"])
        for message in kept:
            self.watch.note(exchange, _note_message, exchange, message)
        kept.clear()
        return exchange


def _note_message(exchange: Exchange, message: Message) -> None:
    """Add what passes to an exchange."""
    kind, answer = message["type"], exchange.answer
    if kind == "http.request":
        exchange.request.add(message.get("body", b""), message.get("more_body", False))
    elif answer is None:
        if kind == "http.response.start":
            exchange.start_answer(message["status"], message.get("headers", ()))
    elif kind == "http.response.body":
        answer.add(message.get("body", b""), message.get("more_body", False))
    elif kind in _LAST:
        answer.leave(STREAMED)
