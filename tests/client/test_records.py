from __future__ import annotations

import dataclasses
import sqlite3
from collections import namedtuple
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
import pandas
import polars
import pyarrow
import pydantic
import pytest

from driftmeter.client.records import (
    NoRecordError,
    items_per_row,
    iterate_records,
    prediction_value,
    read_record,
    stable_prediction,
)

ROW: dict[str, Any] = {"age": 41.5, "city": "Ulm"}
Tupled = namedtuple("Tupled", "age city")


@dataclasses.dataclass
class Classed:
    age: float = 41.5
    city: str = "Ulm"


class Slotted(msgspec.Struct):
    age: float = 41.5
    city: str = "Ulm"


class Model(pydantic.BaseModel):
    age: float = 41.5
    city: str = "Ulm"


def from_database() -> sqlite3.Row:
    base = sqlite3.connect(":memory:")
    base.row_factory = sqlite3.Row
    row: sqlite3.Row = base.execute("SELECT 41.5 AS age, 'Ulm' AS city").fetchone()
    base.close()
    return row


STRUCTURED = np.array([(41.5, "Ulm")], dtype=[("age", "f8"), ("city", "U8")])
RECORDS: dict[str, Any] = {
    "mapping": MappingProxyType(ROW),
    "row of pandas": pandas.DataFrame([ROW]).iloc[0],
    "frame of pandas": pandas.DataFrame([ROW]),
    "frame of polars": polars.DataFrame([ROW]),
    "table of pyarrow": pyarrow.Table.from_pylist([ROW]),
    "batch of pyarrow": pyarrow.RecordBatch.from_pylist([ROW]),
    "struct of pyarrow": pyarrow.scalar(ROW),
    "structured scalar": STRUCTURED[0],
    "structured array of one": STRUCTURED,
    "record array": STRUCTURED.view(np.recarray)[0],
    "named tuple": Tupled(**ROW),
    "dataclass": Classed(),
    "msgspec": Slotted(),
    "pydantic": Model(),
    "sqlite3.Row": from_database(),
}
NAMELESS: dict[str, tuple[Any, str]] = {
    "none": (None, "null"),
    "text": ('{"age": 41.5}', "text ('{\"age\": 41.5}')"),
    "list": ([41.5, "Ulm"], "list of 2 values, without names"),
    "array": (np.array([41.5, 1.0]), "ndarray of 2 values, without names"),
    "series of polars": (polars.Series([41.5, 1.0]), "Series of 2 values, without names"),
    "number": (7, "a number (7)"),
    "class": (Classed, "the class Classed"),
    "lazy frame": (polars.LazyFrame([ROW]), "LazyFrame"),
    "two rows": (pandas.DataFrame([ROW] * 2), "a frame of 2 rows"),
    "no row": (polars.DataFrame(schema=["age"]), "a frame of 0 rows"),
    "two structured rows": (np.repeat(STRUCTURED, 2), "an array of 2 rows"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_whatever_names_its_values_is_a_row(name: str) -> None:
    assert read_record(RECORDS[name]) == ROW


@pytest.mark.parametrize("name", NAMELESS)
def test_what_has_no_names_is_no_row_and_said_to_be_none(name: str) -> None:
    given, got = NAMELESS[name]
    with pytest.raises(NoRecordError) as caught:
        read_record(given)
    assert caught.value.got == got


def test_a_row_is_a_dict_of_its_own() -> None:
    array = STRUCTURED.copy()
    row = read_record(array)
    array["age"] = 0.0
    assert row == ROW
    assert read_record(ROW) is not ROW


def test_whole_numbers_are_names_as_good_as_those_that_a_frame_has() -> None:
    frame = pandas.DataFrame([[1.5, 2.5]])
    rows: list[Any] = [read_record(frame), read_record(frame.iloc[0])]
    assert rows == [{0: 1.5, 1: 2.5}] * 2


def test_values_of_a_frame_of_pandas_keep_their_own_types() -> None:
    frame = pandas.DataFrame({"id": [2**60 + 1], "share": [0.5], "member": [True], "at": pandas.Timestamp(0)})
    row = read_record(frame.assign(none=pandas.array([None], dtype="Int64"), plan=pandas.Categorical(["a"])))
    assert row.pop("none") is pandas.NA
    assert row == {"id": 2**60 + 1, "share": 0.5, "member": True, "at": pandas.Timestamp(0), "plan": "a"}
    assert [type(value) for value in row.values()] == [int, float, bool, pandas.Timestamp, str]


MAKERS: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "pandas": pandas.DataFrame,
    "polars": polars.DataFrame,
    "pyarrow": pyarrow.Table.from_pylist,
    "list": list,
    "generator": iter,
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_frame_of_many_rows_is_its_rows(name: str) -> None:
    rows = [{"age": float(age), "city": "Ulm"} for age in range(2_500)]
    assert list(iterate_records(MAKERS[name](rows))) == rows


@pytest.mark.parametrize("given", [None, 7, "age", b"age", ROW, object()])
def test_what_holds_no_rows_is_refused(given: Any) -> None:
    with pytest.raises(NoRecordError, match="rows: a frame, or an iterable"):
        iterate_records(given)


@pytest.mark.parametrize(
    "given",
    [
        [0.1, 0.9],
        (0.1, 0.9),
        np.array([0.1, 0.9]),
        np.array([[0.1], [0.9]]),
        pandas.Series([0.1, 0.9], index=[7, 8]),
        polars.Series([0.1, 0.9]),
        pyarrow.chunked_array([[0.1], [0.9]]),
        pandas.DataFrame({"y": [0.1, 0.9]}),
        polars.DataFrame({"y": [0.1, 0.9]}),
    ],
)
def test_predictions_are_one_for_each_row_however_they_are_held(given: Any) -> None:
    items = items_per_row(given)
    assert items is not None
    values = [prediction_value(stable_prediction(item), "score") for item in items]
    assert [value.as_py() if hasattr(value, "as_py") else value for value in values] == [0.1, 0.9]


@pytest.mark.parametrize("given", [0.3, "yes", b"yes", np.array(0.3), np.float64(0.3), pandas.Timestamp(0), ROW])
def test_one_single_value_is_not_one_for_each_row(given: Any) -> None:
    assert items_per_row(given) is None


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ([0.3], 0.3),
        ([[0.3]], 0.3),
        ((0.3,), 0.3),
        ({"score": 0.3, "version": 7}, 0.3),
        ({"anything": 0.3}, 0.3),
        (pandas.DataFrame({"y": [0.3]}), 0.3),
        (polars.DataFrame({"y": [0.3]}), 0.3),
        (pandas.Series([0.3], index=["y"]), 0.3),
        (Model(), Model()),
        ([0.3, 0.7], [0.3, 0.7]),
        ([], []),
        ({}, {}),
        ("text", "text"),
        (None, None),
    ],
)
def test_an_answer_is_taken_out_of_what_it_comes_in(given: Any, value: Any) -> None:
    assert prediction_value(stable_prediction(given), "score") == value


def test_an_array_that_a_model_answers_in_again_is_copied() -> None:
    answer = np.array([0.3])
    kept = stable_prediction(answer)
    answer[0] = 0.9
    assert kept.tolist() == [0.3]
