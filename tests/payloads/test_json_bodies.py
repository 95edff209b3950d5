from __future__ import annotations

import math
from typing import Any

import pytest

from driftmeter.errors import InputError
from driftmeter.payloads.json_bodies import table_of_answer, table_of_request
from driftmeter.payloads.json_text import read_json
from driftmeter.payloads.table import PayloadTable

SPLIT = {"columns": ["age", 7], "data": [[31, "Ulm"], [45, "NaT"]]}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"instances": [{"a": 1}, {"b": 2}]}, {"a": [1, None], "b": [None, 2]}),
        ({"instances": []}, {}),
        ({"inputs": {"a": [[1], [2]], "b": ["x", "y"]}}, {"a": [1, 2], "b": ["x", "y"]}),
        ({"inputs": {"a": 1, "b": "x"}}, {"a": [1], "b": ["x"]}),
        ({"inputs": [{"a": 1}]}, {"a": [1]}),
        ({"dataframe_split": SPLIT, "params": {}}, {"age": [31, 45], "7": ["Ulm", None]}),
        ({"dataframe_records": [{"t": "NaT"}, {"t": "2026-01-01"}]}, {"t": [None, "2026-01-01"]}),
        ({"age": 31, "city": "Ulm"}, {"age": [31], "city": ["Ulm"]}),
    ],
)
def test_named_rows_are_columns(content: Any, expected: dict[str, list[Any]]) -> None:
    table = table_of_request(content)
    assert table.named([]) == expected


def test_a_word_for_a_missing_time_is_one_only_where_mlflow_writes_it() -> None:
    assert table_of_request({"instances": [["NaT"], ["x"]]}).columns == (["NaT", "x"],)


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (3, "body"),
        ({"instances": [], "inputs": []}, "body"),
        ({"instances": {}}, "body.instances"),
        ({"instances": [[1], {"a": 1}]}, "body.instances"),
        ({"instances": [[1], [1, 2]]}, "body.instances[1]"),
        ({"instances": [[0] * 10_001]}, "body.instances"),
        ({"inputs": {"a": [1], "b": [1, 2]}}, "body.inputs"),
        ({"dataframe_split": []}, "body.dataframe_split"),
        ({"dataframe_split": {"columns": "ab", "data": []}}, "body.dataframe_split.columns"),
        ({"dataframe_split": {"columns": [["a"]], "data": []}}, "body.dataframe_split.columns"),
        ({"dataframe_split": {"columns": [1, "1"], "data": [[1, 2]]}}, "body.dataframe_split.columns"),
        ({"dataframe_split": {"columns": ["a"], "data": 3}}, "body.dataframe_split.data"),
        ({"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}, "body.dataframe_split.data[0]"),
    ],
)
def test_what_is_no_table_is_refused_at_the_part_at_fault(content: Any, where: str) -> None:
    with pytest.raises(InputError) as refused:
        table_of_request(content)
    assert refused.value.field == where


def test_answers_have_keys_of_their_own() -> None:
    assert table_of_answer({"predictions": [0.5], "databricks_output": {}}).columns == ([0.5],)
    assert table_of_answer({"outputs": {"y": [0.5], "z": [1]}}).names == ("y", "z")
    assert table_of_answer({"prediction": 0.5}).named(None) == {"prediction": [0.5]}


def test_columns_without_names_need_an_order_of_their_width() -> None:
    table = PayloadTable(([1], [2]), None, 1)
    assert table.named(["a", "b"]) == {"a": [1], "b": [2]}
    for order in (None, ["a"], [f"c{number}" for number in range(9)]):
        with pytest.raises(InputError):
            table.named(order)


def test_json_may_hold_bare_words_for_numbers_that_are_none() -> None:
    content = read_json(b'{"a": [NaN, Infinity, -Infinity, 1e400]}')
    assert math.isnan(content["a"][0])
    assert content["a"][1:3] == [math.inf, -math.inf]


@pytest.mark.parametrize("text", [b"", b"{", b'"\\ud800"', b'[NaN, "\\udfff"]', b"[" * 100_000, b"\xff", b"nan"])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(InputError):
        read_json(text)
