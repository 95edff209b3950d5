"""Incidents as CloudEvents to a webhook, signed so that the receiver knows who sent them.

The URL is `events+https://host/path`, with `?secret=whsec_…` to sign. The body is a CloudEvent 1.0 in structured mode:

    type     io.driftmeter.incident.opened, .worse, .closed, .reopened, .changed or .reminder
    source   the address of the metric server, or /driftmeter; subject: the model
    id       MODEL:INCIDENT:EVENT, the same on every replica and for every attempt
    time     when it became so, by event time
    data     the incident as `GET /v1/models/{model}/incidents` has it, with `model`, and `url` of the metric server

Headers are those of Standard Webhooks (github.com/standard-webhooks/standard-webhooks, 1.0): `webhook-id`,
`webhook-timestamp` and, with a secret, `webhook-signature`, v1 by HMAC-SHA256 over id, timestamp and body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http.client
import json
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from driftmeter.errors import InputError
from driftmeter.notify.notice import Notice
from driftmeter.version import __version__

SCHEMES = ("events+http", "events+https")
EXPECTED = "events+https://host/path, perhaps with ?secret=whsec_…"
_TYPE = "io.driftmeter.incident"
_PREFIX = "whsec_"
_SECRET_BYTES = (24, 64)
_TIMEOUT = 10.0
"""Seconds in which the receiver has to answer."""


class Webhook:
    """A receiver of CloudEvents; `name` is all of its URL that may be shown: scheme and host."""

    def __init__(self, url: str, position: int = 1, *, clock: Callable[[], float] = time.time) -> None:
        """Read a URL; raises InputError, which shows the URL's scheme and its `position` alone.

        `clock` gives seconds since the epoch, for the header of the time.
        """
        parts = urlsplit(url.strip())
        self._host, self._port = "", None
        query = parse_qsl(parts.query, keep_blank_values=True)
        secrets = [value for name, value in query if name == "secret"]
        with suppress(ValueError):  # a port that is no number
            self._host, self._port = parts.hostname or "", parts.port
        if not self._host or len(secrets) > 1:
            raise InputError("notify", EXPECTED, f"{parts.scheme}://… as number {position}")
        self._key = _key_of(secrets[0], position) if secrets else None
        self._is_safe = parts.scheme == SCHEMES[1]
        rest = urlencode([(name, value) for name, value in query if name != "secret"])
        self._path = urlunsplit(("", "", parts.path or "/", rest, ""))
        user = "" if parts.username is None else unquote(f"{parts.username}:{parts.password or ''}")
        self._authorization = f"Basic {base64.b64encode(user.encode()).decode()}" if user else None
        self._clock = clock
        self.name = f"{parts.scheme}://{self._host}" + (f":{self._port}" if self._port else "")

    def deliver(self, notice: Notice) -> str | None:
        """Send a notice as an event; return None, or why that failed."""
        event = event_of(notice)
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        return self._post(str(event["id"]), body)

    def test(self) -> str | None:
        """Send an event of the type `io.driftmeter.test`; return None, or why that failed."""
        event = {"specversion": "1.0", "type": "io.driftmeter.test", "source": "/driftmeter", "id": "test"}
        return self._post("test", json.dumps(event).encode())

    def _post(self, id_: str, body: bytes) -> str | None:
        sent = str(int(self._clock()))
        headers = {
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            "User-Agent": f"driftmeter/{__version__}",
            "webhook-id": _ascii(id_),
            "webhook-timestamp": sent,
        }
        if self._authorization is not None:
            headers["Authorization"] = self._authorization
        if self._key is not None:
            headers["webhook-signature"] = signature(self._key, _ascii(id_), sent, body)
        connection = self._connect()
        try:
            connection.request("POST", self._path, body, headers)
            answer = connection.getresponse()
            answer.read(1000)
            return None if 200 <= answer.status < 300 else f"it answered {answer.status} {answer.reason}"
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {getattr(error, 'strerror', None) or 'no answer'}"
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        if self._is_safe:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=_TIMEOUT, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT)


def event_of(notice: Notice) -> dict[str, object]:
    """Return a notice as a CloudEvent in JSON."""
    return {
        "specversion": "1.0",
        "type": f"{_TYPE}.{notice.event}",
        "source": notice.url or "/driftmeter",
        "id": f"{notice.model}:{notice.key}",
        "time": notice.at,
        "subject": notice.model,
        "datacontenttype": "application/json",
        "data": {"model": notice.model, "url": notice.url, "title": notice.title, **notice.incident_json},
    }


def signature(key: bytes, id_: str, sent: str, body: bytes) -> str:
    """Sign a message as Standard Webhooks does: `v1,` and HMAC-SHA256 in Base64.

    >>> key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    >>> signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    digest = hmac.new(key, b".".join([id_.encode(), sent.encode(), body]), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _key_of(secret: str, position: int) -> bytes:
    least, most = _SECRET_BYTES
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX).replace(" ", "+"), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(_PREFIX) or not least <= len(key) <= most:
        expected = f"secret={_PREFIX}… with {least} to {most} bytes in Base64"
        raise InputError("notify", expected, f"another secret in URL {position}")
    return key


def _ascii(text: str) -> str:
    """Return a text that a header can hold: other characters as their numbers."""
    return text.encode("ascii", "backslashreplace").decode().replace("\r", "\\r").replace("\n", "\\n")
