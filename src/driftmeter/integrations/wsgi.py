"""Middleware for WSGI model servers: Flask, Django, and all others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from driftmeter.client import Monitor
from driftmeter.integrations.exchange import MOST_BYTES, STREAMED, Exchange, Headers, KeptBody
from driftmeter.integrations.routes import Routes
from driftmeter.integrations.watch import RouteWatch, watch_of

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
WSGIApp = Callable[[Environ, StartResponse], Iterable[bytes]]


class WsgiDriftMiddleware:
    """Does for WSGI what `driftmeter.integrations.asgi.DriftMiddleware` does for ASGI.

        app.wsgi_app = WsgiDriftMiddleware(app.wsgi_app, monitor=monitor, routes={"/predict": "$.instances[*]"})

    The rows are read when the server closes the answer, after its last part.
    """

    def __init__(
        self,
        app: WSGIApp,
        *,
        monitor: Monitor | None = None,
        routes: Routes | None = None,
        most_bytes: int = MOST_BYTES,
        watch: RouteWatch | None = None,
    ) -> None:
        """Wrap an app, by `monitor` and `routes`, or by a `watch` that has both."""
        self.app, self.watch = app, watch_of(monitor, routes, most_bytes, watch)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Pass on a request and its answer."""
        exchange = self.watch.begin(environ.get("REQUEST_METHOD", ""), _path(environ), _headers(environ))
        if exchange is None:
            return self.app(environ, start_response)
        watch = self.watch
        environ["wsgi.input"] = _KeptInput(environ["wsgi.input"], environ.get("CONTENT_LENGTH"), watch, exchange)

        def start_and_keep(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            write = start_response(status, headers, *error)
            watch.note(exchange, _note_head, exchange, status, headers)

            def write_and_keep(part: bytes) -> object:
                done = write(part)
                watch.note(exchange, _add, exchange, part)
                return done

            return write_and_keep

        try:
            parts = self.app(environ, start_and_keep)
        except BaseException:
            watch.finish(exchange)
            raise
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(parts, wrapper):  # the server may send the file by itself
            if exchange.answer is not None:
                exchange.answer.leave(STREAMED)
            watch.finish(exchange)
            return parts
        return (_SizedAnswer if hasattr(parts, "__len__") else _KeptAnswer)(parts, watch, exchange)


class _KeptAnswer:
    """The parts of an answer, which are kept as they pass; read when the server closes it."""

    def __init__(self, parts: Iterable[bytes], watch: RouteWatch, exchange: Exchange) -> None:
        self._parts, self._watch, self._exchange = parts, watch, exchange

    def __iter__(self) -> Iterator[bytes]:
        note, exchange = self._watch.note, self._exchange
        for part in self._parts:
            yield part
            note(exchange, _add, exchange, part)
        note(exchange, _add, exchange, b"", False)

    def close(self) -> None:
        try:
            if hasattr(self._parts, "close"):
                self._parts.close()
        finally:
            self._watch.finish(self._exchange)


class _SizedAnswer(_KeptAnswer):
    """An answer of which servers may ask for the number of parts: of one part they know the length."""

    def __len__(self) -> int:
        return len(self._parts)  # type: ignore[arg-type]


class _KeptInput:
    """The body of a request, of which is kept what the app reads."""

    def __init__(self, stream: Any, length: str | None, watch: RouteWatch, exchange: Exchange) -> None:
        self._stream, self._watch, self._exchange = stream, watch, exchange
        self._left = int(length) if length and length.isdigit() else None

    def read(self, *size: int) -> bytes:
        return self._keep(self._stream.read(*size), whole=not size or size[0] in (None, -1))

    def readline(self, *size: int) -> bytes:
        return self._keep(self._stream.readline(*size))

    def readlines(self, *hint: int) -> list[bytes]:
        lines: list[bytes] = self._stream.readlines(*hint)
        for line in lines:
            self._keep(line)
        return lines

    def __iter__(self) -> Iterator[bytes]:
        for line in self._stream:
            yield self._keep(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _keep(self, part: bytes, *, whole: bool = False) -> bytes:
        self._watch.note(self._exchange, self._add, self._exchange.request, part, whole or not part)
        return part

    def _add(self, body: KeptBody, part: bytes, ends: bool) -> None:
        if self._left is not None:
            self._left -= len(part)
            ends = self._left <= 0
        body.add(part, not (ends or body.is_whole))


def _path(environ: Environ) -> str:
    path: str = environ.get("PATH_INFO", "")
    return path if path.isascii() else path.encode("latin-1", "replace").decode("utf-8", "replace")


def _headers(environ: Environ) -> Headers:
    names = {
        "CONTENT_TYPE": b"content-type",
        "CONTENT_LENGTH": b"content-length",
        "HTTP_INFERENCE_HEADER_CONTENT_LENGTH": b"inference-header-content-length",
    }
    return [(header, environ[name].encode("latin-1", "replace")) for name, header in names.items() if environ.get(name)]


def _add(exchange: Exchange, part: bytes, more: bool = True) -> None:
    if exchange.answer is not None:
        exchange.answer.add(part, more)


def _note_head(exchange: Exchange, status: str, headers: list[tuple[str, str]]) -> None:
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
    exchange.start_answer(int(status[:3]), encoded)
