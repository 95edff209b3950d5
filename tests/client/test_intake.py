from __future__ import annotations

import datetime as dt
import tracemalloc
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np
import pandas
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.client.intake import Intake
from driftmeter.client.records import read_record
from driftmeter.counts.rows import Reader
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import parse_time
from tests.client.samples import GARBAGE, ROW, Evil, make_profile

TIMING = Timing(2_000, 2_000)
NOW = 1_700_000_000_000
PROFILE = make_profile()


UNREADABLE = {
    **GARBAGE,
    "word": "yesterday",
    "infinity": float("inf"),
    "before 1970": -5,
    "boolean": True,
    "date before 1970": dt.date(1960, 1, 1),
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
        np.array(["2023-11-14T22:13:20"], dtype="datetime64[ns]"),
        np.array(NOW / 1000),
        pandas.Series(pandas.to_datetime(["2023-11-14T22:13:20Z"])),
        pl.Series([dt.datetime(2023, 11, 14, 22, 13, 20)]),
        pa.scalar(dt.datetime(2023, 11, 14, 22, 13, 20)),
        Decimal(NOW // 1000),
        b"2023-11-14T22:13:20Z",
    ],
)
def test_a_timestamp_that_is_given_is_not_corrected(profile: Profile, timestamp: Any) -> None:
    intake = Intake(profile)
    batch = intake.read([(dict(ROW), None, timestamp, 5.0)])
    [(start, summary)] = intake.count(batch, TIMING, offset=123_456.0, now=NOW)
    assert (start, summary.rows) == (NOW, 1)


def test_a_date_is_its_midnight(profile: Profile) -> None:
    intake = Intake(profile)
    batch = intake.read([(dict(ROW), None, dt.date(2023, 11, 14), 5.0)])
    [(start, summary)] = intake.count(batch, TIMING, offset=123_456.0, now=NOW)
    assert (start, summary.rows) == (1_699_920_000_000, 1)


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
    rows = {start: summary.rows for start, summary in intake.count(batch, TIMING, 0.0, NOW)}
    assert rows[None] == 2
    assert sum(rows.values()) == 4


def test_a_prediction_goes_under_the_profiles_column(profile: Profile) -> None:
    intake = Intake(profile)
    given = intake.read([(dict(ROW), 0.25, None, 0.0), ({**ROW, "score": 0.9}, 0.25, None, 0.0)])
    in_row = intake.read([({**ROW, "score": 0.25}, None, None, 0.0)] * 2)
    assert np.array_equal(given.rows.numbers, in_row.rows.numbers)
    assert given.ignored_predictions == 0


def test_what_the_profile_does_not_know_is_ignored_and_counted() -> None:
    profile = Profile.fit(pl.DataFrame({"age": [1.0, 2.0, 3.0]}), model="m")
    batch = Intake(profile).read([({"age": 1.0, "shoe": 4, "hat": 5}, 0.7, None, 0.0)])
    assert (batch.ignored_values, batch.ignored_predictions, batch.invalid) == (2, 1, 0)


