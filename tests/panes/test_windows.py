from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.errors import InputError
from driftmeter.panes.pane import Slice
from driftmeter.panes.windows import Window, WindowSetting
from tests.panes.samples import rows, slices


def test_a_window_of_time_holds_the_slices_that_start_within_it() -> None:
    window = WindowSetting(20, 0).select(slices(0, 10, 20, 30), 1)
    assert window == Window(20, 40, 2, rows(200))


def test_a_window_of_rows_holds_the_fewest_latest_slices_with_so_many() -> None:
    assert WindowSetting(0, 200).select(slices(0, 10, 20, 30), 1) == Window(20, 40, 2, rows(200))
    assert WindowSetting(0, 201).select(slices(0, 10, 20, 30), 1) == Window(10, 40, 3, rows(300))


def test_the_larger_of_time_and_rows_judges() -> None:
    assert WindowSetting(30, 100).select(slices(0, 10, 20, 30), 1).slices == 3
    assert WindowSetting(10, 300).select(slices(0, 10, 20, 30), 1).slices == 3


def test_empty_time_between_slices_costs_no_rows() -> None:
    assert WindowSetting(20, 300).select(slices(0, 10, 5000), 1) == Window(0, 5010, 3, rows(300))
    assert WindowSetting(20, 100).select(slices(0, 10, 5000), 1) == Window(5000, 5010, 1, rows(100))


def test_a_window_with_too_few_rows_holds_all_there_are() -> None:
    assert WindowSetting(10, 10**6).select(slices(0, 10), 1) == Window(0, 20, 2, rows(200))


def test_a_window_without_slices_is_empty() -> None:
    assert WindowSetting().select([], 1) == Window(0, 0, 0, rows(0))


def test_the_newest_slice_is_in_every_window_however_long_it_is() -> None:
    assert WindowSetting(10, 0).select(slices(0, 100, length=100), 1) == Window(100, 200, 1, rows(100))


@pytest.mark.parametrize(("length", "least"), [(0, 0), (-1, 5), (5, -1)])
def test_a_window_of_nothing_is_refused(length: int, least: int) -> None:
    with pytest.raises(InputError, match="window"):
        WindowSetting(length, least)


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 300)), min_size=1, max_size=30),
    st.integers(0, 200),
    st.integers(1, 2000),
)
def test_reading_back_until_reached_selects_the_same_window(
    steps: list[tuple[int, int]], length: int, least: int
) -> None:
    every, start = [], 0
    for gap, count in steps:
        start += 10 * gap
        every.append(Slice(start, 10, rows(count)))
    setting, end = WindowSetting(length, least), every[-1].end
    read: list[Slice] = []
    for older in reversed(every):
        read.insert(0, older)
        if setting.reached(sum(part.summary.rows for part in read), older.start, end):
            break
    assert setting.select(read, 1) == setting.select(every, 1)
