"""What becomes of old slices and verdicts as a fold goes on: pure functions of their names and times."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from driftmeter.panes.pane import Slice
from driftmeter.panes.retention import merge
from driftmeter.store.redis.packing import slice_name, times_of
from driftmeter.types import Milliseconds

Merges = Collection[tuple[Milliseconds, Milliseconds]]
"""As `panes.retention` says: slices that begin before the first time are merged into slices of the second length."""


def slices_to_merge(names: Collection[str], merges: Merges) -> list[str]:
    """Return the names of the slices that any of the merges takes."""
    return [
        name
        for name in names
        for start, end in [times_of(name)]
        if any(start < before and end - start < length for before, length in merges)
    ]


def merge_slices(slices: Mapping[str, Slice], merges: Merges) -> dict[str, Slice]:
    """Return the slices, by name, that replace those that `slices_to_merge` named."""
    merged = dict(slices)
    for before, length in merges:
        parts = {name: slice_ for name, slice_ in merged.items() if slice_.start < before and slice_.length < length}
        for name in parts:
            del merged[name]
        for longer in merge(parts.values(), length):
            name = slice_name(longer.start, longer.end)
            same = merged.get(name)
            merged[name] = longer if same is None else Slice(longer.start, longer.length, longer.summary + same.summary)
    return merged


def verdicts_to_drop(times: Mapping[str, Milliseconds], merges: Merges, oldest: Milliseconds) -> list[str]:
    """Return the names of the verdicts to drop, given the time of each.

    These are all verdicts before `oldest`, and of each step of a merge all but the last.
    """
    dropped = {name for name, at in times.items() if at < oldest}
    for before, step in merges:
        old = {name: at for name, at in times.items() if at < before and name not in dropped}
        last: dict[int, Milliseconds] = {}
        for at in old.values():
            last[at // step] = max(at, last.get(at // step, 0))
        dropped |= {name for name, at in old.items() if at != last[at // step]}
    return sorted(dropped)
