from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from driftmeter.data.columns import Dictionary, as_frame, column_of, columns_of
from driftmeter.errors import InputError

MAKERS: dict[str, Any] = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Any:
    return MAKERS[request.param]


@pytest.fixture
def table() -> pa.Table:
    return pa.table({"x": [1.5, None, 3.0], "c": ["a", None, "ü"], "b": [True, None, False]})


def column(frame: Any) -> Any:
    return column_of(as_frame(frame)["x"])


def plain(column: Any) -> list[Any]:
    if isinstance(column, Dictionary):
        return [None if index < 0 else column.values[index] for index in column.indices]
    return list(column.tolist() if isinstance(column, np.ndarray) else column)


def test_a_dictionary_tells_one_from_true_and_from_its_text() -> None:
    coded = Dictionary.encode([1, 1.0, True, "1", 1, None])
    assert coded.indices.tolist() == [0, 1, 2, 3, 0, -1]
    assert list(map(type, coded.values)) == [int, float, bool, str]
    assert len(coded) == 6


def test_a_dictionary_holds_what_cannot_be_hashed() -> None:
    coded = Dictionary.encode([[1], "a", [1]])
    assert plain(coded) == [[1], "a", [1]]


def test_an_empty_dictionary_has_no_values() -> None:
    assert (len(Dictionary.encode([])), Dictionary.encode([]).values) == (0, ())


@pytest.mark.parametrize("values", [[1.5, None, -2.0], [1.5, float("nan"), -2.0]])
def test_floats_are_an_array_where_missing_is_nan(make: Any, values: list[Any]) -> None:
    made = column(make({"x": values}))
    assert made.dtype == np.float64
    assert np.isnan(made[1])


def test_float32_stays_float32(make: Any) -> None:
    assert column(make({"x": np.array([1.5, 2.5], np.float32)})).dtype == np.float32


def test_integers_stay_exact(make: Any) -> None:
    values = [2**53 + 1, -(2**63)]
    assert plain(column(make({"x": values}))) == values


@pytest.mark.parametrize("series", [pl.Series([2**53 + 1, None]), pd.array([2**53 + 1, None], dtype="Int64")])
def test_large_integers_stay_exact_beside_a_missing_one(series: Any) -> None:
    frame = pl.DataFrame({"x": series}) if isinstance(series, pl.Series) else pd.DataFrame({"x": series})
    assert plain(column(frame)) == [2**53 + 1, None]


def test_small_integers_beside_a_missing_one_are_floats() -> None:
    made = column(pl.DataFrame({"x": [1, None]}))
    assert made.dtype == np.float64
    assert np.isnan(made[1])


def test_texts_and_booleans_are_coded(make: Any) -> None:
    assert plain(column(make({"x": ["b", None, "a", "b"]}))) == ["b", None, "a", "b"]
    assert plain(column(make({"x": [True, False]}))) == [True, False]


@pytest.mark.parametrize(
    "array",
    [
        pd.array(["a", None], dtype="string"),
        pd.Categorical(["a", None]),
        pd.Series(["a", pd.NA], dtype=object),
        pd.Series(["a", float("nan")], dtype=object),
        pd.Series(["a", None], dtype=object),
    ],
    ids=["string", "categorical", "NA", "NaN", "None"],
)
def test_whatever_pandas_calls_missing_is_missing(array: Any) -> None:
    assert plain(column(pd.DataFrame({"x": array}))) == ["a", None]


def test_nullable_numbers_and_booleans_of_pandas_are_read() -> None:
    assert np.isnan(column(pd.DataFrame({"x": pd.array([1, None], dtype="Int64")}))[1])
    assert np.isnan(column(pd.DataFrame({"x": pd.array([1.5, None], dtype="Float64")}))[1])
    assert plain(column(pd.DataFrame({"x": pd.array([True, None], dtype="boolean")}))) == [True, None]


def test_moments_are_listed_and_a_missing_one_is_none(make: Any) -> None:
    moment = dt.datetime(2024, 1, 1, 5)
    assert plain(column(make({"x": [moment, None]}))) == [moment, None]


def test_decimals_are_numbers() -> None:
    values = pa.array([1, None], pa.decimal128(10, 2))
    assert column(pa.table({"x": values}))[0] == 1.0


def test_only_the_columns_that_are_there_are_returned(table: pa.Table) -> None:
    assert list(columns_of(as_frame(table), ["c", "z", "x"])) == ["c", "x"]


def test_a_lazy_frame_is_collected() -> None:
    assert as_frame(pl.LazyFrame({"x": [1]})).columns == ["x"]


@pytest.mark.parametrize(
    "frame",
    [pd.DataFrame([[1, 2]], columns=["a", "a"]), pa.table([[1], [2]], names=["a", "a"])],
    ids=["pandas", "arrow"],
)
def test_two_columns_of_one_name_are_refused(frame: Any) -> None:
    with pytest.raises(InputError, match="one column of each name"):
        as_frame(frame)


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(TypeError):
        as_frame([{"x": 1}])
