"""How a shared store holds counts: open panes as narrow integers that add up fast, slices compressed."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.panes.codec import decode_counts, encode_counts
from driftmeter.panes.pane import Slice
from driftmeter.types import Counts, Milliseconds

_WIDTHS = ((1, 0xFF), (2, 0xFFFF), (4, 0xFFFF_FFFF))
_SLICE = struct.Struct(">QI")


def pack(counts: Counts) -> bytes:
    """Write counts as the narrowest integers that hold them, their width in bytes first."""
    largest = int(counts.max()) if counts.size else 0
    width = next((width for width, most in _WIDTHS if largest <= most), 8)
    return bytes([width]) + counts.astype(f"<u{width}").tobytes()


def total(packed: Iterable[bytes]) -> Counts:
    """Add up the counts of many sources; of none there are no counts."""
    by_width: dict[int, list[bytes]] = {}
    for each in packed:
        by_width.setdefault(each[0], []).append(each[1:])
    sums = [
        np.frombuffer(b"".join(parts), f"<u{width}").reshape(len(parts), -1).sum(axis=0, dtype=np.int64)
        for width, parts in by_width.items()
    ]
    return np.sum(sums, axis=0, dtype=np.int64) if sums else np.zeros(0, np.int64)


def pack_slice(each: Slice) -> bytes:
    """Write a slice's rows and counts; its time is its name."""
    counts = each.summary.counts
    return _SLICE.pack(each.summary.rows, counts.size) + encode_counts(counts)


def unpack_slice(name: bytes, packed: bytes) -> Slice:
    """Read a slice."""
    start, end = times_of(name.decode())
    rows, bins = _SLICE.unpack_from(packed)
    return Slice(start, end - start, Summary(rows, decode_counts(packed[_SLICE.size :], bins)))


def slice_name(start: Milliseconds, end: Milliseconds) -> str:
    """Return the name of a slice: names of the same end are sorted by start."""
    return f"{end}:{start:015d}"


def times_of(name: str) -> tuple[Milliseconds, Milliseconds]:
    """Return the start and the end that a slice's name says."""
    end, start = name.split(":")
    return int(start), int(end)


def mark(source: str) -> bytes:
    """Return by what a source is found among the sealed: 48 bits, of which thousands of sources share none."""
    return hashlib.blake2b(source.encode(), digest_size=6).digest()


def seal(said: Mapping[bytes, bytes]) -> bytes:
    """Write what the sources of a frozen pane had said, 20 bytes each: mark, sequence, rows."""
    return b"".join(mark(source.decode()) + each[:8] + each[10:16] for source, each in said.items())


def sequence_of(number: int) -> bytes:
    """Write a sequence, which may be beyond what a script's numbers hold."""
    return number.to_bytes(8, "big")


def rows_of(said: bytes) -> int:
    """Read the rows of what a source has said in a pane: its sequence, its rows."""
    return int.from_bytes(said[8:16], "big")
