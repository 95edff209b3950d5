"""An exchange: one request and its answer, of which a copy is kept while they pass; the same for ASGI and WSGI."""

from __future__ import annotations

import re
from collections.abc import Iterable

from driftmeter.integrations.routes import WatchedRoute

MOST_BYTES = 1_000_000
"""Bytes of a body that are kept, unless the user says otherwise: about as many rows as a request should have."""
LEAST_BYTES = 1_000
"""The least that a user may say."""
STREAMED, BINARY, TOO_LARGE, UNREAD = "streamed", "binary", "too_large", "unread"
"""Why a body is not read."""
_STREAMS = re.compile(rb"\s*(?:text/event-stream|application/(?:x-ndjson|jsonl|json-seq))", re.IGNORECASE)
_OTHERS = re.compile(
    rb"\s*(?:(?:image|audio|video|font|multipart|message)/|text/(?!plain|json)|application/(?:x-www-form-urlencoded|pdf"
    rb"|zip|x-tar|wasm|xml|(?:x-)?msgpack|(?:x-)?protobuf|grpc|(?:x-)?parquet|vnd\.apache\.|x-npy|x-pickle)\b)",
    re.IGNORECASE,
)
"""Media types of bodies that are left alone. All others, and none, are told by the content: what serving systems send
as binary or as JSON often says that it is the other, or nothing."""

_JSON, _SHORT = b"application/json", 3
"""What most bodies are, and the most digits of a length that no limit is below."""

Headers = Iterable[tuple[bytes, bytes]]


class KeptBody:
    """The parts of a body that passes; none is kept any more once they are too many, or of no use."""

    __slots__ = ("_parts", "_size", "is_whole", "json_length", "most", "reason")

    def __init__(self, most: int) -> None:
        """Keep at most so many bytes."""
        self.most, self._size = most, 0
        self._parts: list[bytes] = []
        self.reason = ""
        """Why it is not kept: one of the words above; empty where it is."""
        self.is_whole = False
        """Whether its last part has passed."""
        self.json_length: int | None = None
        """Bytes of the JSON that precedes binary tensors, where a header tells."""

    def read_headers(self, headers: Headers) -> None:
        """Look at type and length of the body. The names of headers are in lower case."""
        for name, value in headers:
            if name == b"content-type":
                if value == _JSON:
                    continue
                if _STREAMS.match(value):
                    self.leave(STREAMED)
                elif _OTHERS.match(value):
                    self.leave(BINARY)
            elif name == b"content-length":
                if len(value) > _SHORT and value.isdigit() and int(value) > self.most:
                    self.leave(TOO_LARGE)
            elif name == b"inference-header-content-length" and value.isdigit():
                self.json_length = int(value)

    def add(self, part: bytes, more: bool) -> None:
        """Keep a part that has passed; `more` says whether it was not the last."""
        if part and not self.reason:
            self._size += len(part)
            if self._size > self.most:
                self.leave(TOO_LARGE)
            else:
                self._parts.append(part if type(part) is bytes else bytes(part))
        self.is_whole = not more

    def leave(self, reason: str) -> None:
        """Keep nothing of it from now on."""
        self.reason = self.reason or reason
        self._parts.clear()

    def content(self) -> bytes:
        """Return what was kept."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)


class Exchange:
    """What is known of one request and its answer, in the order in which it becomes known."""

    __slots__ = ("answer", "is_over", "is_success", "path", "request", "route")

    def __init__(self, route: WatchedRoute, path: str, headers: Headers, most: int) -> None:
        """Begin with the head of the request; keep at most so many bytes of each of the two bodies."""
        self.route, self.path = route, path
        self.request, self.answer = KeptBody(most), KeptBody(most)
        self.is_success = False
        """Whether the model answered: with a status of 2xx."""
        self.is_over = False
        """Whether it was looked at."""
        self.request.read_headers(headers)

    def start_answer(self, status: int, headers: Headers) -> None:
        """Take note of the head of the answer; nothing of an error is kept."""
        self.is_success = 200 <= status < 300
        if self.is_success:
            self.answer.read_headers(headers)
        else:
            self.request.leave(UNREAD)
            self.answer.leave(UNREAD)
