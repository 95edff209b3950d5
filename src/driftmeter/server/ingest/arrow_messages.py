"""What the messages of Arrow IPC state about themselves, read before anything is inflated or trusted.

pyarrow shows neither the length of a batch nor the sizes of its buffers without inflating them, hence the few lines of
FlatBuffers here. They take 12 us of a batch of 1,000 rows by 30 features, which takes 150 us to read, and refuse 15 kB
that would inflate to 500 MB after 14 us (bench/guards.py).

Source: the Arrow columnar format, "Serialization and Interprocess Communication", `Message.fbs` and `File.fbs`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from driftmeter.server.problems import TooLargeError

MAGIC = b"ARROW1"
MOST_STREAMS = 10_000
"""Streams that one body may hold, one after the other: opening a stream costs more than sending its bytes."""
_NOT_PADDING = re.compile(rb"[^\0]")
_CONTINUED = 0xFFFFFFFF
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3
_BLOCK = struct.Struct("<qi4xq")


@dataclass(frozen=True)
class Message:
    """What one message states about itself.

    `metadata` are the bytes of its metadata, `inflated` the bytes that it inflates to. `length` counts rows, or values
    of a dictionary. Buffers that are views may unfold to any size.
    """

    metadata: int
    length: int
    inflated: int
    is_rows: bool
    has_views: bool


def messages_of_streams(body: bytes) -> Iterator[Message]:
    """Yield the messages of a body of streams, one after the other; zeros behind the last are padding."""
    source = pa.BufferReader(body)
    for _ in starts_of_streams(source, body):
        stream = pa.ipc.MessageReader.open_stream(source)
        empty = True
        while True:
            try:
                message = stream.read_next_message()
            except StopIteration:
                break
            empty = False
            yield _described(message.metadata.to_pybytes(), memoryview(message.body or b""))
        if empty:
            return  # pyarrow refuses the body later, with the best message


def starts_of_streams(source: pa.BufferReader, body: bytes) -> Iterator[int]:
    """Yield where each stream of a body starts; the caller reads `source` to the end of the stream each time.

    Raises TooLargeError if there are more than MOST_STREAMS.
    """
    yield 0
    for _ in range(MOST_STREAMS - 1):
        start = source.tell()
        if not _NOT_PADDING.search(body, start):
            return
        yield start
    if _NOT_PADDING.search(body, source.tell()):
        raise TooLargeError("body", f"at most {MOST_STREAMS} Arrow streams", "more")


def messages_of_file(body: bytes) -> Iterator[Message]:
    """Yield the messages that the footer of a file points at; no other bytes of the file are ever read.

    Raises ArrowInvalid if it points beyond the file, or at more bytes than the file has.
    """
    metadata = _footer(body)
    footer = _Flat(metadata, struct.unpack_from("<I", metadata, 0)[0])
    blocks = [*footer.structs(2, _BLOCK), *footer.structs(3, _BLOCK)]
    if sum(size + length for _, size, length in blocks) > len(body):
        raise pa.ArrowInvalid("the footer points at more bytes than there are")
    for offset, size, length in blocks:
        if min(offset, size, length) < 0 or offset + size + length > len(body):
            raise pa.ArrowInvalid("the footer points beyond the file")
        start = 8 if struct.unpack_from("<I", body, offset)[0] == _CONTINUED else 4
        message = body[offset + start : offset + size]
        yield _described(message, memoryview(body)[offset + size : offset + size + length])


def _footer(body: bytes) -> bytes:
    if not body.endswith(MAGIC) or len(body) < 2 * len(MAGIC) + 4:
        raise pa.ArrowInvalid("the file does not end as one")
    at = len(body) - len(MAGIC) - 4
    (size,) = struct.unpack_from("<i", body, at)
    if not 0 < size <= at:
        raise pa.ArrowInvalid(f"a footer of {size} bytes")
    return body[at - size : at]


def _described(metadata: bytes, body: memoryview) -> Message:
    message = _Flat(metadata, struct.unpack_from("<I", metadata, 0)[0])
    kind, batch = message.byte(1), None
    if kind == _RECORD_BATCH:
        batch = message.table(2)
    elif kind == _DICTIONARY_BATCH:
        batch = message.table(2).table(1)
    length = inflated = 0
    if batch is not None:
        length = batch.int64(0)
        if batch.has(3):
            for offset, size in batch.structs(2, struct.Struct("<qq")):
                if size >= 8:
                    inflated += max(0, struct.unpack_from("<q", body, offset)[0])
    return Message(len(metadata), length, inflated, kind == _RECORD_BATCH, batch is not None and batch.has(4))


class _Flat:
    """A table of a FlatBuffer: the few accessors that are needed here."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        self._fields = at - self._unpack("<i", at)
        self._size = self._unpack("<H", self._fields)

    def _unpack(self, form: str, at: int) -> int:
        return int(struct.unpack_from(form, self._data, at)[0])

    def _offset(self, field: int) -> int:
        slot = 4 + 2 * field
        return self._unpack("<H", self._fields + slot) if slot < self._size else 0

    def has(self, field: int) -> bool:
        return bool(self._offset(field))

    def int64(self, field: int) -> int:
        offset = self._offset(field)
        return self._unpack("<q", self._at + offset) if offset else 0

    def byte(self, field: int) -> int:
        offset = self._offset(field)
        return self._unpack("<B", self._at + offset) if offset else 0

    def _follow(self, field: int) -> int:
        at = self._at + self._offset(field)
        return at + self._unpack("<I", at)

    def table(self, field: int) -> _Flat:
        return _Flat(self._data, self._follow(field))

    def structs(self, field: int, form: struct.Struct) -> list[tuple[int, ...]]:
        if not self.has(field):
            return []
        at = self._follow(field)
        count = self._unpack("<I", at)
        at += 4
        return list(form.iter_unpack(self._data[at : at + form.size * count]))
