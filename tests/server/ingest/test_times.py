from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.server.ingest.times import read_times
from driftmeter.timestamps import LATEST, parse_time

MICROSECONDS = st.integers(0, LATEST * 1000)


@given(st.lists(MICROSECONDS | st.none(), max_size=20))
def test_a_column_of_moments_is_read_as_each_of_its_values(given_: list[int | None]) -> None:
    moments = np.array([None if one is None else np.datetime64(one, "us") for one in given_], "datetime64[us]")
    times, unreadable = read_times(moments, 77)
    assert unreadable == []
    assert times.tolist() == [77 if one is None else parse_time(np.datetime64(one, "us").item()) for one in given_]


@pytest.mark.parametrize("moment", ["1969-12-31T23:59:59", "10000-01-01"])
def test_a_moment_that_no_time_can_be_costs_only_its_row(moment: Any) -> None:
    times, unreadable = read_times(np.array([moment, "1970-01-01T00:00:05"], "datetime64[us]"), 77)
    assert times.tolist()[1] == 5_000
    assert [one.row for one in unreadable] == [0]
