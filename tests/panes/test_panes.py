from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.counts.summary import Summary
from driftmeter.errors import InputError
from driftmeter.panes.pane import Pane, Slice
from driftmeter.panes.retention import due, merge
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.watermark import next_watermark
from driftmeter.panes.windows import Window, WindowSetting
from driftmeter.timestamps import DAY, HOUR, LATEST, MINUTE

TIMING = Timing(10_000, 10_000)


def rows(number: int) -> Summary:
    return Summary(number, np.array([number], np.int64))


def slices(*starts: int, length: int = 10, each: int = 100) -> list[Slice]:
    return [Slice(start, length, rows(each)) for start in starts]


def test_a_pane_starts_at_a_multiple_of_its_length_since_the_epoch() -> None:
    assert [Timing(7000).pane_start(time) for time in (0, 6999, 7000, 7001, 13_999)] == [0, 0, 7000, 7000, 7000]


@pytest.mark.parametrize(
    ("pane", "lateness"), [(99, 0), (0, 0), (-1, 0), (DAY + 1, 0), (1000, -1), (1000, 7 * DAY + 1)]
)
def test_a_timing_that_makes_no_sense_is_refused(pane: int, lateness: int) -> None:
    with pytest.raises(InputError, match="expected 0"):
        Timing(pane, lateness)


def test_a_pane_ends_where_the_next_starts() -> None:
    assert Pane("d", 20, 10, "s", 0, rows(1)).end == Slice(20, 10, rows(1)).end == 30


def test_totals_add_up_by_reason() -> None:
    total = SourceTotals(5, 3, {"full": 2}) + SourceTotals(4, 2, {"full": 1, "late": 1})
    assert total == SourceTotals(9, 5, {"full": 3, "late": 1})
    assert SourceTotals.from_json(total.to_json()) == total


@pytest.mark.parametrize(
    "data",
    [
        {"observed": -1, "counted": 0, "dropped": {}},
        {"observed": 0, "counted": -1, "dropped": {}},
        {"observed": 0, "counted": 0, "dropped": {"x": -1}},
    ],
)
def test_negative_totals_are_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        SourceTotals.from_json(data)


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({"observed": 2**53 + 1, "counted": 0, "dropped": {}}, "at most 2"),
        ({"observed": 10**400, "counted": 0, "dropped": {}}, "at most 2"),
        ({"observed": 5, "counted": 0, "dropped": {"x": 2**53 + 1}}, "at most 2"),
        ({"observed": 5, "counted": 6, "dropped": {}}, "counted than observed"),
        ({"observed": 5, "counted": 0, "dropped": {str(n): 1 for n in range(33)}}, "reasons"),
        ({"observed": 5, "counted": 0, "dropped": {"x" * 65: 1}}, "reasons"),
    ],
)
def test_totals_that_no_source_can_have_seen_are_refused(data: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        SourceTotals.from_json(data)


def test_sums_of_totals_can_be_brought_within_bounds() -> None:
    largest = SourceTotals(2**53, 2**53, {str(n): 2**53 for n in range(32)})
    total = (largest + largest + SourceTotals(1, 1, {"x" * 100: 1, "y": 2})).bounded()
    assert SourceTotals.from_json(total.to_json()) == total
    assert SourceTotals(9, 5, {"full": 4}).bounded() == SourceTotals(9, 5, {"full": 4})


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
    for each in reversed(every):
        read.insert(0, each)
        if setting.reached(sum(s.summary.rows for s in read), each.start, end):
            break
    assert setting.select(read, 1) == setting.select(every, 1)


def test_merges_fall_due_after_an_hour_and_after_a_day() -> None:
    at = 400 * DAY
    assert due(at, at + 10_000) == ()
    assert due(at - 10_000, at) == ((at - HOUR, 5 * MINUTE), (at - DAY, HOUR))
    assert due(at + 5 * MINUTE - 1, at + 5 * MINUTE) == ((at - HOUR + 5 * MINUTE, 5 * MINUTE),)


@given(st.lists(st.integers(0, 3 * DAY), min_size=2, max_size=20))
def test_merges_that_fall_due_do_not_depend_on_the_steps_of_the_fold(times: list[int]) -> None:
    times = sorted(time + 100 * DAY for time in times)
    by_steps = [merge for start, end in itertools.pairwise(times) for merge in due(start, end)]
    for before, length in due(times[0], times[-1]):
        assert max(each for each, size in by_steps if size == length) == before


def test_merging_makes_aligned_slices_of_the_new_length() -> None:
    assert merge(slices(0, 10, 20, 100), 50) == [Slice(0, 50, rows(300)), Slice(100, 50, rows(100))]


def test_a_slice_across_the_border_keeps_its_length_and_what_is_long_already_stays() -> None:
    assert merge(slices(0, 45), 50) == [Slice(0, 55, rows(200))]
    assert merge(slices(0, 200, length=100), 50) == slices(0, 200, length=100)


def test_merging_nothing_is_nothing() -> None:
    assert merge([], 50) == []


NOW = 10**9


def test_live_time_is_now_less_the_lateness() -> None:
    assert next_watermark(NOW, TIMING, 0, True, []) == NOW - 10_000


def test_a_log_says_itself_how_far_it_is() -> None:
    assert next_watermark(NOW, TIMING, 0, False, [700, 500, 900]) == 500


def test_the_slowest_of_live_sources_and_logs_decides() -> None:
    assert next_watermark(NOW, TIMING, 0, True, [500]) == 500
    assert next_watermark(NOW, TIMING, 0, True, [NOW]) == NOW - 10_000


def test_without_sources_the_watermark_stands_still() -> None:
    assert next_watermark(NOW, TIMING, 77, False, []) == 77


@given(st.integers(0, NOW), st.integers(0, NOW), st.booleans(), st.lists(st.integers(0, 2 * NOW)), st.integers(0, NOW))
def test_a_watermark_never_goes_back(now: int, frozen: int, live: bool, logs: list[int], halted: int) -> None:
    assert next_watermark(now, TIMING, frozen, live, logs, halted) >= frozen


def test_live_time_stands_still_while_halted() -> None:
    assert next_watermark(NOW, TIMING, 77, True, [], halted_until=NOW + 1) == 77
    assert next_watermark(NOW, TIMING, 77, True, [], halted_until=NOW) == NOW - 10_000
    assert next_watermark(NOW, TIMING, 77, False, [500], halted_until=NOW + 1) == 500


def test_a_log_from_the_far_future_does_not_close_the_present() -> None:
    assert next_watermark(NOW, TIMING, 0, False, [LATEST]) == NOW
    assert next_watermark(NOW, TIMING, 0, True, [LATEST]) == NOW - TIMING.lateness


def test_a_log_that_is_behind_the_watermark_holds_other_logs_back_and_live_time_not() -> None:
    assert next_watermark(NOW, TIMING, 500, True, [499]) == NOW - TIMING.lateness
    assert next_watermark(NOW, TIMING, 500, False, [499, 700]) == 500
    assert next_watermark(NOW, TIMING, 500, False, [499]) == 500
    assert next_watermark(NOW, TIMING, 500, True, [500]) == 500