class Tensor:
    """What gives itself as an array, and has no other word for it, like those of TensorFlow."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self._values, dtype)


class City(Enum):
    ULM = "Ulm"


PLAIN: dict[str, tuple[dict[str, Any], Any]] = {
    "array of one": ({}, np.array([0.5])),
    "array of one by one": ({}, np.array([[0.5]], dtype=np.float32)),
    "0-d array": ({}, np.array(0.5)),
    "series of pandas": ({}, pandas.Series([0.5], index=[7])),
    "series of polars": ({}, pl.Series([0.5])),
    "tensor": ({"age": Tensor(41.5)}, Tensor([[0.5]])),
    "list of one": ({}, [[0.5]]),
    "text prediction": ({}, "0.5"),
    "bytes prediction": ({}, b"0.5"),
    "decimal": ({"age": Decimal("41.5")}, Decimal("0.5")),
    "named prediction": ({}, {"score": 0.5, "version": 7}),
    "arrow": ({"city": pa.scalar("Ulm"), "age": pa.scalar(41.5)}, pa.scalar(0.5)),
    "bytes": ({"city": b"Ulm"}, 0.5),
    "enum": ({"city": City.ULM}, 0.5),
    "array of a text": ({"city": np.array(["Ulm"])}, 0.5),
    "one for true": ({"member": 1}, 0.5),
    "text for true": ({"member": "True"}, 0.5),
    "numpy for true": ({"member": np.bool_(True)}, 0.5),
    "number as text": ({"age": " 41.5 "}, 0.5),
    "number as bytes": ({"age": b"41.5"}, 0.5),
    "0-d feature": ({"age": np.array(41.5)}, 0.5),
    "fraction": ({"age": Fraction(83, 2)}, 0.5),
}


@pytest.mark.parametrize("name", PLAIN)
def test_what_has_one_plain_meaning_counts_as_that(profile: Profile, name: str) -> None:
    changed, prediction = PLAIN[name]
    intake = Intake(profile)
    batch = intake.read([({**ROW, **changed}, prediction, None, 5.0)])
    plain = intake.read([(dict(ROW), 0.5, None, 5.0)])
    assert np.array_equal(batch.rows.numbers, plain.rows.numbers)
    assert np.array_equal(batch.rows.codes, plain.rows.codes)
    assert (batch.invalid, batch.unreadable, batch.first) == (0, {}, {})


@pytest.mark.parametrize("masked", [np.ma.masked, np.ma.array([3.0], mask=[True]), pa.scalar(None), [None]])
def test_what_is_masked_or_empty_is_missing(profile: Profile, masked: Any) -> None:
    batch = Intake(profile).read([(dict(ROW), masked, None, 5.0)])
    assert np.isnan(batch.rows.numbers[0, -1])
    assert (batch.invalid, batch.unreadable) == (0, {})


def test_values_that_cannot_be_read_are_counted_by_column_and_described(profile: Profile) -> None:
    rows = [({**ROW, "age": "old", "city": [1]}, np.array([0.1, 0.9]), None, 0.0), (dict(ROW), 0.5, "soon", 0.0)]
    batch = Intake(profile).read([*rows, ({**ROW, "age": "older"}, 0.5, None, 0.0)])
    assert (len(batch.rows), batch.invalid) == (2, 1)
    assert batch.unreadable == {"age": 2, "city": 1, "score": 1}
    assert {name: (value.expected, value.got) for name, value in batch.first.items()} == {
        "age": ("a number", "text ('old')"),
        "city": ("a category (text or number)", "a list"),
        "score": ("a number", "ndarray ('[0.1 0.9]')"),
        "timestamp": ("seconds since the epoch or ISO 8601", "text ('soon')"),
    }


def test_each_field_is_described_however_many_values_are_bad() -> None:
    wide = Profile.fit(pl.DataFrame({f"f{number}": [1.0, 2.0, 3.0] for number in range(30)}), model="m")
    batch = Intake(wide).read([({f"f{number}": "x" * 1_000 for number in range(30)}, None, None, 0.0)] * 100)
    assert batch.unreadable == {f"f{number}": 100 for number in range(30)}
    assert {name: value.got for name, value in batch.first.items()} == {
        f"f{number}": f"text ('{'x' * 40}')" for number in range(30)
    }


@pytest.mark.parametrize("column", ["age", "city", "member"])
def test_a_value_that_fails_when_it_is_looked_at_costs_its_own_cell_only(profile: Profile, column: str) -> None:
    batch = Intake(profile).read([(dict(ROW), 0.5, None, 0.0), ({**ROW, column: Evil()}, 0.5, None, 0.0)])
    assert (len(batch.rows), batch.invalid, batch.unreadable) == (2, 0, {column: 1})


def test_what_a_summary_could_not_read_is_what_its_rows_could_not(profile: Profile) -> None:
    intake = Intake(profile)
    batch = intake.read([({**ROW, "age": "old", "member": "maybe"}, [1, 2], None, 0.0), (dict(ROW), 0.5, None, 0.0)])
    [(_, summary)] = intake.count(batch, TIMING, 0.0, NOW)
    assert intake.unreadable_in(summary) == batch.unreadable == {"age": 1, "member": 1, "score": 1}


def test_columns_that_never_came_and_columns_that_the_profile_does_not_have_are_kept(profile: Profile) -> None:
    intake = Intake(profile)
    assert intake.columns.absent == {"age", "amount", "city", "member", "score"}
    intake.read([({"age": None, "amont": 20.0}, None, None, 0.0)] * 3)
    intake.read([({"city": "Ulm", "x" * 100: 1, 5: 2}, 0.5, None, 0.0)])  # type: ignore[dict-item]
    assert intake.columns.absent == {"amount", "member"}
    assert intake.columns.unknown == ("'amont'",)
    assert intake.columns.rows == 4
    intake.read([({**ROW, "score": 0.5}, None, None, 0.0)])
    assert intake.columns.absent == set()


@pytest.mark.parametrize("maker", [pandas.DataFrame, lambda values: pandas.DataFrame(values).iloc[0]])
def test_values_with_numbers_for_names_are_no_row_unless_the_profile_has_them(profile: Profile, maker: Any) -> None:
    row = read_record(maker([[41.5, 20.0]]))
    batch = Intake(profile).read([(dict(ROW), 0.5, None, 0.0), (row.copy(), 0.5, None, 0.0)])
    assert (len(batch.rows), batch.invalid) == (1, 1)
    assert batch.first[""].got == "values whose names are only numbers"
    assert batch.refused == {"": 1, "timestamp": 0}
    numbered = Profile.fit(pl.DataFrame({"0": [1.0, 2.0, 3.0], "1": [1.0, 2.0, 3.0]}), model="m")
    intake = Intake(numbered)
    batch = intake.read([(row.copy(), None, None, 0.0)])
    assert (batch.rows.numbers.tolist(), batch.invalid) == ([[41.5, 20.0]], 0)
    assert (intake.columns.absent, intake.columns.unknown) == (set(), ())


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
