from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from driftmeter.errors import InputError
from driftmeter.payloads.body import read_answer, read_request
from driftmeter.payloads.seldon import is_seldon


def request_of(content: Any) -> Any:
    return read_request(json.dumps(content).encode())


def test_rows_have_the_names_of_the_message() -> None:
    table = request_of({"data": {"names": ["a", "b"], "ndarray": [[1, "x"], [None, "y"]]}, "meta": {"puid": "1"}})
    assert table.named(["other", "order"]) == {"a": [1, None], "b": ["x", "y"]}


@pytest.mark.parametrize("names", [None, []])
def test_rows_without_names_are_in_the_order_of_the_model(names: list[str] | None) -> None:
    table = request_of({"data": {"names": names, "ndarray": [[1, 2], [3, 4]]}})
    assert table.named(["a", "b"]) == {"a": [1, 3], "b": [2, 4]}


@pytest.mark.parametrize("shape", [[2, 2], [4], [4, 1]])
def test_tensors_are_flat_and_their_shape_says_how_wide_they_are(shape: list[int]) -> None:
    table = request_of({"data": {"tensor": {"shape": shape, "values": [1.0, 2.0, 3.0, 4.5]}}})
    width = shape[1] if len(shape) == 2 else 1
    assert table.rows == shape[0]
    assert [column.tolist() for column in table.columns] == np.reshape([1.0, 2.0, 3.0, 4.5], (-1, width)).T.tolist()


def test_json_data_is_read_as_if_it_were_the_body() -> None:
    table = request_of({"jsonData": [{"age": 31, "city": "Ulm"}], "meta": {}})
    assert table.named(None) == {"age": [31], "city": ["Ulm"]}
    tensors = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1.5]}]}
    assert request_of({"jsonData": tensors}).names == ("x",)
    answer = read_answer(json.dumps({"jsonData": {"predictions": [0.5]}, "meta": {}}).encode())
    assert answer.columns == ([0.5],)


def test_a_plain_row_with_a_column_of_a_similar_name_stays_a_row() -> None:
    assert request_of({"data": 3.5, "strData": "x", "age": 3}).names == ("data", "strData", "age")
    assert not is_seldon([{"data": {}}])


@pytest.mark.parametrize(
    ("content", "where", "got"),
    [
        ({"strData": "1,2"}, "body.data", "strData, whose meaning only the model knows"),
        ({"binData": "AA=="}, "body.data", "binData, whose meaning only the model knows"),
        ({"data": {"tftensor": {}}}, "body.data", "tftensor, which needs TensorFlow to be read"),
        ({"data": {"ndarray": 3}}, "body.data.ndarray", "a number (3)"),
        ({"data": {"names": "ab", "ndarray": [[1, 2]]}}, "body.data.names", "text ('ab')"),
        ({"data": {"names": ["a", "a"], "ndarray": [[1, 2]]}}, "body.data.names", "'a' twice"),
        ({"data": {"names": ["a"], "ndarray": [[1, 2]]}}, "body.data.ndarray[0]", "2"),
        ({"data": {"names": ["a"], "tensor": {"shape": [1, 2], "values": [1, 2]}}}, "body.data.tensor", "2"),
        ({"data": {"tensor": {"shape": [2, 2], "values": [1]}}}, "body.data.tensor.values", "1"),
        ({"data": {"tensor": {"shape": [1, 0], "values": []}}}, "body.data.tensor.shape", "0"),
        ({"data": {"tensor": {"shape": [1 << 70, 1], "values": [1]}}}, "body.data.tensor.values", "1"),
        ({"data": {"tensor": {"shape": [1, 1, 1], "values": [1]}}}, "body.data.tensor.shape", "[1, 1, 1]"),
        ({"data": {"tensor": {"shape": [-1, 1], "values": [1]}}}, "body.data.tensor.shape", "[-1, 1]"),
        ({"data": {"tensor": [1]}}, "body.data.tensor", "a list"),
    ],
)
def test_what_has_no_rows_is_refused_with_words(content: Any, where: str, got: str) -> None:
    with pytest.raises(InputError) as refused:
        request_of(content)
    assert (refused.value.field, refused.value.got) == (where, got)
