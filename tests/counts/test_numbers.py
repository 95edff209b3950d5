from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.data.columns import Dictionary, as_frame, column_of
from driftmeter.profile.profile import Profile
from tests.counts.samples import bins, bins_of, got, reader_of


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
    labels = numbers.profile.features[0].grid.labels
    assert [labels[index] for index in bins_of(Binner(numbers.profile), rows).ravel()] == expected
    assert not rejected


def test_a_reference_in_float32_from_arrow_and_its_text_fall_in_the_same_bin() -> None:
    values = np.random.default_rng(5).lognormal(0, 1, 3000).astype(np.float32)
    profile = Profile.fit(pa.table({"x": pa.array(values)}), model="m")
    reader, binner = Reader(profile), Binner(profile)
    as_text = [{"x": float(str(value))} for value in values]  # the shortest text that gives this float32
    from_arrow = {"x": column_of(as_frame(pa.table({"x": values}))["x"])}
    expected = bins_of(binner, reader.read_columns(from_arrow)[0])
    # of 3,000 numbers some are so close together that a cut lies where rounding parts them: a row may lie there
    assert np.count_nonzero(bins_of(binner, reader.read_records(as_text)[0]) != expected) <= 1
    as_floats = {"x": values.astype(np.float64)}
    assert np.array_equal(bins_of(binner, reader.read_columns(as_floats)[0]), expected)


def test_a_number_beyond_float32_is_far_even_where_the_reference_was_float32() -> None:
    reader = reader_of(x=pl.Series([1.0, 2.0], dtype=pl.Float32))
    assert bins(reader, [1e300, -1e300]) == ["far above", "far below"]


def test_a_decimal_is_a_number_and_a_category(numbers: Reader, codes: Reader) -> None:
    assert bins(numbers, [Decimal("1.25")]) == ["1"]
    assert bins(codes, [Decimal("2.0")]) == ["2"]
