"""Retention: old slices are merged into longer ones as they age, and dropped in the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from operator import attrgetter

from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import Slice
from driftmeter.timestamps import DAY, HOUR, MINUTE
from driftmeter.types import Milliseconds

LADDER: tuple[tuple[Milliseconds, Milliseconds], ...] = ((HOUR, 5 * MINUTE), (DAY, HOUR))
"""(age, length): slices older than the age are merged into slices of that length, which a chart still resolves."""
RETENTION: Milliseconds = 90 * DAY
"""Age from which on slices are dropped."""


def merges_due(start: Milliseconds, end: Milliseconds) -> tuple[tuple[Milliseconds, Milliseconds], ...]:
    """Return the merges that fall due as the fold goes from `start` to `end`: (slices that end by, new length).

    They depend on event time alone, so that every replica merges the same slices at the same point of the fold.

    >>> noon = 400 * DAY + 12 * HOUR
    >>> [(noon - until, length) for until, length in merges_due(noon - 10_000, noon)]
    [(3600000, 300000), (86400000, 3600000)]
    >>> merges_due(noon, noon + 10_000)
    ()
    """
    return tuple(
        ((end - age) // length * length, length)
        for age, length in LADDER
        if (end - age) // length > (start - age) // length
    )


def merge(slices: Iterable[Slice], length: Milliseconds) -> list[Slice]:
    """Merge slices into longer ones that start at multiples of `length`; slices of that length or more stay."""
    ordered = sorted(slices, key=attrgetter("start", "length"))
    if all(piece.length >= length and not piece.start % length for piece in ordered) and _are_apart(ordered):
        return ordered
    merged: list[Slice] = []
    for start, group in groupby(ordered, key=lambda piece: piece.start // length * length):
        parts = list(group)
        if len(parts) == 1 and parts[0].start == start and parts[0].length >= length:
            merged.append(parts[0])
            continue
        reach = max(length, *(part.end - start for part in parts))
        merged.append(Slice(start, reach, Summary.sum((part.summary for part in parts), parts[0].summary.counts.size)))
    return merged


def _are_apart(ascending: Sequence[Slice]) -> bool:
    return all(one.start < other.start for one, other in pairwise(ascending))


def merged_as_of(slices: Iterable[Slice], end: Milliseconds) -> list[Slice]:
    """Return slices as a store holds them once the fold has come to `end`, ascending: those that are due are merged.

    So what is computed of kept slices does not depend on how far a store had merged them when they were read.

    >>> slices = [Slice(start, 10_000, Summary.zero(1)) for start in range(0, 2 * HOUR, 10_000)]
    >>> [len(merged_as_of(slices, end)) for end in (HOUR, 2 * HOUR)]
    [720, 372]
    """
    kept = list(slices)
    for age, length in LADDER:
        until = (end - age) // length * length
        kept = merge((slice_ for slice_ in kept if slice_.end <= until), length) + [
            slice_ for slice_ in kept if slice_.end > until
        ]
    return kept
