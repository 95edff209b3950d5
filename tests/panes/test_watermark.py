from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from driftmeter.panes.timing import Timing
from driftmeter.panes.watermark import next_watermark
from driftmeter.timestamps import LATEST

TIMING = Timing(10_000, 10_000)

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
