"""The counts of the slices of the last day, of which each is read once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import Slice
from driftmeter.panes.retention import LADDER, merge
from driftmeter.timestamps import HOUR
from driftmeter.types import Counts, Milliseconds

ReadSlices = Callable[[Milliseconds, Milliseconds], Sequence[Slice]]
"""Reads the slices that end after one time and by another, ascending by end."""
REACH: Milliseconds = 25 * HOUR
"""How far back counts are kept."""
_KEPT: Milliseconds = REACH + 2 * HOUR
"""And a little longer: the first slice of the reach may be merged with some before it."""


class _Packed(NamedTuple):
    start: Milliseconds
    length: Milliseconds
    counts: Counts
    """In the smallest integers that hold them: an eighth of the memory, mostly."""

    @property
    def end(self) -> Milliseconds:
        return self.start + self.length


class KeptCounts:
    """The slices of one profile in the last day, merged as they age by the ladder of a store. Thread-safe."""

    def __init__(self) -> None:
        """Know nothing."""
        self._until: Milliseconds = 0
        self._kept: list[_Packed] = []
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def weight(self) -> int:
        """What the counts take, in numbers of 8 bytes."""
        return self._bytes // 8

    def of(self, part: slice, newest: Milliseconds, read: ReadSlices) -> list[tuple[Milliseconds, Counts]]:
        """Return the end and some bins of each slice of the last REACH ms before `newest`, ascending by end."""
        with self._lock:
            self._refresh(newest, read)
            kept = list(self._kept)
        return [(packed.end, packed.counts[part].astype(np.int64)) for packed in kept if packed.end > newest - REACH]

    def _refresh(self, newest: Milliseconds, read: ReadSlices) -> None:
        oldest = newest - _KEPT
        since = max(self._until, oldest)
        fresh = [_packed(slice_) for slice_ in read(since, newest)] if newest > since else []
        first = min((packed.start for packed in fresh), default=newest)  # may be merged with slices that are kept
        kept = [packed for packed in self._kept if packed.end > oldest and packed.end <= max(first, oldest)] + fresh
        for age, length in LADDER:
            until = (newest - age) // length * length
            due = [packed for packed in kept if packed.start < until and packed.length < length]
            if due:
                others = [packed for packed in kept if not (packed.start < until and packed.length < length)]
                kept = others + [_packed(slice_) for slice_ in merge(map(_unpacked, due), length)]
        self._kept = sorted(kept, key=lambda packed: (packed.end, packed.start))
        self._bytes = sum(packed.counts.nbytes for packed in self._kept)
        self._until = max(self._until, newest)


def _packed(slice_: Slice) -> _Packed:
    counts = slice_.summary.counts
    small: Counts = counts.astype(np.min_scalar_type(int(counts.max(initial=0))))
    return _Packed(slice_.start, slice_.length, small)


def _unpacked(packed: _Packed) -> Slice:
    return Slice(packed.start, packed.length, Summary(0, packed.counts.astype(np.int64)))
