from __future__ import annotations

import datetime as dt
import math
import zoneinfo
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import MOST_REPORTED, Reader
from driftmeter.data.columns import Dictionary, as_frame, column_of
from driftmeter.data.rejected import Rejected
from driftmeter.errors import InputError
from driftmeter.profile.profile import Profile
from driftmeter.profile.values import is_unreadable

ZONE = dt.timezone(dt.timedelta(hours=-5))


def reader_of(kind: str | None = None, zone: str | None = None, **columns: Any) -> Reader:
    kinds = dict.fromkeys(columns, kind) if kind else None
    return Reader(Profile.fit(pl.DataFrame(columns), model="m", kinds=kinds, zone=zone))


@pytest.fixture
def numbers() -> Reader:
    return reader_of(x=[0.0, 1.0, 2.0])


@pytest.fixture
def cities() -> Reader:
    return reader_of(c=["Ulm"] * 40 + ["Bonn"] * 30 + ["1"])


@pytest.fixture
def codes() -> Reader:
    return reader_of("categorical", c=[1] * 40 + [2] * 30 + [7])


@pytest.fixture
def flags() -> Reader:
    return reader_of(c=[True] * 40 + [False] * 3)


@pytest.fixture
def hours() -> Reader:
    return reader_of("hour", c=[dt.datetime(2024, 1, 1, 5)])


@pytest.fixture
def weekdays() -> Reader:
    return reader_of("weekday", c=[dt.datetime(2024, 1, 1, 5)])


def bins(reader: Reader, values: list[Any]) -> list[str]:
    """Return the names of the bins of the one feature's values, by way of records."""
    rows, rejected, _ = reader.read_records([{reader.names[0]: value} for value in values])
    assert not rejected
    feature = reader.profile.features[0]
    found = Binner(reader.profile).bins_of(rows)[0 if feature.kind == "numeric" else 1]
    return [feature.grid.labels[index] for index in found.ravel()]


def got(reader: Reader, value: Any) -> str:
    """Return what the report of a bad value says came, the same by every door."""
    name = reader.names[0]
    fine, rejected, _ = reader.read_records([{}, {name: value}])
    assert fine.index.tolist() == [0, 1]
    assert reader.unreadable(fine) == {name: 1}
    (bad,) = rejected
    assert (bad.row, bad.field) == (1, name)
    for column in ([None, value], Dictionary(np.array([-1, 0]), (value,))):
        rows, found, _ = reader.read_columns({name: column})
        assert found == rejected
        assert reader.unreadable(rows) == {name: 1}
    return bad.got


@pytest.mark.parametrize("record", [{}, {"x": None}, {"x": math.nan}, {"x": np.float32("nan")}])
def test_an_absent_value_and_null_and_nan_are_missing(numbers: Reader, record: Mapping[str, Any]) -> None:
    rows, rejected, _ = numbers.read_records([record])
    assert np.isnan(rows.numbers[0, 0])
    assert not rejected


def test_an_infinite_number_is_not_finite(numbers: Reader) -> None:
    assert bins(numbers, [math.inf, -math.inf]) == ["not finite", "not finite"]


@pytest.mark.parametrize(
    "value",
    [
        *(1, 1.0, np.int64(1), np.float32(1), np.uint8(1), "1", " 1.0 ", b"1", True, np.True_, "true", Decimal("1.0")),
        *(np.array(1), np.array([1.0]), pd.Series([1]), pl.Series([True])),
    ],
    ids=repr,
)
def test_a_number_is_a_number_of_whatever_type(numbers: Reader, value: object) -> None:
    assert bins(numbers, [value]) == ["1"]


@pytest.mark.parametrize(
    ("value", "description"),
    [
        ("1.5 m", "text ('1.5 m')"),
        ("yes", "text ('yes')"),
        ([1.0], "a list"),
        ({"a": 1}, "an object"),
        (10**400, f"a number (1{'0' * 39})"),
        pytest.param(10**5000, "a number", id="an integer too long to print"),
        ("x" * 100, f"text ('{'x' * 40}')"),
        (dt.date(2024, 1, 1), "date ('2024-01-01')"),
    ],
)
def test_what_is_no_number_is_unreadable_and_reported_with_what_came(
    numbers: Reader, value: object, description: str
) -> None:
    assert got(numbers, value) == description


