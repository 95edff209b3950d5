"""Receivers of notices: real servers on the loopback interface."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar, cast

S = TypeVar("S", bound=socketserver.BaseServer)


class Webhook(ThreadingHTTPServer):
    """Takes JSON; answers with `statuses` in turn, then with 200. While `gate` is clear it does not answer."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), _WebhookHandler)
        self.statuses = list(statuses)
        self.got: list[dict[str, Any]] = []
        self.accepted: list[dict[str, Any]] = []
        self.gate = threading.Event()
        self.gate.set()

    def url(self, path: str = "", query: str = "") -> str:
        return f"json://127.0.0.1:{self.server_port}/{path}{query}"


class _WebhookHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        webhook = cast(Webhook, self.server)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        webhook.got.append(body)
        webhook.gate.wait(10)
        status = webhook.statuses.pop(0) if webhook.statuses else 200
        if status == 200:  # before the answer, on which a test may look
            webhook.accepted.append(body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class EventReceiver(ThreadingHTTPServer):
    """Takes events as bytes, with their path and headers; answers with `statuses` in turn, then with 204."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _EventHandler)
        self.statuses: list[int] = []
        self.got: list[dict[str, Any]] = []

    def url(self, path: str = "") -> str:
        return f"events+http://127.0.0.1:{self.server_port}/{path}"


class _EventHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver = cast(EventReceiver, self.server)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.got.append({"path": self.path, "headers": headers, "body": body})
        self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class MailServer(socketserver.ThreadingTCPServer):
    """Takes mails by SMTP, without encryption."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _MailHandler)
        self.mails: list[str] = []

    @property
    def url(self) -> str:
        port = self.server_address[1]
        return f"mailto://127.0.0.1:{port}?from=drift@example.com&to=oncall@example.com&mode=insecure&format=text"


class _MailHandler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper().strip()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                cast(MailServer, self.server).mails.append(b"".join(lines).decode())
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
            if word == b"QUIT":
                return


@contextmanager
def serving(server: S) -> Iterator[S]:
    """Run a server on a thread."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
