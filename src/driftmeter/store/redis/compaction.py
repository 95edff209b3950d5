"""What becomes of old slices and verdicts as a fold goes on. Pure: a slice or verdict goes by its name."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from driftmeter.panes.pane import Slice
from driftmeter.panes.retention import merge
from driftmeter.store.redis.packing import slice_name, times_of
from driftmeter.types import Milliseconds

Merges = Collection[tuple[Milliseconds, Milliseconds]]
"""Slices that begin before the first become as long as the second, as `panes.due` says."""


def ripe(names: Collection[str], merges: Merges) -> list[str]:
    """Return the slices that any of the merges takes."""
    return [
        name
        for name in names
        for start, end in [times_of(name)]
        if any(start < before and end - start < length for before, length in merges)
    ]


def merged(slices: Mapping[str, Slice], merges: Merges) -> dict[str, Slice]:
    """Return what stands in the place of slices that are ripe."""
    left = dict(slices)
    for before, length in merges:
        parts = {name: each for name, each in left.items() if each.start < before and each.length < length}
        for name in parts:
            del left[name]
        for each in merge(parts.values(), length):
            name = slice_name(each.start, each.end)
            found = left.get(name)
            left[name] = each if found is None else Slice(each.start, each.length, each.summary + found.summary)
    return left


def thinned(times: Mapping[str, Milliseconds], merges: Merges, oldest: Milliseconds) -> list[str]:
    """Return the verdicts to drop, given their times: all before `oldest`, and of the ripe ones all but the last of
    each step."""
    gone = {name for name, at in times.items() if at < oldest}
    for before, step in merges:
        old = {name: at for name, at in times.items() if at < before and name not in gone}
        last: dict[int, Milliseconds] = {}
        for at in old.values():
            last[at // step] = max(at, last.get(at // step, 0))
        gone |= {name for name, at in old.items() if at != last[at // step]}
    return sorted(gone)