def test_a_value_that_cannot_be_read_costs_no_other_feature_its_row(
    frame: pl.DataFrame, reader: Reader, binner: Binner
) -> None:
    rows = frame.head(5).to_dicts()
    rows[1]["count"] = "many"
    rows[3]["member"] = "perhaps"
    rows[3]["amount"] = []
    kept, rejected, _ = reader.read_records(rows)
    assert kept.index.tolist() == [0, 1, 2, 3, 4]
    assert {(each.row, each.field) for each in rejected} == {(1, "count"), (3, "amount"), (3, "member")}
    assert reader.unreadable(kept) == {"count": 1, "amount": 1, "member": 1}
    as_it_was = reader.read_records(frame.head(5).to_dicts())[0]
    assert reader.unreadable(as_it_was) == {}
    before, now = binner.observe(as_it_was), binner.observe(kept)
    assert now.rows == before.rows == 5
    for feature, part in binner.profile.slices():
        special = feature.grid.special
        read = [index for index in range(feature.size) if index != special["unreadable"]]
        lost = now.counts[part][special["unreadable"]]
        if feature.column in ("count", "amount", "member") and feature.role == "feature":
            assert lost == 1
        elif feature.role == "feature":
            assert now.counts[part].tolist() == before.counts[part].tolist()
        assert now.counts[part].sum() == 5
        assert now.counts[part][read].sum() == 5 - lost


def test_a_rejection_says_row_field_expected_and_got(numbers: Reader) -> None:
    (rejected,) = numbers.read_records([{"x": "one"}])[1]
    assert rejected == Rejected(0, "x", "a number", "text ('one')")
    assert rejected.to_json() == {"row": 0, "field": "x", "expected": "a number", "got": "text ('one')"}


@pytest.mark.parametrize(
    ("record", "description"), [(None, "null"), ([1], "a list"), ("x", "text ('x')"), (3, "a number (3)")]
)
def test_a_row_that_is_no_object_is_rejected(numbers: Reader, record: Any, description: str) -> None:
    rows, rejected, _ = numbers.read_records([{"x": 1.0}, record])
    assert rows.index.tolist() == [0]
    assert rejected == [Rejected(1, "", "an object of features", description)]


def test_values_of_unknown_columns_are_counted(numbers: Reader) -> None:
    assert numbers.read_records([{"x": 1, "y": 2, "z": 3}, {"y": 1}, {}])[2] == 3
    assert numbers.read_columns({"x": [1, 2], "y": [1, 2], "z": [1, 2]})[2] == 4


def test_more_shapes_of_records_than_are_remembered_are_still_counted_right(numbers: Reader) -> None:
    records = [{"x": 1, f"extra {number}": 1} for number in range(3000)] * 2
    assert numbers.read_records(records)[2] == 6000


def test_no_rows_are_no_error(reader: Reader) -> None:
    for rows, rejected, ignored in (reader.read_records([]), reader.read_columns({})):
        assert (len(rows), rejected, ignored) == (0, [], 0)


def test_an_absent_column_is_missing_in_all_rows(reader: Reader) -> None:
    rows, rejected, _ = reader.read_columns({"amount": [1.0, 2.0]})
    assert len(rows) == 2
    assert np.isnan(rows.numbers[:, 1:]).all()
    assert not rejected


def test_columns_of_unequal_length_are_refused_by_name(reader: Reader) -> None:
    with pytest.raises(InputError, match=r"columns.count: expected 2 values, as in the other columns, got 3"):
        reader.read_columns({"amount": [1.0, 2.0], "count": [1, 2, 3]})


@pytest.mark.parametrize(
    "column", ["abc", b"abc", {"a": 1}, 5, None, np.zeros((2, 2)), np.float64(3), Dictionary(np.array([2]), ("a",))]
)
def test_what_is_no_column_is_refused_by_name(reader: Reader, column: Any) -> None:
    with pytest.raises(InputError, match=r"columns\.city"):
        reader.read_columns({"city": column})


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([1, 1.0, 2, None, 2.25], ["1", "1", "2", "missing", "above"]),
        (np.array([0, 1], np.int32), ["0", "1"]),
        (np.array([0, 1], np.uint64), ["0", "1"]),
        (np.array([0.25, np.nan], np.float32), ["0", "missing"]),
        (np.array([0.25, None], object), ["0", "missing"]),
        (np.array(["0", " 2.0", "n/a"]), ["0", "2", "missing"]),
        (np.array([True, False]), ["1", "0"]),
        ([True, 0, None, "2"], ["1", "0", "missing", "2"]),
        (Dictionary(np.array([1, 0, -1]), (0, 1.0)), ["1", "0", "missing"]),
        (Dictionary(np.array([1, 0, 2]), ("0", "1.0", "")), ["1", "0", "missing"]),
        ((0, 1), ["0", "1"]),
    ],
)
def test_a_column_of_numbers_may_come_in_many_forms(numbers: Reader, column: Any, expected: list[str]) -> None:
    rows, rejected, _ = numbers.read_columns({"x": column})
    found = Binner(numbers.profile).bins_of(rows)[0].ravel()
    assert [numbers.profile.features[0].grid.labels[index] for index in found] == expected
    assert not rejected


