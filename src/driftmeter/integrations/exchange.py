"""An exchange: one request and its answer, of which a copy is kept while they pass; the same for ASGI and WSGI."""

from __future__ import annotations

import re
from collections.abc import Iterable

from driftmeter.integrations.routes import WatchedRoute

MOST_BYTES = 1_000_000
"""Bytes of a body that are kept, unless the user says otherwise: about as many rows as a request should have."""
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
    """The parts of a body that passes; none is kept any more once they are too many, or of no use."""

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
        """Look at type and length of the body."""
        for name, value in headers:
            name = name.lower()
            if name == b"content-type":
                if _STREAMS.match(value):
                    self.leave(STREAMED)
                elif _OTHERS.match(value):
                    self.leave(BINARY)
            elif name == b"content-length":
                if value.isdigit() and int(value) > self.most:
                    self.leave(TOO_LARGE)
            elif name == b"inference-header-content-length" and value.isdigit():
                self.json_length = int(value)

    def add(self, part: bytes) -> None:
        """Keep a part that has passed."""
        if not part or self.reason:
            return
        self._size += len(part)
        if self._size > self.most:
            self.leave(TOO_LARGE)
        else:
            self._parts.append(bytes(part))  # no copy of what is bytes already

    def leave(self, reason: str) -> None:
        """Keep nothing of it from now on."""
        self.reason = self.reason or reason
        self._parts.clear()

    def content(self) -> bytes:
        """Return what was kept."""
        return b"".join(self._parts)


class Exchange:
    """What is known of one request and its answer, in the order in which it becomes known."""

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
