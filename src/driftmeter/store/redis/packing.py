"""How Redis holds counts, and scripts are given arguments.

Counts of open panes are narrow integers, which add up fast; slices are compressed. Arguments are msgpack.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.counts.unseen import UnseenTexts
from driftmeter.panes.codec import decode_counts, decode_texts, encode_counts, encode_texts
from driftmeter.panes.pane import Slice
from driftmeter.types import Counts, Milliseconds

_WIDTHS = ((1, 0xFF), (2, 0xFFFF), (4, 0xFFFF_FFFF))
_SLICE = struct.Struct(">QI")
_LENGTH = struct.Struct(">I")
_HAS_TEXTS = 1 << 31
"""Set in the number of bins of a slice with unseen texts: their length and they themselves come before its counts."""

SEAL_BYTES = 20
"""Bytes that a closed pane keeps of each source: 6 of the source's hash, 8 of the sequence, 6 of the rows."""


def pack(counts: Counts) -> bytes:
    """Write counts as integers as narrow as can be (8 bytes if any is below 0), after a byte with their width."""
    largest = counts.max(initial=0) if counts.min(initial=0) >= 0 else np.inf
    width = next((width for width, most in _WIDTHS if largest <= most), 8)
    return bytes([width]) + counts.astype(f"<u{width}").tobytes()


def total(packed: Iterable[bytes]) -> Counts:
    """Add up packed counts of many sources; returns an empty array for none."""
    by_width: dict[int, list[bytes]] = {}
    for counts in packed:
        by_width.setdefault(counts[0], []).append(counts[1:])
    sums = [
        np.frombuffer(b"".join(parts), f"<u{width}").reshape(len(parts), -1).sum(axis=0, dtype=np.int64)
        for width, parts in by_width.items()
    ]
    return np.sum(sums, axis=0, dtype=np.int64) if sums else np.zeros(0, np.int64)


def pack_slice(slice_: Slice) -> bytes:
    """Write the rows, counts and unseen texts of a slice; its times are in its name."""
    counts, texts = slice_.summary.counts, encode_texts(slice_.summary.unseen)
    head = _SLICE.pack(slice_.summary.rows, counts.size | (_HAS_TEXTS if texts else 0))
    return head + (_LENGTH.pack(len(texts)) + texts if texts else b"") + encode_counts(counts)


def unpack_slice(name: bytes, packed: bytes) -> Slice:
    """Read a slice from its name and what `pack_slice` wrote."""
    start, end = times_of(name.decode())
    rows, bins = _SLICE.unpack_from(packed)
    rest, texts = packed[_SLICE.size :], b""
    if bins & _HAS_TEXTS:
        (length,) = _LENGTH.unpack_from(rest)
        texts, rest = rest[_LENGTH.size : _LENGTH.size + length], rest[_LENGTH.size + length :]
    counts = decode_counts(rest, bins & ~_HAS_TEXTS)
    return Slice(start, end - start, Summary(rows, counts, decode_texts(texts)))


def rows_in_slice(packed: bytes) -> int:
    """Return the rows of what `pack_slice` wrote, without reading its counts."""
    rows: int = _SLICE.unpack_from(packed)[0]
    return rows


def slice_name(start: Milliseconds, end: Milliseconds) -> str:
    """Return the name of a slice. Names of slices that end together sort by start.

    >>> slice_name(1_700_000_000_000, 1_700_000_010_000)
    '1700000010000:001700000000000'
    """
    return f"{end}:{start:015d}"


def times_of(name: str) -> tuple[Milliseconds, Milliseconds]:
    """Return the start and the end of a slice from its name."""
    end, start = name.split(":")
    return int(start), int(end)


def source_hash(source: str) -> bytes:
    """Return the 48 bits by which a source is found in a sealed pane: enough to tell thousands of sources apart."""
    return hashlib.blake2b(source.encode(), digest_size=6).digest()


def seal(reports: Mapping[bytes, bytes]) -> bytes:
    """Write the reports of a pane's sources, SEAL_BYTES for each source."""
    return b"".join(source_hash(source.decode()) + value[:8] + value[10:16] for source, value in reports.items())


def sequence_bytes(sequence: int) -> bytes:
    """Write a sequence, which may be larger than a number of Lua holds."""
    return sequence.to_bytes(8, "big")


def rows_of(report: bytes) -> int:
    """Return the rows that a source has reported of a pane: 8 bytes of its sequence, 8 of its rows."""
    return int.from_bytes(report[8:16], "big")


def texts_of(report: bytes) -> UnseenTexts:
    """Return the unseen texts that a source has reported of a pane, after the 16 bytes of its sequence and rows."""
    return decode_texts(report[16:])


def pack_argument(content: Mapping[str, Any]) -> bytes:
    """Write the argument of a script in msgpack; bytes in it have to be wrapped by `lua_bytes`.

    >>> pack_argument({"rows": 7, "counts": lua_bytes(b"ab")})
    b'\\x82\\xa4rows\\x07\\xa6counts\\xdb\\x00\\x00\\x00\\x02ab'
    """
    return msgspec.msgpack.encode(content)


def lua_bytes(value: bytes) -> msgspec.Raw:
    """Return bytes as msgpack has text: Lua has one type for both, and its cmsgpack reads no other."""
    return msgspec.Raw(b"\xdb" + len(value).to_bytes(4, "big") + value)
