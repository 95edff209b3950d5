"""Bytes of a detector's state: a head of JSON and the parts that it announces, checked before they are believed."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from driftmeter.errors import CodecError, StoreError
from driftmeter.types import JSON

T = TypeVar("T")

_FORMAT = struct.Struct("<4sII")
"""Magic, checksum of the rest, length of the head."""


def pack(magic: bytes, head: JSON, parts: Sequence[bytes]) -> bytes:
    """Return a state of the kind that four bytes, `magic`, tell; equal heads and parts give equal bytes."""
    text = json.dumps({**head, "parts": [len(part) for part in parts]}, separators=(",", ":")).encode()
    rest = text + b"".join(parts)
    return _FORMAT.pack(magic, zlib.crc32(rest), len(text)) + rest


def unpack(magic: bytes, data: bytes, read: Callable[[JSON, Iterator[bytes]], T]) -> T:
    """Return what `read` makes of the head and the parts; raises StoreError where they are not what `pack` wrote."""
    try:
        found, checksum, length = _FORMAT.unpack_from(data)
        if found != magic:
            raise ValueError(f"expected {magic!r}, got {found!r}")
        if zlib.crc32(data[_FORMAT.size :]) != checksum:
            raise ValueError("the checksum is wrong")
        head = json.loads(data[_FORMAT.size : _FORMAT.size + length])
        return read(head, _parts(data, _FORMAT.size + length, head["parts"]))
    except (struct.error, KeyError, TypeError, ValueError, StopIteration, zlib.error, CodecError) as error:
        raise StoreError(f"the detector's state cannot be read: {error}") from error


def _parts(data: bytes, place: int, sizes: Sequence[int]) -> Iterator[bytes]:
    for size in sizes:
        yield data[place : place + size]
        place += size
