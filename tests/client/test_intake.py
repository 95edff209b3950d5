from __future__ import annotations

import datetime as dt
import tracemalloc
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.conftest import ROW, make_profile
from driftmeter.client.intake import Intake
from driftmeter.panes import Timing, parse_time
from driftmeter.profile import Profile
from driftmeter.rows import Reader

TIMING = Timing(2_000, 2_000)
NOW = 1_700_000_000_000
PROFILE = make_profile()


class Evil:
    """Fails at whatever is asked of it."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    def __hash__(self) -> int:
        raise RuntimeError("no")


GARBAGE: dict[str, Any] = {
    "evil": Evil(),
    "object": object(),
    "huge": 10**400,
    "too huge to print": 10**5000,
    "nested": {"a": {"b": []}},
    "list": [1, 2],
    "bytes": b"bytes",
    "complex": complex(1, 2),
    "numpy complex": np.complex128(1),
    "array": np.zeros(3),
    "function": make_profile,
    "type": type,
    "surrogate": "\ud800",
}
UNREADABLE = {
    **GARBAGE,
    "word": "yesterday",
    "infinity": float("inf"),
    "before 1970": -5,
    "boolean": True,
    "date": dt.date(2023, 1, 1),
    "numpy beyond the calendar": np.datetime64(10**6, "Y"),
}


@pytest.mark.parametrize("name", GARBAGE)
@pytest.mark.parametrize("column", ["age", "city", "member", "score"])
def test_garbage_costs_at_most_its_own_row(profile: Profile, column: str, name: str) -> None:
    good = (dict(ROW), 0.5, None, 1.0)
    batch = Intake(profile).read([good, ({**ROW, column: GARBAGE[name]}, None, None, 1.0), good])
    assert len(batch.rows) + batch.invalid == 3
    assert len(batch.rows) >= 2


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_timestamp_that_cannot_be_read_makes_the_row_invalid(profile: Profile, name: str) -> None:
    good = (dict(ROW), 0.5, None, 1.0)
    batch = Intake(profile).read([good, (dict(ROW), 0.5, UNREADABLE[name], 1.0)])
    assert (len(batch.rows), batch.invalid) == (1, 1)


@pytest.mark.parametrize(
    "timestamp",
    [
        NOW / 1000,
        np.float64(NOW / 1000),
        np.int64(NOW // 1000),
        "2023-11-14T22:13:20Z",
        dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.UTC),
        np.datetime64("2023-11-14T22:13:20"),
        np.datetime64("2023-11-14T22:13:20", "ns"),
        pandas.Timestamp("2023-11-14T22:13:20Z"),
        pandas.Timestamp("2023-11-14T22:13:20"),
    ],
)
def test_a_timestamp_of_ones_own_is_not_corrected(profile: Profile, timestamp: Any) -> None:
    intake = Intake(profile)
    batch = intake.read([(dict(ROW), None, timestamp, 5.0)])
    [(start, summary)] = intake.count(batch, TIMING, offset=123_456.0, now=NOW)
    assert (start, summary.rows) == (NOW, 1)


@pytest.mark.parametrize(
    "timestamp", [None, float("nan"), np.float64("nan"), pandas.NaT, pandas.NA, np.datetime64("NaT", "us")]
)
def test_a_missing_timestamp_is_now(profile: Profile, timestamp: Any) -> None:
    batch = Intake(profile).read([(dict(ROW), None, timestamp, 5.0)])
    assert (batch.times.tolist(), batch.stamped.tolist(), batch.invalid) == ([5_000.0], [True], 0)


def test_the_local_clock_is_corrected(profile: Profile) -> None:
    intake = Intake(profile)
    batch = intake.read([(dict(ROW), None, None, 5.25)])
    [(start, _)] = intake.count(batch, TIMING, offset=NOW - 5_250.0, now=NOW)
    assert start == NOW


def test_rows_more_than_a_minute_ahead_are_in_the_future(profile: Profile) -> None:
    intake = Intake(profile)
    stamps = [NOW / 1000 + ahead for ahead in (59, 60, 61, 62)]
    batch = intake.read([(dict(ROW), None, stamp, 0.0) for stamp in stamps])
    found = {start: summary.rows for start, summary in intake.count(batch, TIMING, 0.0, NOW)}
    assert found[None] == 2
    assert sum(found.values()) == 4


def test_a_prediction_goes_under_the_profiles_column(profile: Profile) -> None:
    intake = Intake(profile)
    given = intake.read([(dict(ROW), 0.25, None, 0.0), ({**ROW, "score": 0.9}, 0.25, None, 0.0)])
    own = intake.read([({**ROW, "score": 0.25}, None, None, 0.0)] * 2)
    assert np.array_equal(given.rows.numbers, own.rows.numbers)
    assert given.ignored_predictions == 0


def test_what_the_profile_does_not_know_is_ignored_and_counted() -> None:
    import polars as pl

    profile = Profile.fit(pl.DataFrame({"age": [1.0, 2.0, 3.0]}), model="m")
    batch = Intake(profile).read([({"age": 1.0, "shoe": 4, "hat": 5}, 0.7, None, 0.0)])
    assert (batch.ignored_values, batch.ignored_predictions, batch.invalid) == (2, 1, 0)


VALUES = st.none() | st.floats() | st.integers() | st.text(max_size=3) | st.booleans() | st.just([1])
COLUMNS = ("age", "amount", "city", "member", "score")


@given(
    whole=st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, VALUES), optional={"hat": VALUES}), max_size=8),
    partial=st.lists(st.dictionaries(st.sampled_from([*COLUMNS, "hat", "shoe"]), VALUES), max_size=2),
)
def test_rows_are_read_as_the_reader_reads_them(whole: list[dict[str, Any]], partial: list[dict[str, Any]]) -> None:
    for records in (whole, whole + partial):
        batch = Intake(PROFILE).read([(dict(record), None, None, 0.0) for record in records])
        rows, _, ignored = Reader(PROFILE).read_records(records)
        assert np.array_equal(batch.rows.numbers, rows.numbers, equal_nan=True)
        assert np.array_equal(batch.rows.codes, rows.codes)
        assert (batch.ignored_values, batch.invalid) == (ignored, len(records) - len(rows))


@given(st.lists(st.floats(0, 100_000), min_size=1, max_size=50))
def test_panes_partition_the_rows(stamps: list[float]) -> None:
    intake = Intake(PROFILE)
    batch = intake.read([({**ROW, "age": stamp}, 0.1, stamp, 0.0) for stamp in stamps])
    for start, summary in intake.count(batch, TIMING, 0.0, 200_000_000):
        inside = [s for s in stamps if start is not None and start <= parse_time(s) < start + TIMING.pane]
        assert summary.rows == len(inside)
        assert summary.check(PROFILE) is None


def test_texts_that_never_come_again_are_not_kept(profile: Profile) -> None:
    intake = Intake(profile)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for start in range(0, 20_000, 250):
            intake.read([({**ROW, "city": f"{start + row:02000}"}, None, None, 0.0) for row in range(250)])
        assert tracemalloc.get_traced_memory()[0] - before < 2_000_000
    finally:
        tracemalloc.stop()
