"""A server that takes rows and only keeps them, and a stop whose waiting takes no time."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa

from driftmeter.profile.profile import Profile
from driftmeter.timestamps import parse_time
from driftmeter.types import Milliseconds
from tests.support.clocks import SetClock

AHEAD: Milliseconds = 7_200_000
"""By so much the listener's clock is ahead of the client's."""


@dataclass(frozen=True)
class Batch:
    """One request: its rows, query and key, and when it came by the client's clock."""

    rows: pa.Table
    query: dict[str, str]
    key: str
    at: Milliseconds


class Listener:
    """A metric server's answers to a replay, in a thread; keeps the batches that it was sent.

    The next request is answered with the first of `answers`, status and headers, while there are any.
    """

    def __init__(self, profile: Profile, clock: SetClock) -> None:
        self.batches: list[Batch] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                time = str(clock() + AHEAD)
                self.reply(200, profile.dumps(), {"Driftmeter-Time": time, "Driftmeter-Pane": "10000"})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Type"] == "application/vnd.apache.arrow.stream"
                table = pa.ipc.open_stream(body).read_all()
                query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                listener.batches.append(Batch(table, query, str(self.headers["Idempotency-Key"]), clock()))
                status, headers = listener.answers.pop(0) if listener.answers else (200, {})
                answer = {"accepted": len(table), "rejected_rows": 0, "rejected": [], "late": 0, "duplicate": False}
                problem = {"detail": "as the test wants it"}
                if status != 200:
                    headers = {"Content-Type": "application/problem+json", **headers}
                self.reply(status, json.dumps(answer if status == 200 else problem).encode(), headers)

            def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """Go away."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def times(self) -> list[Milliseconds]:
        """Return the timestamps of all rows, in the order in which they came."""
        return [parse_time(value) for batch in self.batches for value in batch.rows["timestamp"].to_pylist()]


class ClockedStop(threading.Event):
    """A stop that is waited for by moving a clock; it is set after `seconds`, where they are given."""

    def __init__(self, clock: SetClock, seconds: float | None = None) -> None:
        super().__init__()
        self._clock = clock
        self._end = None if seconds is None else clock.now + round(seconds * 1000)

    def wait(self, timeout: float | None = None) -> bool:
        """Let the time pass; return whether the stop is set by then."""
        assert timeout is not None
        self._clock.now += max(1, round(timeout * 1000))
        if self._end is not None and self._clock.now >= self._end:
            self.set()
        return self.is_set()
