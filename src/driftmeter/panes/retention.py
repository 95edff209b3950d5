"""Old slices: merged into longer ones as they age, and kept for so long."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import Slice
from driftmeter.timestamps import DAY, HOUR, MINUTE
from driftmeter.types import Milliseconds

# (older than, merged into slices of): what a window or a chart of that age can still resolve
LADDER: tuple[tuple[Milliseconds, Milliseconds], ...] = ((HOUR, 5 * MINUTE), (DAY, HOUR))


RETENTION: Milliseconds = 90 * DAY


def merges_due(start: Milliseconds, end: Milliseconds) -> tuple[tuple[Milliseconds, Milliseconds], ...]:
    """Return the merges that fall due as the fold goes from `start` to `end`: (slices ending by, new length).

    Depends on event time alone, so that every replica merges the same slices at the same point of the fold.
    """
    return tuple(
        ((end - age) // length * length, length)
        for age, length in LADDER
        if (end - age) // length > (start - age) // length
    )


def merge(slices: Iterable[Slice], length: Milliseconds) -> list[Slice]:
    """Merge slices into longer ones aligned to `length`; what is that long already stays."""
    ordered = sorted(slices, key=lambda each: (each.start, each.length))
    merged: list[Slice] = []
    for start, group in groupby(ordered, key=lambda each: each.start // length * length):
        parts = list(group)
        reach = max(length, *(part.end - start for part in parts))
        merged.append(Slice(start, reach, Summary.sum((p.summary for p in parts), parts[0].summary.counts.size)))
    return merged
