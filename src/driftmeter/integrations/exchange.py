"""An exchange: one request and its answer, of which a copy is kept while they pass; the same for ASGI and WSGI."""

from __future__ import annotations

import re
from collections.abc import Iterable

from driftmeter.integrations.routes import WatchedRoute
from driftmeter.payloads.v2_binary import json_length_of

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

Headers = Iterable[tuple[bytes, bytes]]


class KeptBody:
    """The parts of a body that passes; none is kept any more once they are too many, or of no use.

    Its headers are looked at only where it comes in parts, or is not read at once: most bodies are one short part.
    """

    __slots__ = ("_headers", "_one", "_parts", "_size", "is_whole", "json_length", "most", "reason")

    def __init__(self, headers: Headers, most: int) -> None:
        """Keep at most so many bytes. The names of headers are in lower case."""
        self._headers: Headers | None = headers
        self.most, self._size = most, 0
        self._one: bytes = b""
        """The whole body, where it came in one part; else there are parts."""
        self._parts: list[bytes] = []
        self.reason = ""
        """Why it is not kept: one of the words above; empty where it is."""
        self.is_whole = False
        """Whether its last part has passed."""
        self.json_length: int | None = None
        """Bytes of the JSON that precedes binary tensors, where a header tells; see `look`."""

    def add(self, part: bytes, more: bool) -> None:
        """Keep a part that has passed; `more` says whether it was not the last."""
        if not (more or self._parts or self.reason or len(part) > self.most or type(part) is not bytes):
            self._one = part
        elif part:
            self.look()
            self._size += len(part)
            if self._size > self.most:
                self.leave(TOO_LARGE)
            elif not self.reason:
                self._parts.append(bytes(part))
        self.is_whole = not more

    def look(self) -> None:
        """Look at the headers, once: some types, and bodies that will be too large, are left."""
        headers, self._headers = self._headers, None
        for name, value in headers or ():
            if name == b"content-type":
                if _STREAMS.match(value):
                    self.leave(STREAMED)
                elif _OTHERS.match(value):
                    self.leave(BINARY)
            elif name == b"content-length":
                if (json_length_of(value.decode("latin-1")) or 0) > self.most:
                    self.leave(TOO_LARGE)
            elif name == b"inference-header-content-length":
                self.json_length = json_length_of(value.decode("latin-1"))

    def leave(self, reason: str) -> None:
        """Keep nothing of it from now on."""
        self.reason = self.reason or reason
        self._one, self._parts = b"", []

    def content(self) -> bytes:
        """Return what was kept."""
        return self._one or b"".join(self._parts)


class Exchange:
    """What is known of one request and its answer, in the order in which it becomes known."""

    __slots__ = ("_most", "answer", "is_over", "is_success", "path", "request", "route")

    def __init__(self, route: WatchedRoute, path: str, headers: Headers, most: int) -> None:
        """Begin with the head of the request; keep at most so many bytes of each of the two bodies."""
        self.route, self.path, self._most = route, path, most
        self.request = KeptBody(headers, most)
        self.answer: KeptBody | None = None
        """None until it has begun."""
        self.is_success = False
        """Whether the model answered: with a status of 2xx."""
        self.is_over = False
        """Whether it was looked at."""

    @property
    def size(self) -> int:
        """Bytes of both bodies that were kept."""
        return len(self.request.content()) + (0 if self.answer is None else len(self.answer.content()))

    def start_answer(self, status: int, headers: Headers) -> KeptBody:
        """Take note of the head of the answer; nothing of an error is kept."""
        self.answer = KeptBody(headers, self._most)
        self.is_success = 200 <= status < 300
        if not self.is_success:
            self.request.leave(UNREAD)
            self.answer.leave(UNREAD)
        return self.answer
