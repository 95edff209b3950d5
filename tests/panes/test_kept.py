"""Slices kept of a stream without a store: the same as a store would have."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from driftmeter.counts.summary import Summary
from driftmeter.panes.kept import KeptSlices
from driftmeter.panes.pane import Slice
from driftmeter.panes.retention import merged_as_of
from driftmeter.timestamps import DAY, HOUR, MINUTE

START = 1_700_006_400_000
SECONDS = 10_000


def as_numbers(slices: list[Slice]) -> list[tuple[int, int, int]]:
    return [(slice_.start, slice_.length, slice_.summary.rows) for slice_ in slices]


@settings(deadline=None)
@given(st.lists(st.sampled_from([1, 1, 2, 7, 40, 400, 9_000]), min_size=1, max_size=60))
def test_they_are_those_that_all_slices_merge_to_at_the_end(steps: list[int]) -> None:
    kept, given_, start = KeptSlices(60 * DAY), [], START
    for number, step in enumerate(steps):
        start += step * SECONDS
        given_.append(Slice(start, SECONDS, Summary(number, np.array([number, 1]))))
        kept.add(given_[-1])
    end = given_[-1].end
    assert as_numbers(kept.since(0)) == as_numbers(merged_as_of(given_, end))
    many = KeptSlices(60 * DAY)
    for first in range(0, len(given_), 7):
        many.extend(given_[first : first + 7])
    assert as_numbers(many.since(0)) == as_numbers(kept.since(0))
    # what a store has merged less far comes to the same
    for seen in range(0, len(given_), 5):
        before = merged_as_of(given_[: seen + 1], given_[seen].end) + given_[seen + 1 :]
        assert as_numbers(merged_as_of(before, end)) == as_numbers(kept.since(0))


def test_slices_beyond_the_reach_are_dropped_and_older_ones_are_coarser() -> None:
    kept = KeptSlices(2 * DAY)
    for number in range(4 * 24 * 60):
        kept.add(Slice(START + number * MINUTE, MINUTE, Summary(1, np.array([1]))))
    held = kept.since(0)
    assert 2 * DAY <= held[-1].end - held[0].start <= 2 * DAY + HOUR
    assert {slice_.length for slice_ in held} == {MINUTE, 5 * MINUTE, HOUR}
    assert kept.since(held[-3].start) == held[-3:]
