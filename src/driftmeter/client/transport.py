"""HTTP to the metric tier: one request, one answer. What the answer means is for the caller to decide."""

from __future__ import annotations

import codecs
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, urlsplit

from driftmeter.client.no_fork import NO_FORK
from driftmeter.errors import InputError
from driftmeter.types import JSON
from driftmeter.version import __version__

if TYPE_CHECKING:
    from driftmeter.client.connection import Connection

PANE_TYPE = "application/vnd.driftmeter.pane"
JSON_TYPE = "application/json"
CONNECT_TIMEOUT = 1.0  # seconds


class AwayError(Exception):
    """The tier can't take anything now, for a `reason`; `retry_after` is what it asked for, in seconds."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        """Keep both."""
        super().__init__(reason)
        self.reason, self.retry_after = reason, retry_after


class UnreachableError(AwayError):
    """No answer came from an address. The `reason` does not name it, the error as text does."""

    def __init__(self, url: str, reason: str) -> None:
        """Keep both."""
        super().__init__(reason)
        self.url = url

    def __str__(self) -> str:
        """Name the address and the reason."""
        return f"cannot reach {self.url}: {self.reason}"


@dataclass(frozen=True)
class Answer:
    """A response of any status, and the local clock in seconds when the request was sent and the response received."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent: float
    received: float

    @property
    def ok(self) -> bool:
        """Whether the request succeeded."""
        return 200 <= self.status < 300

    @property
    def problem(self) -> bool:
        """Whether the tier itself answers, not a gateway in front of it."""
        return self.headers.get("content-type", "").startswith("application/problem+json")

    def json(self) -> JSON:
        """Read the body as a JSON object; raises AwayError if it is none."""
        try:
            content = json.loads(self.body)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise AwayError(f"expected a JSON object from the metric server, got {self.body[:60]!r}")
        return content

    def describe(self) -> str:
        """Return status, detail and redirect in words, for a log."""
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
        """Return the error to raise if this answer asks for another try later."""
        seconds = self.headers.get("retry-after", "")
        return AwayError(self.describe(), float(seconds) if seconds.isdecimal() else None)


class Transport(Protocol):
    """How the SDK reaches the tier."""

    def __call__(self, method: str, path: str, body: bytes | None, content_type: str, timeout: float) -> Answer:
        """Send one request and return its answer, whatever its status; raises AwayError if none came."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Http:
    """Transport by http.client: one connection that is kept alive, no redirects, no retries.

    The first request loads what it needs. It ignores proxies from the environment: those of a sidecar or a cluster are
    for requests to the outside, and the tier is inside.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None,
        clock: Callable[[], float] = time.monotonic,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
    ) -> None:
        """Prepare; nothing is connected yet. `headers` go with every request, `connect_timeout` is in seconds.

        Raises InputError if `url` is not http:// or https://.
        """
        parts = urlsplit(url)
        try:
            _ = parts.port
        except ValueError as error:
            raise InputError("url", "a port from 0 to 65535", repr(url)) from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise InputError("url", "http://host[:port][/path] or https://…", repr(url))
        self._base = url.rstrip("/")
        self._headers = {"user-agent": f"driftmeter/{__version__}", **(headers or {})}
        self._clock, self._connect_timeout = clock, connect_timeout
        self._connection: Connection | None = None

    def __call__(
        self,
        method: str,
        path: str,
        body: bytes | None,
        content_type: str,
        timeout: float,
        more_headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request. `timeout` (s) is for reading, and for connecting if it is below the connect timeout.

        Returns the answer, whatever its status; raises UnreachableError if none came.
        """
        headers = {**self._headers, "accept": JSON_TYPE, **(more_headers or {})}
        if body is not None:
            headers["content-type"] = content_type
        connection = self._connection or self._connect()
        sent = self._clock()
        try:
            status, answered, content = connection.request(
                method,
                path,
                body,
                headers,
                connect_timeout=min(self._connect_timeout, timeout),
                timeout=timeout,
            )
        except ConnectionError as error:
            raise UnreachableError(self._base, str(error)) from error
        return Answer(status, answered, content, sent, self._clock())

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> Connection:
        """Load all that a request needs. A monitor's background thread does so, not the thread of a prediction."""
        with NO_FORK:
            from driftmeter.client.connection import Connection

            codecs.lookup("idna")  # the first look-up of a host name would import it
            self._connection = Connection(self._base)
        return self._connection


def model_path(model: str, *rest: str) -> str:
    """Return the path of a model's resource.

    >>> model_path("a b", "profile")
    '/v1/models/a%20b/profile'
    """
    return "/".join(("/v1/models", *(quote(part, safe="") for part in (model, *rest))))
