"""The slices that a store would have kept of a stream, for judges that run without a store."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.counts.unseen import UnseenTexts
from driftmeter.panes.pane import Slice
from driftmeter.panes.retention import LADDER, merge
from driftmeter.types import Counts, Milliseconds


class KeptSlices:
    """The closed slices of a stream, merged as they age by the same ladder as in a store; for one thread.

    >>> kept = KeptSlices(reach=7_200_000)
    >>> for start in range(0, 7_200_000, 10_000):
    ...     kept.add(Slice(start, 10_000, Summary.zero(1)))
    >>> [slice_.length for slice_ in kept.since(0)[:2]], len(kept.since(7_190_000))
    ([300000, 300000], 1)
    """

    def __init__(self, reach: Milliseconds) -> None:
        """Keep the slices of the last `reach` ms."""
        self._reach = reach
        self._tiers: tuple[list[Slice], ...] = tuple([] for _ in LADDER)
        # nearly all slices are merged ones that are hardly ever asked for: in small integers they take a quarter of the
        # memory or less
        self._oldest: list[tuple[Milliseconds, Milliseconds, int, Counts, UnseenTexts]] = []
        self._end: Milliseconds = 0

    def add(self, slice_: Slice) -> None:
        """Take the next slice; slices come in ascending order."""
        self.extend([slice_])

    def extend(self, slices: Sequence[Slice]) -> None:
        """Take the next slices, in ascending order."""
        if not slices:
            return
        self._tiers[0].extend(slices)
        end = slices[-1].end
        for tier, (age, length) in enumerate(LADDER):
            if (end - age) // length == (self._end - age) // length:
                continue
            until = (end - age) // length * length
            recent = self._tiers[tier]
            old = bisect_right(recent, until, key=attrgetter("end"))
            merged = merge(recent[:old], length)
            del recent[:old]
            if tier + 1 < len(LADDER):
                self._tiers[tier + 1].extend(merged)
                continue
            self._oldest.extend(map(_packed, merged))
            while self._oldest and self._oldest[0][0] + self._oldest[0][1] <= end - self._reach:
                del self._oldest[0]
        self._end = end

    def since(self, start: Milliseconds) -> list[Slice]:
        """Return the slices that start at `start` or later, ascending."""
        old = [_unpacked(*packed) for packed in self._oldest if packed[0] >= start]
        return old + [slice_ for tier in reversed(self._tiers) for slice_ in tier if slice_.start >= start]


def _packed(slice_: Slice) -> tuple[Milliseconds, Milliseconds, int, Counts, UnseenTexts]:
    counts = slice_.summary.counts
    small: Counts = counts.astype(np.min_scalar_type(int(counts.max(initial=0))))
    return slice_.start, slice_.length, slice_.summary.rows, small, slice_.summary.unseen


def _unpacked(start: Milliseconds, length: Milliseconds, rows: int, counts: Counts, texts: UnseenTexts) -> Slice:
    return Slice(start, length, Summary(rows, counts.astype(np.int64), texts))