def test_a_reference_in_float32_from_arrow_and_its_text_fall_in_the_same_bin() -> None:
    values = np.random.default_rng(5).lognormal(0, 1, 3000).astype(np.float32)
    profile = Profile.fit(pa.table({"x": pa.array(values)}), model="m")
    reader, binner = Reader(profile), Binner(profile)
    as_text = [{"x": float(str(value))} for value in values]  # the shortest text that gives this float32
    from_arrow = {"x": column_of(as_frame(pa.table({"x": values}))["x"])}
    expected, _ = binner.bins_of(reader.read_columns(from_arrow)[0])
    # of 3,000 numbers some are so close together that a cut lies where rounding parts them: a row may lie there
    assert np.count_nonzero(binner.bins_of(reader.read_records(as_text)[0])[0] != expected) <= 1
    as_floats = {"x": values.astype(np.float64)}
    assert np.array_equal(binner.bins_of(reader.read_columns(as_floats)[0])[0], expected)


def test_a_number_beyond_float32_is_far_even_where_the_reference_was_float32() -> None:
    reader = reader_of(x=pl.Series([1.0, 2.0], dtype=pl.Float32))
    assert bins(reader, [1e300, -1e300]) == ["far above", "far below"]


def test_categories_of_text_take_numbers_by_their_text(cities: Reader) -> None:
    values = ["Ulm", "Bonn", "1", 1, 1.0, "1.0", True, "", None, math.nan, "Köln"]
    # the reference wrote no truth but "1"
    expected = ["Ulm", "Bonn", *["other"] * 5, "unseen", "missing", "missing", "unseen"]
    assert bins(cities, values) == expected


def test_categories_of_integers_take_their_texts_too(codes: Reader) -> None:
    values = [1, 1.0, "1", "1.0", np.int8(2), 7, 8, 1.5, "x", None]
    assert bins(codes, values) == ["1", "1", "1", "1", "2", "other", "unseen", "unseen", "unseen", "missing"]


def test_a_boolean_is_one_or_zero_among_categories_of_integers(codes: Reader) -> None:
    assert bins(codes, [1, True, "true", False, np.True_]) == ["1", "1", "1", "unseen", "1"]


def test_true_and_one_are_two_categories_where_the_reference_wrote_both() -> None:
    reader = reader_of(c=["1"] * 40 + ["true"] * 30)
    assert bins(reader, [1, True, 1.0, "true", np.True_]) == ["1", "true", "1", "true", "true"]


def test_booleans_take_zero_and_one_and_their_texts(flags: Reader) -> None:
    values = [True, 1, 1.0, "true", "True", "1", False, 0, "FALSE", "0", None, np.False_]
    assert bins(flags, values) == ["true"] * 6 + ["false"] * 4 + ["missing", "false"]


@pytest.mark.parametrize(("value", "description"), [(2, "a number (2)"), ("yes", "text ('yes')"), ([], "a list")])
def test_what_is_no_boolean_is_unreadable(flags: Reader, value: object, description: str) -> None:
    assert got(flags, value) == description


@pytest.mark.parametrize("value", [["Ulm"], {"name": "Ulm"}, ("Ulm",), b"\xff", 1j])
def test_what_is_no_category_is_unreadable(cities: Reader, value: object) -> None:
    assert got(cities, value)


def test_an_integer_too_long_to_print_is_unreadable_and_not_raised(cities: Reader) -> None:
    assert got(cities, 10**5000) == "a number"


def test_half_a_surrogate_pair_is_unseen(cities: Reader) -> None:
    assert bins(cities, ["\ud800"]) == ["unseen"]


