from __future__ import annotations

from driftmeter.panes.pane import Slice
from driftmeter.store.redis.compaction import merge_slices, slices_to_merge, verdicts_to_drop
from driftmeter.store.redis.packing import slice_name
from driftmeter.timestamps import HOUR, MINUTE
from tests.store.samples import rows

MERGES = ((2 * HOUR, 5 * MINUTE), (HOUR, HOUR))
"""Slices before 2 h become as long as 5 min, those before 1 h as long as 1 h."""


def slices(*times: tuple[int, int]) -> dict[str, Slice]:
    """Return slices of one row each, by name, given start and length."""
    return {slice_name(start, start + length): Slice(start, length, rows(1)) for start, length in times}


def test_slices_are_merged_that_are_old_enough_and_still_too_short() -> None:
    short, longer, recent = (HOUR, MINUTE), (HOUR + 5 * MINUTE, 5 * MINUTE), (2 * HOUR, MINUTE)
    assert slices_to_merge(slices(short, longer, recent).keys(), MERGES) == [slice_name(HOUR, HOUR + MINUTE)]
    assert slices_to_merge(slices((0, 5 * MINUTE)).keys(), MERGES) == [slice_name(0, 5 * MINUTE)]


def test_a_merged_slice_takes_in_one_of_the_same_times() -> None:
    parts = slices((HOUR, MINUTE), (HOUR + MINUTE, MINUTE), (HOUR, 5 * MINUTE), (0, MINUTE), (30 * MINUTE, MINUTE))
    assert merge_slices(parts, MERGES) == {
        slice_name(HOUR, HOUR + 5 * MINUTE): Slice(HOUR, 5 * MINUTE, rows(3)),
        slice_name(0, HOUR): Slice(0, HOUR, rows(2)),
    }


def test_of_the_old_verdicts_the_last_of_each_step_stays() -> None:
    times = {"a": HOUR, "b": HOUR + MINUTE, "c": HOUR + 6 * MINUTE, "d": 2 * HOUR, "e": 2 * HOUR + MINUTE}
    assert verdicts_to_drop(times, [(2 * HOUR, 5 * MINUTE)], 0) == ["a"]
    assert verdicts_to_drop(times, [], HOUR + 6 * MINUTE) == ["a", "b"]
