"""A metric tier that keeps to the contract and can be told to misbehave: a small HTTP server, or no server at all."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from driftmeter.counts.summary import Summary
from driftmeter.panes.codec import decode_pane
from driftmeter.panes.pane import Pane
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from driftmeter.types import Clock, Milliseconds


@dataclass(frozen=True)
class Refusal:
    """An answer instead of the contract's."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    problem: bool = True


def refuse_panes(status: int, *headers: tuple[str, str], problem: bool = True) -> Callable[[str, str], Refusal | None]:
    """Refuse every pane, and nothing else."""
    return lambda method, path: Refusal(status, headers, problem) if "/panes/" in path else None


def refuse_nothing(method: str, path: str) -> Refusal | None:
    """Keep to the contract."""
    return None


def _wall_clock() -> Milliseconds:
    return time.time_ns() // 1_000_000


class Tier:
    """The server's state, to be looked at and changed by tests; `refuse` decides on each (method, path).

    Its time is that of `clock`, plus `ahead` seconds. Without `listening` only `answer` reaches it.
    """

    def __init__(self, timing: Timing, *, listening: bool = True, clock: Clock = _wall_clock) -> None:
        self.timing, self.ahead, self.clock = timing, 0.0, clock
        self.profiles: dict[str, Profile] = {}
        self.active: str | None = None
        self.panes: dict[tuple[str, int, int, str], Pane] = {}
        self.frozen: dict[tuple[str, int, int, str], Pane] = {}
        self.totals: dict[str, tuple[int, SourceTotals]] = {}
        self.received: list[Pane] = []
        self.log: list[tuple[str, str, int]] = []
        self.headers: list[dict[str, str]] = []
        self.refuse: Callable[[str, str], Refusal | None] = refuse_nothing
        self.lose: Callable[[str, str], bool] = lambda method, path: False
        """Whether an answer gets lost on its way, after the request was taken."""
        self.unseen_texts = True
        """Whether it wants texts of unseen categories."""
        self.lock = threading.Lock()
        self._server: _Server | None = None
        self.port = 0
        if listening:
            self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the port of last time if there was one."""
        self._server = _Server(("127.0.0.1", self.port), _handler_of(self))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Go away: close the port and every connection."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server.drop_connections()
            self._server = None

    def now(self) -> Milliseconds:
        return self.clock() + round(self.ahead * 1000)

    def register(self, profile: Profile) -> None:
        with self.lock:
            self.profiles[profile.digest] = profile
            self.active = profile.digest

    def summary(self, profile: Profile, source: str | None = None) -> Summary:
        """Add up what the tier has."""
        with self.lock:
            chosen = [
                pane for pane in self.panes.values() if pane.digest == profile.digest and source in (None, pane.source)
            ]
        return Summary.sum((pane.summary for pane in chosen), profile.bins)

    def by_start(self, profile: Profile) -> dict[Milliseconds, Summary]:
        """Add up what the tier has, by the start of panes."""
        with self.lock:
            panes = list(self.panes.values())
        return {
            start: Summary.sum([pane.summary for pane in panes if pane.start == start], profile.bins)
            for start in {pane.start for pane in panes}
        }

    def asked(self, method: str, part: str) -> int:
        """Count requests of a method whose path holds `part`."""
        return sum(asked == method and part in path for asked, path, _ in list(self.log))

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        refusal = self.refuse(method, path)
        if refusal:
            kind = "application/problem+json" if refusal.problem else "text/html"
            text = json.dumps({"title": "No", "detail": "as the test asked", "status": refusal.status}).encode()
            return refusal.status, [("Content-Type", kind), *refusal.headers], text
        parts = path.strip("/").split("/")
        if parts[3] == "profile":
            taken = self._get_profile() if method == "GET" else self._put_profile(body)
        else:
            taken = self._put_pane(int(parts[4]), parts[5], body)
        return (503, [], b"") if self.lose(method, path) else taken

    def _info(self) -> dict[str, Any]:
        return {
            "digest": self.active,
            "pane_ms": self.timing.pane,
            "lateness_ms": self.timing.lateness,
            "time_ms": self.now(),
            "unseen_texts": self.unseen_texts,
        }

    def _get_profile(self) -> tuple[int, list[tuple[str, str]], bytes]:
        if self.active is None:
            return _problem("unknown model")
        info = self._info()
        names = {"digest": "Digest", "pane_ms": "Pane", "lateness_ms": "Lateness", "time_ms": "Time"}
        names["unseen_texts"] = "Unseen-Texts"
        headers = [(f"Driftmeter-{name}", str(info[key])) for key, name in names.items()]
        return 200, headers, self.profiles[self.active].dumps()

    def _put_profile(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        self.register(Profile.loads(body))
        return 201, [], json.dumps({"model": "m", **self._info()}).encode()

    def _put_pane(self, start: int, source: str, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        pane = decode_pane(body)
        profile = self.profiles.get(pane.digest)
        if profile is None:
            return _problem("unknown profile")
        assert (pane.start, pane.source) == (start, source)
        assert pane.summary.check(profile) is None
        key = (pane.digest, pane.start, pane.length, pane.source)
        with self.lock:
            self.received.append(pane)
            if pane.sequence > self.totals.get(source, (-1, None))[0]:
                self.totals[source] = pane.sequence, pane.totals
            late = 0
            if key in self.frozen:
                late = pane.summary.rows - self.frozen[key].summary.rows
            elif key not in self.panes or self.panes[key].sequence < pane.sequence:
                self.panes[key] = pane
        return 200, [], json.dumps({"late": late, **self._info()}).encode()


def _problem(detail: str) -> tuple[int, list[tuple[str, str]], bytes]:
    body = json.dumps({"title": "Not found", "detail": detail, "status": 404}).encode()
    return 404, [("Content-Type", "application/problem+json")], body


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *args: Any) -> None:
        self.open: set[Any] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):  # else a connection that the test cut
            super().handle_error(request, client_address)

    def drop_connections(self) -> None:
        for request in list(self.open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)


def _handler_of(tier: Tier) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, answer = tier.answer(self.command, self.path, body)
            tier.log.append((self.command, self.path, status))
            tier.headers.append(dict(self.headers.items()))
            self.send_response(status)
            for name, value in [*headers, ("Content-Length", str(len(answer)))]:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_PUT = _serve  # noqa: N815 - the names that http.server looks for

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