def test_identifiers_beyond_two_to_the_53_stay_apart() -> None:
    reader = reader_of("categorical", c=[2**53] * 40 + [2**53 + 1] * 50)
    assert bins(reader, [2**53, 2**53 + 1, str(2**53 + 1), 2**53 + 2]) == [
        str(2**53),
        str(2**53 + 1),
        str(2**53 + 1),
        "unseen",
    ]


@pytest.mark.parametrize(
    "column",
    [
        np.array([1, 2]),
        np.array([1.0, np.nan]),
        np.array([True, False]),
        np.array([1, "2", None], object),
        np.array(["1", "x"]),
        np.array([], np.float64),
    ],
    ids=str,
)
def test_a_category_falls_in_the_same_bin_from_an_array_as_from_a_list(
    cities: Reader, codes: Reader, column: np.ndarray
) -> None:
    for reader in (cities, codes):
        by_array, by_list = reader.read_columns({"c": column}), reader.read_columns({"c": column.tolist()})
        assert np.array_equal(by_array[0].codes, by_list[0].codes)
        assert by_array[1] == by_list[1]


@pytest.mark.parametrize(
    "moment",
    [
        "2024-01-01T05:30:00",
        "2024-01-01T05:30:00Z",
        "2024-01-01 05:30",
        "2024-01-01T05:30:00-05:00",
        dt.datetime(2024, 1, 1, 5, 59, 59, 999_999),
        dt.datetime(2024, 1, 1, 5, 30, tzinfo=ZONE),
        dt.datetime(2024, 1, 1, 5, 30, tzinfo=dt.UTC),
        np.datetime64("2024-01-01T05:30"),
        np.datetime64("2024-01-01T05:30:00.123456789"),
        1_704_087_000,
        1_704_087_000.25,
        np.int64(1_704_087_000),
    ],
    ids=repr,
)
def test_without_a_zone_a_moment_has_the_hour_and_weekday_that_are_written_however_it_is_told(
    hours: Reader, weekdays: Reader, moment: object
) -> None:
    assert bins(hours, [moment]) == ["5"]
    assert bins(weekdays, [moment]) == ["0"]


@pytest.mark.parametrize(
    ("moment", "hour", "weekday"),
    [
        ("2024-01-07T23:30:00Z", "0", "0"),
        ("2024-07-07T22:30:00Z", "0", "0"),
        ("2024-07-08T00:30:00+02:00", "0", "0"),
        ("2024-07-07T22:30:00-00:00", "0", "0"),
        (dt.datetime(2024, 7, 7, 22, 30, tzinfo=dt.UTC), "0", "0"),
        (dt.datetime(2024, 7, 8, 4, tzinfo=zoneinfo.ZoneInfo("Asia/Kolkata")), "0", "0"),
        (1_720_391_400, "0", "0"),
        ("1720391400", "0", "0"),
        ("2024-07-08T00:30:00", "0", "0"),
        (np.datetime64("2024-07-08T00:30"), "0", "0"),
        (dt.date(2024, 7, 8), "0", "0"),
        ("2024-03-31T00:59:59Z", "1", "6"),
        ("2024-03-31T01:00:00Z", "3", "6"),
        ("2024-10-27T00:59:59Z", "2", "6"),
        ("2024-10-27T01:00:00Z", "2", "6"),
        ("2024-10-27T02:00:00Z", "3", "6"),
    ],
    ids=repr,
)
def test_with_a_zone_a_moment_has_the_hour_and_weekday_of_its_clocks(moment: object, hour: str, weekday: str) -> None:
    for kind, expected in (("hour", hour), ("weekday", weekday)):
        reader = reader_of(kind, zone="Europe/Berlin", c=[dt.datetime(2024, 1, 1, 5)])
        assert bins(reader, [moment]) == [expected]


def test_a_zone_that_is_half_an_hour_beside_the_others_has_its_own_hours() -> None:
    reader = reader_of("hour", zone="Asia/Kolkata", c=[dt.datetime(2024, 1, 1, 5)])
    assert bins(reader, ["2024-01-01T00:29:59Z", "2024-01-01T00:30:00Z"]) == ["5", "6"]


def test_a_zone_that_this_machine_does_not_know_is_named_at_once() -> None:
    profile = reader_of("hour", c=[dt.datetime(2024, 1, 1, 5)]).profile
    strange = replace(profile, features=(replace(profile.features[0], zone="Europe/Ulm"),))
    with pytest.raises(InputError, match=r"zone: expected a name of the IANA database.*'Europe/Ulm'"):
        Reader(strange)


