"""A server that answers with its name, for tests of a gateway in front of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Seen:
    method: str
    target: str
    body: bytes


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Behaviour:
    """How the replica treats a request: it answers with `status`, or closes the connection without an answer."""

    status: int = 200
    hangs_up: bool = False
    go_on: threading.Event = field(default_factory=threading.Event)


class Replica:
    def __init__(self, name: str, host: str = "127.0.0.1", port: int = 0) -> None:
        self.name = name
        self.seen: list[Seen] = []
        self.does = Behaviour()
        self._server = _Server((host, port), _Handler)
        self._server.replica = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        self.does.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Replica:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    replica: Replica


class _Handler(BaseHTTPRequestHandler):
    # One request for each connection, so that a replica that closes leaves no connection behind.
    protocol_version = "HTTP/1.0"
    server: _Server

    def _any(self) -> None:
        replica = self.server.replica
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        replica.seen.append(Seen(self.command, self.path, body))
        if replica.does.hangs_up:
            return
        self.send_response(replica.does.status)
        self.end_headers()
        self.wfile.write(replica.name.encode())
        if self.path == "/v1/events":
            self.wfile.write(b": first\n\n")
            self.wfile.flush()
            replica.does.go_on.wait(10)
            self.wfile.write(b": second\n\n")

    do_GET = do_POST = do_PUT = _any  # noqa: N815 - the base class finds them by these names

    def log_message(self, format: str, *args: object) -> None:
        pass


def ask(url: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
    """Send one request on a connection of its own; http.client uses no proxy."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request(method, url.partition(parts.netloc)[2], body, headers or {})
        response: HTTPResponse = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, response.read(), headers)
    finally:
        connection.close()
