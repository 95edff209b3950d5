"""HTTP to the metric tier: one request, one answer, no opinion on what it means."""

from __future__ import annotations

import codecs
import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlsplit

import urllib3

from driftmeter.errors import InputError
from driftmeter.types import JSON
from driftmeter.version import __version__

PANE_TYPE = "application/vnd.driftmeter.pane"
JSON_TYPE = "application/json"
CONNECT_TIMEOUT = 1.0  # seconds


class AwayError(Exception):
    """The tier can't take anything now; `retry_after` is what it asked for, in seconds."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        """Keep both."""
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Answer:
    """What came back, and the local clock (s) before and after."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent: float
    received: float

    @property
    def ok(self) -> bool:
        """Whether it did what it was asked."""
        return 200 <= self.status < 300

    @property
    def problem(self) -> bool:
        """Whether the tier itself speaks, not a gateway before it."""
        return self.headers.get("content-type", "").startswith("application/problem+json")

    def json(self) -> JSON:
        """Read the body as a JSON object; raises AwayError where it is none."""
        try:
            content = json.loads(self.body)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise AwayError(f"expected a JSON object from the metric server, got {self.body[:60]!r}")
        return content

    def describe(self) -> str:
        """Say what the answer was, for a log."""
        detail = ""
        if self.problem:
            try:
                content = self.json()
            except AwayError:
                content = {}
            detail = str(content.get("detail") or content.get("title") or "")[:300]
        location = self.headers.get("location")
        return f"status {self.status}" + (f": {detail}" if detail else "") + (f" to {location}" if location else "")

    def away(self) -> AwayError:
        """Return the error to raise where this answer means: try again later."""
        seconds = self.headers.get("retry-after", "")
        return AwayError(self.describe(), float(seconds) if seconds.isdecimal() else None)


class Transport(Protocol):
    """How the SDK reaches the tier."""

    def __call__(self, method: str, path: str, body: bytes | None, content_type: str, timeout: float) -> Answer:
        """Send one request and return its answer, whatever its status; raises AwayError where none came."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Http:
    """Transport by urllib3: one connection that is kept alive, no redirects, no retries, no proxy from the
    environment (a sidecar's or a cluster's proxy settings are meant for the way out, the tier is inside)."""

    def __init__(
        self, url: str, headers: Mapping[str, str] | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare; nothing is connected yet. Raises InputError where `url` is not http:// or https://."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise InputError("url", "http://host[:port][/path] or https://…", repr(url))
        self._base = url.rstrip("/")
        self._headers = {"user-agent": f"driftmeter/{__version__}", **(headers or {})}
        # the first look-up of a name imports this: in a thread, a fork at that moment would leave the child
        # with an import lock that nobody ever gives back
        codecs.lookup("idna")
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=1)
        self._clock = clock

    def __call__(self, method: str, path: str, body: bytes | None, content_type: str, timeout: float) -> Answer:
        """Send one request; `timeout` (s) is for each of connecting, at most CONNECT_TIMEOUT, and reading."""
        headers = {**self._headers, "accept": JSON_TYPE}
        if body is not None:
            headers["content-type"] = content_type
        limits = urllib3.Timeout(connect=min(CONNECT_TIMEOUT, timeout), read=timeout)
        sent = self._clock()
        try:
            answer = self._pool.request(
                method, self._base + path, body=body, headers=headers, timeout=limits, retries=False, redirect=False
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise AwayError(f"cannot reach {self._base}: {_plainly(error)}") from error
        received = self._clock()
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, found, answer.data, sent, received)

    def close(self) -> None:
        """Close the connection."""
        self._pool.clear()


def _plainly(error: BaseException) -> str:
    """Say in plain words why a request got no answer: urllib3's own name its connection objects."""
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "unknown host"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return f"no secure connection: {cause.verify_message if hasattr(cause, 'verify_message') else cause.reason}"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        if isinstance(cause, http.client.RemoteDisconnected):
            return "connection closed without an answer"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return "no connection in time"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__}: {error}"


def model_path(model: str, *rest: str) -> str:
    """Return the path of a model's resource.

    >>> model_path("a b", "profile")
    '/v1/models/a%20b/profile'
    """
    return "/".join(("/v1/models", *(quote(part, safe="") for part in (model, *rest))))