def test_a_date_is_its_midnight(hours: Reader, weekdays: Reader) -> None:
    for date in (dt.date(2024, 1, 7), "2024-01-07", np.datetime64("2024-01-07")):
        assert bins(hours, [date]) == ["0"]
        assert bins(weekdays, [date]) == ["6"]


@pytest.mark.parametrize("value", [None, math.nan, np.datetime64("NaT", "us")])
def test_a_missing_moment_is_missing(hours: Reader, value: object) -> None:
    assert bins(hours, [value]) == ["missing"]


@pytest.mark.parametrize(
    "value", ["yesterday", True, 1e300, math.inf, -math.inf, [1], "5", dt.time(5), "9" * 400, 0, 1e12, "20240101"]
)
def test_what_is_no_moment_is_unreadable(hours: Reader, value: object) -> None:
    assert got(hours, value)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_an_array_of_moments_is_read_in_any_unit(hours: Reader, unit: str) -> None:
    column = np.array(["2024-01-01T05:30", "NaT"], f"datetime64[{unit}]")
    assert hours.read_columns({"c": column})[0].codes.ravel().tolist() == [5, 26]


def test_more_categories_than_are_remembered_are_still_read_right(cities: Reader) -> None:
    many = [{"c": f"new {number}"} for number in range(70_000)] + [{"c": "Ulm"}]
    rows, _, _ = cities.read_records(many)
    grid = cities.profile.features[0].grid
    counts = np.bincount(rows.codes.ravel(), minlength=grid.size)
    assert counts[grid.unseen].sum() == 70_000
    assert counts[0] == 1


def test_some_of_the_rows_keep_where_they_stood(numbers: Reader) -> None:
    rows, _, _ = numbers.read_records([{"x": 0}, "bad", {"x": 2}])
    taken = rows.take(np.array([1]))
    assert (taken.index.tolist(), taken.numbers.tolist()) == ([2], [[2.0]])


def test_a_batch_of_nothing_but_bad_values_is_counted_whole_and_described_in_part(
    numbers: Reader, cities: Reader
) -> None:
    for reader, bad in ((numbers, "no"), (cities, ["no"])):
        name, values = reader.names[0], [bad] * (MOST_REPORTED + 5)
        for rows, rejected, _ in (
            reader.read_records([{name: value} for value in [*values, None]]),
            reader.read_columns({name: [*values, None]}),
        ):
            assert len(rejected) == MOST_REPORTED
            assert len(rows) == MOST_REPORTED + 6
            assert reader.unreadable(rows) == {name: MOST_REPORTED + 5}


def test_what_is_reported_is_the_first_of_each_row_that_has_room(numbers: Reader) -> None:
    column = Dictionary(np.array([0, 1, -1, 1]), ("1", "x"))
    rows, rejected, _ = numbers.read_columns({"x": column})
    assert [(each.row, each.got) for each in rejected] == [(1, "text ('x')"), (3, "text ('x')")]
    assert is_unreadable(rows.numbers[:, 0]).tolist() == [False, True, False, True]


def test_a_column_of_two_features_is_unreadable_once() -> None:
    frame = pl.DataFrame({"when": [dt.datetime(2024, 1, 1, 5)] * 3, "x": [1.0, 2.0, 3.0]})
    profile = Profile.fit(frame, model="m", kinds={"when": "hour"})
    reader = Reader(profile)
    rows, _, _ = reader.read_columns({"when": ["soon", None], "x": ["?", "?"]})
    assert reader.unreadable(rows) == {"when": 1, "x": 2}


@pytest.mark.parametrize("value", [np.datetime64("NaT", "us"), pd.NaT, pd.NA, Decimal("NaN"), None, math.nan])
def test_what_frames_call_missing_is_missing(
    numbers: Reader, cities: Reader, codes: Reader, flags: Reader, hours: Reader, value: object
) -> None:
    for reader in (numbers, cities, codes, flags, hours):
        assert bins(reader, [value]) == ["missing"]


def test_a_decimal_is_a_number_and_a_category(numbers: Reader, codes: Reader) -> None:
    assert bins(numbers, [Decimal("1.25")]) == ["1"]
    assert bins(codes, [Decimal("2.0")]) == ["2"]


