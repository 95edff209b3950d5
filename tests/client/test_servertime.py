from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.client.servertime import ServerTime

OFFSET = 1_700_000_000_000


@given(st.lists(st.tuples(st.floats(0.0001, 2.0), st.floats(0, 1)), min_size=1, max_size=40))
def test_the_estimate_is_within_half_the_best_round_trip(trips: list[tuple[float, float]]) -> None:
    time, moment = ServerTime(), 100.0
    for trip, share in trips:
        server = int((moment + trip * share) * 1000) + OFFSET
        time.sample(moment, moment + trip, server)
        moment += trip
    elapsed = (moment - 100.0) * 1000 * 1e-4
    best = min(trip for trip, _ in trips) * 500
    assert time.offset is not None
    assert abs(time.offset - OFFSET) <= best + elapsed + 2


def test_a_clock_that_was_set_is_followed_at_once() -> None:
    time = ServerTime()
    time.sample(1.0, 1.001, 1_000)
    time.sample(2.0, 2.5, 60_000)
    assert abs(time.at(2.25) - 60_000) <= 1


def test_a_slow_answer_does_not_spoil_a_good_estimate() -> None:
    time = ServerTime()
    time.sample(1.0, 1.002, 1_001)
    time.sample(2.0, 4.0, 2_000)
    assert abs(time.at(5.0) - 5_000) <= 1


def test_the_time_is_unknown_before_the_first_answer() -> None:
    with pytest.raises(LookupError, match="not known"):
        ServerTime().at(1.0)
