from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from driftmeter.panes.pane import Slice
from driftmeter.panes.retention import merge, merges_due
from driftmeter.timestamps import DAY, HOUR, MINUTE
from tests.panes.samples import rows, slices


def test_merges_fall_due_after_an_hour_and_after_a_day() -> None:
    at = 400 * DAY
    assert merges_due(at, at + 10_000) == ()
    assert merges_due(at - 10_000, at) == ((at - HOUR, 5 * MINUTE), (at - DAY, HOUR))
    assert merges_due(at + 5 * MINUTE - 1, at + 5 * MINUTE) == ((at - HOUR + 5 * MINUTE, 5 * MINUTE),)


@given(st.lists(st.integers(0, 3 * DAY), min_size=2, max_size=20))
def test_merges_that_fall_due_do_not_depend_on_the_steps_of_the_fold(times: list[int]) -> None:
    times = sorted(time + 100 * DAY for time in times)
    by_steps = [merge for start, end in itertools.pairwise(times) for merge in merges_due(start, end)]
    for before, length in merges_due(times[0], times[-1]):
        assert max(until for until, size in by_steps if size == length) == before


def test_merging_makes_aligned_slices_of_the_new_length() -> None:
    assert merge(slices(0, 10, 20, 100), 50) == [Slice(0, 50, rows(300)), Slice(100, 50, rows(100))]


def test_a_slice_across_the_border_keeps_its_length_and_what_is_long_already_stays() -> None:
    assert merge(slices(0, 45), 50) == [Slice(0, 55, rows(200))]
    assert merge(slices(0, 200, length=100), 50) == slices(0, 200, length=100)


def test_merging_nothing_is_nothing() -> None:
    assert merge([], 50) == []