def test_what_is_kept_of_texts_is_bounded(cities: Reader) -> None:
    (cache,) = cities._cached.values()
    bins(cities, [f"{number:02000}" for number in range(100)])
    assert not cache
    bins(cities, [f"c{number}" for number in range(25_000)])
    assert 0 < len(cache) <= 10_000
    wide = reader_of(**{f"c{number}": ["a"] for number in range(100)})
    wide.read_records([{f"c{column}": f"v{row}" for column in range(100)} for row in range(1_500)])
    assert sum(map(len, wide._cached.values())) <= 100_000


def test_what_is_kept_of_shapes_is_bounded(numbers: Reader) -> None:
    strange = [{"x": 1.0, **dict.fromkeys(map(str, range(1_000)))}, {"x": 1.0, "y" * 65: 0}, {"x": 1.0, "y": 0}]
    assert [numbers.read_records([record])[2] for record in strange] == [1_000, 1, 1]
    assert list(numbers._shapes) == [("x", "y")]


@pytest.fixture(scope="module")
def houses() -> Reader:
    """A reader of `area` (float32), `city`, `rooms` and `luck`; area and rooms have residuals."""
    rng = np.random.default_rng(3)
    rooms = rng.integers(1, 9, 500).astype(float)
    area = pl.Series(25 * rooms + rng.normal(0, 10, 500), dtype=pl.Float32)
    columns = {"area": area, "city": ["a", "b"] * 250, "rooms": rooms, "luck": rng.random(500)}
    return Reader(Profile.fit(pl.DataFrame(columns), model="m"))


HOUSE: dict[str, Any] = {"area": 100.1, "city": "a", "rooms": 4, "luck": 0.5}


def test_residuals_are_computed_behind_the_numbers_from_which_they_follow(houses: Reader) -> None:
    assert [each.name for each in houses.profile.features[4:]] == ["area given the rest", "rooms given the rest"]
    assert houses.names == ("area", "city", "rooms", "luck")
    rows, _, ignored = houses.read_records([HOUSE, {**HOUSE, "rooms": 8}])
    assert (rows.numbers.shape, ignored) == ((2, 5), 0)
    assert rows.numbers[0, :3].tolist() == [np.float32(100.1), 4, 0.5]
    assert abs(rows.numbers[0, 3]) < 0.5
    assert rows.numbers[1, 3] < -1.5
    assert rows.numbers[1, 4] > 1.5


def test_a_column_by_the_name_of_a_derived_feature_is_unknown(houses: Reader) -> None:
    given = {**HOUSE, "area given the rest": 5.0}
    rows, _, ignored = houses.read_records([HOUSE, given])
    assert ignored == 1
    assert rows.numbers[0].tolist() == rows.numbers[1].tolist()


def test_a_residual_is_of_the_number_in_single_precision(houses: Reader) -> None:
    near = [math.nextafter(100.1, math.inf), 100.1, float(np.float32(100.1))]
    rows, _, _ = houses.read_records([{**HOUSE, "area": each} for each in near])
    assert len(set(rows.numbers[:, 3].tolist())) == 1


def test_an_absent_number_has_no_residual_and_an_unreadable_one_no_part_in_others(houses: Reader) -> None:
    absent = {name: value for name, value in HOUSE.items() if name != "area"}
    rows, rejected, _ = houses.read_records([HOUSE, {**HOUSE, "luck": "much"}, absent, HOUSE])
    assert [each.row for each in rejected] == [1]
    assert np.isnan(rows.numbers[:, 3]).tolist() == [False, False, True, False]
    assert is_unreadable(rows.numbers).nonzero()[0].tolist() == [1]
    assert not np.isnan(rows.numbers[:, 4]).any()
    assert rows.numbers[0].tolist() == rows.numbers[3].tolist()


def test_an_unreadable_number_has_no_residual_and_counts_as_missing_there(houses: Reader) -> None:
    rows, _, _ = houses.read_records([{**HOUSE, "area": "large"}, {**HOUSE, "area": None}])
    assert is_unreadable(rows.numbers[:, 0]).tolist() == [True, False]
    assert np.isnan(rows.numbers[:, 3]).all()
    assert not is_unreadable(rows.numbers[:, 3:]).any()
    assert rows.numbers[0, 4] == rows.numbers[1, 4]
    assert houses.unreadable(rows) == {"area": 1}
    assert houses.read_columns({"city": ["a"]})[0].numbers.shape == (1, 5)


def test_no_rows_have_no_residuals(houses: Reader) -> None:
    assert houses.read_records([])[0].numbers.shape == (0, 5)
