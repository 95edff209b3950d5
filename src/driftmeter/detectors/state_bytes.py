"""Bytes of a detector's state: a head of JSON and the parts that it announces, with a checksum.

magic (4) | CRC-32 of the rest (4) | length of the head (4) | head: JSON, with the parts' lengths | parts
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from driftmeter.detectors.run import Run
from driftmeter.errors import CodecError, StoreError
from driftmeter.panes.codec import decode_counts, encode_counts
from driftmeter.types import JSON

T = TypeVar("T")

_FORMAT = struct.Struct("<4sII")
"""Magic, checksum of the rest, length of the head."""


def pack(magic: bytes, head: JSON, parts: Sequence[bytes]) -> bytes:
    """Return the bytes of a state; `magic`, four bytes, names the detector. Equal heads and parts give equal bytes."""
    text = json.dumps({**head, "parts": [len(part) for part in parts]}, separators=(",", ":")).encode()
    rest = text + b"".join(parts)
    return _FORMAT.pack(magic, zlib.crc32(rest), len(text)) + rest


def unpack(magic: bytes, data: bytes, read: Callable[[JSON, Iterator[bytes]], T]) -> T:
    """Return `read(head, parts)`; raises StoreError on anything that `pack` did not write, or that `read` refuses."""
    try:
        got, checksum, length = _FORMAT.unpack_from(data)
        if got != magic:
            raise ValueError(f"expected {magic!r}, got {got!r}")
        if zlib.crc32(data[_FORMAT.size :]) != checksum:
            raise ValueError("the checksum is wrong")
        head = json.loads(data[_FORMAT.size : _FORMAT.size + length])
        return read(head, _parts(data, _FORMAT.size + length, head["parts"]))
    except (struct.error, KeyError, TypeError, ValueError, StopIteration, zlib.error, CodecError) as error:
        raise StoreError(f"the detector's state cannot be read: {error}") from error


def run_head(run: Run | None) -> list[int] | None:
    """Return what the head of a state says of the run that is not yet a pane, None if there is none."""
    return None if run is None else [run.start, run.end, run.length, run.elapsed, run.rows]


def run_parts(run: Run | None) -> list[bytes]:
    """Return the parts that belong to `run_head`: the run's counts."""
    return [] if run is None else [encode_counts(run.counts)]


def read_run(head: list[int] | None, parts: Iterator[bytes], bins: int) -> Run | None:
    """Read what `run_head` and `run_parts` wrote; `parts` begin with the run's, if it has one."""
    if head is None:
        return None
    start, end, length, elapsed, rows = head
    return Run(start, end, length, elapsed, rows, decode_counts(next(parts), bins))


def _parts(data: bytes, start: int, sizes: Sequence[int]) -> Iterator[bytes]:
    for size in sizes:
        yield data[start : start + size]
        start += size
