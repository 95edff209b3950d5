"""The counts of many panes as bytes, cut where blocks of panes end, so that they can be added up block by block."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Rows
from driftmeter.counts.runs import count_runs, edges_of
from driftmeter.counts.summary import Summary
from driftmeter.counts.unseen import NO_TEXTS, UnseenTexts
from driftmeter.panes.pane import Slice
from driftmeter.types import Counts, Milliseconds

_HEAD = struct.Struct("<IIBI")
_CELLS = 1 << 22
"""Counts of a block: 32 MB while its parts are added up."""

Numbers = npt.NDArray[np.int64]


def panes_in_block(bins: int) -> int:
    """Return how many panes in a row are added up at once.

    >>> panes_in_block(1000)
    4194
    """
    return max(1, _CELLS // bins)


@dataclass(frozen=True)
class CountedPart:
    """The counts of some panes of one block, as bytes."""

    block: int
    body: bytes


def count_parts(binner: Binner, rows: Rows, panes: Numbers) -> Iterator[CountedPart]:
    """Count rows by pane, given the number of each row's pane since the epoch (rows,), in any order."""
    if (np.diff(panes) < 0).any():
        order = np.argsort(panes, kind="stable")
        rows, panes = rows.take(order), panes[order]
    size = panes_in_block(binner.profile.bins)
    edges = edges_of(panes)
    for runs in count_runs(binner, rows, edges):
        numbers = panes[edges[runs.first : runs.first + len(runs.rows)]]
        limits = edges_of(numbers // size)
        for first, last in zip(limits.tolist(), limits[1:].tolist(), strict=False):
            texts = {run - first: runs.texts[run] for run in range(first, last) if run in runs.texts}
            block = int(numbers[first]) // size
            inside = numbers[first:last] - block * size
            yield CountedPart(block, _encoded(inside, runs.rows[first:last], runs.counts[first:last], texts))


def _encoded(places: Numbers, rows: Counts, counts: Counts, texts: dict[int, UnseenTexts]) -> bytes:
    """Write places within the block and rows (panes,) and counts (panes, bins)."""
    import pyarrow as pa

    small = np.min_scalar_type(int(counts.max(initial=0))).newbyteorder("<")
    said = json.dumps({run: one.to_json() for run, one in texts.items()}, ensure_ascii=True).encode() if texts else b""
    # bin by bin: neighbouring panes have alike counts, which compresses by a third better
    body = pa.Codec("zstd", compression_level=1).compress(counts.astype(small).T.tobytes(), asbytes=True)
    head = _HEAD.pack(len(places), counts.shape[1], small.itemsize, len(said))
    return b"".join([head, places.astype("<u4").tobytes(), rows.astype("<i8").tobytes(), said, body])


@dataclass
class BlockSum:
    """The sum of the parts of one block."""

    block: int
    bins: int
    size: int = 0
    rows: Counts = field(init=False)
    counts: Counts = field(init=False)
    texts: dict[int, list[UnseenTexts]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start with no rows."""
        self.size = panes_in_block(self.bins)
        self.rows = np.zeros(self.size, np.int64)
        self.counts = np.zeros((self.size, self.bins), np.int64)

    def add(self, body: bytes) -> None:
        """Add a part of this block; raises ValueError on counts of another number of bins."""
        import pyarrow as pa

        panes, bins, width, length = _HEAD.unpack_from(body)
        if bins != self.bins:
            raise ValueError(f"expected counts over {self.bins} bins, got {bins}")
        at = _HEAD.size
        places = np.frombuffer(body, "<u4", panes, at).astype(np.intp)
        at += 4 * panes
        self.rows[places] += np.frombuffer(body, "<i8", panes, at)
        at += 8 * panes
        said, at = body[at : at + length], at + length
        raw = pa.Codec("zstd").decompress(body[at:], decompressed_size=panes * bins * width, asbytes=True)
        self.counts[places] += np.frombuffer(raw, f"<u{width}").reshape(bins, panes).T
        for run, texts in json.loads(said).items() if said else ():
            self.texts.setdefault(int(places[int(run)]), []).append(UnseenTexts.from_json(texts))

    def slices(self, length: Milliseconds) -> Iterator[Slice]:
        """Yield the panes that have rows, in order; they are `length` ms long."""
        for place in np.flatnonzero(self.rows).tolist():
            texts = UnseenTexts.sum(self.texts[place]) if place in self.texts else NO_TEXTS
            start = (self.block * self.size + place) * length
            yield Slice(start, length, Summary(int(self.rows[place]), self.counts[place], texts))


def slices_of(block: int, bodies: Iterable[bytes], bins: int, length: Milliseconds) -> Iterator[Slice]:
    """Yield the panes of a block, given its parts in any order."""
    total = BlockSum(block, bins)
    for body in bodies:
        total.add(body)
    yield from total.slices(length)
