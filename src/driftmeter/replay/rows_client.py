"""The way to one model on a metric server: a batch is sent until it is known what became of it."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import urllib3

from driftmeter.client.backoff import Backoff
from driftmeter.client.transport import Answer, AwayError, model_path
from driftmeter.errors import DriftmeterError, InputError
from driftmeter.profile.profile import Profile
from driftmeter.types import JSON, Milliseconds
from driftmeter.version import __version__

ARROW = "application/vnd.apache.arrow.stream"
_PANE: Milliseconds = 10_000
_TRY_AGAIN = (408, 425, 429)


@dataclass(frozen=True)
class ServedModel:
    """What a server says of a model: its profile, how far its clock is ahead of ours, and its panes' length."""

    profile: Profile
    ahead: Milliseconds
    pane: Milliseconds


class RowsClient:
    """Requests about one model. `patience` is how many seconds a server may be away before it is given up;
    `stop`, once set, ends the waiting too."""

    def __init__(self, url: str, model: str, *, patience: float = 60.0, stop: threading.Event | None = None) -> None:
        """Prepare; nothing is connected yet. Raises InputError where `url` is not http:// or https://."""
        if not url.startswith(("http://", "https://")):
            raise InputError("url", "http://host[:port] or https://…", repr(url))
        self.stop = stop or threading.Event()
        self.retries = 0
        self._base = url.rstrip("/")
        self._model = model
        self._patience = patience
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=1)

    def model(self) -> ServedModel:
        """Ask for the model; raises DriftmeterError with the server's words where it has none of that name, and
        at once where the server cannot be reached."""
        try:
            answer = self._once("GET", "profile", None, {})
        except AwayError as error:
            raise DriftmeterError(f"cannot reach {self._base}: {error}") from error
        if not answer.ok:
            raise DriftmeterError(f"{self._base}: {answer.describe()}")
        local = time.time_ns() // 1_000_000
        ahead = int(answer.headers.get("driftmeter-time", local)) - local
        return ServedModel(Profile.loads(answer.body), ahead, int(answer.headers.get("driftmeter-pane", _PANE)))

    def post(self, body: bytes, key: str, *, watermark: str | None = None, source: str | None = None) -> JSON:
        """Send a batch of rows as Arrow and return the answer; with the same key it counts once.

        Raises DriftmeterError where the server refuses it, and AwayError where it stays away too long.
        """
        query = {name: value for name, value in (("watermark", watermark), ("source", source)) if value is not None}
        headers = {"content-type": ARROW, "idempotency-key": key}
        backoff, begun = Backoff(), time.monotonic()
        while True:
            try:
                answer = self._once("POST", "rows", body, headers, query)
                if answer.ok:
                    return answer.json()
                if answer.status < 500 and answer.status not in _TRY_AGAIN:
                    raise DriftmeterError(f"{self._base}: {answer.describe()}")
                raise answer.away()
            except AwayError as error:
                pause = backoff.failed(error.retry_after)
                if time.monotonic() - begun + pause > self._patience or self.stop.wait(pause):
                    raise
                self.retries += 1

    def close(self) -> None:
        """Let go of the connection."""
        self._pool.clear()

    def _once(
        self,
        method: str,
        what: str,
        body: bytes | None,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        path = model_path(self._model, what) + (f"?{urlencode(query)}" if query else "")
        sent = time.monotonic()
        try:
            got = self._pool.request(
                method,
                self._base + path,
                body=body,
                headers={"user-agent": f"driftmeter/{__version__}", "accept": "application/json", **headers},
                timeout=urllib3.Timeout(connect=5.0, read=60.0),
                retries=False,
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise AwayError(_plain(error)) from error
        found = {name.lower(): value for name, value in got.headers.items()}
        return Answer(got.status, found, got.data, sent, time.monotonic())


def _plain(error: BaseException) -> str:
    """Say in plain words why there is no answer."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, socket.gaierror):
            return "unknown host"
        if isinstance(below, ssl.SSLError):
            return f"TLS: {below.reason or below}"
        if isinstance(below, TimeoutError):
            return "no answer in time"
        if isinstance(below, OSError) and below.strerror:
            return below.strerror[0].lower() + below.strerror[1:]
        below = below.__cause__ or below.__context__
    return " ".join(str(error).split())
