from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.counts.rows import Reader
from driftmeter.errors import InputError
from driftmeter.payloads.body import read_answer, read_request
from driftmeter.payloads.datatypes import BF16, BOOL, BYTES, DTYPES
from driftmeter.profile.profile import Profile
from tests.payloads.messages import plain

NUMPY = {name: dtype for name, dtype in DTYPES.items() if name not in (BOOL, BF16)}


def tensor(name: str, shape: list[int], datatype: str, data: Any = None, **parameters: Any) -> dict[str, Any]:
    described: dict[str, Any] = {"name": name, "shape": shape, "datatype": datatype}
    if data is not None:
        described["data"] = data
    return {**described, "parameters": parameters} if parameters else described


def body_of(*tensors: dict[str, Any], tail: bytes = b"", **rest: Any) -> bytes:
    return json.dumps({"inputs": tensors, **rest}).encode() + tail


def elements(*texts: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def columns_of(body: bytes, **options: Any) -> dict[str, list[Any]]:
    table = read_request(body, **options)
    names = table.names or tuple(f"#{index}" for index in range(len(table.columns)))
    return {name: plain(column) for name, column in zip(names, table.columns, strict=True)}


def refusal(body: bytes, **options: Any) -> InputError:
    with pytest.raises(InputError) as refused:
        read_request(body, **options)
    return refused.value


@pytest.mark.parametrize("datatype", NUMPY)
@pytest.mark.parametrize("shape", [[3], [3, 1], [1, 3], [0], [2, 3]])
def test_numbers_are_the_same_in_json_and_in_bytes(datatype: str, shape: list[int]) -> None:
    values = np.arange(np.prod(shape), dtype=NUMPY[datatype])
    raw = body_of(tensor("x", shape, datatype, binary_data_size=values.nbytes), tail=values.tobytes())
    text = body_of(tensor("x", shape, datatype, values.tolist()))
    nested = body_of(tensor("x", shape, datatype, values.reshape(shape).tolist()))
    assert columns_of(raw) == columns_of(text) == columns_of(nested)
    by_column = values.reshape(shape[0], -1).T.tolist() if values.size else [[]]
    assert list(columns_of(raw).values()) == by_column


@pytest.mark.parametrize("datatype", NUMPY)
def test_numbers_become_arrays_of_their_own_type(datatype: str) -> None:
    limits = np.finfo if NUMPY[datatype].kind == "f" else np.iinfo
    values = np.array([limits(NUMPY[datatype]).min, limits(NUMPY[datatype]).max], NUMPY[datatype])
    (column,) = read_request(
        body_of(tensor("x", [2], datatype, binary_data_size=values.nbytes), tail=values.tobytes())
    ).columns
    assert isinstance(column, np.ndarray)
    assert column.dtype == (np.float32 if datatype == "FP16" else NUMPY[datatype])
    assert column.tolist() == values.tolist()


def test_booleans_are_booleans_whatever_their_byte_is() -> None:
    assert columns_of(body_of(tensor("b", [3], BOOL, binary_data_size=3), tail=b"\0\1\2")) == {"b": [False, True, True]}
    assert columns_of(body_of(tensor("b", [3], BOOL, [False, True, None]))) == {"b": [False, True, None]}


def test_bf16_is_the_upper_half_of_a_float() -> None:
    numbers = np.array([1.0, -2.5, 3.140625, np.inf], "<f4")
    halves = (numbers.view("<u4") >> 16).astype("<u2")
    body = body_of(tensor("h", [4], BF16, binary_data_size=8), tail=halves.tobytes())
    assert columns_of(body) == {"h": numbers.tolist()}


@given(st.lists(st.text()))
def test_texts_survive_in_bytes_but_for_the_words_of_python_for_nothing(texts: list[str]) -> None:
    tail = elements(*(text.encode() for text in texts))
    body = body_of(tensor("s", [len(texts)], BYTES, binary_data_size=len(tail)), tail=tail)
    expected = [None if text in ("None", "nan", "NaT", "<NA>") else text for text in texts]
    assert columns_of(body) == {"s": expected}


@pytest.mark.parametrize("word", ["None", "nan", "NaT", "<NA>"])
def test_the_words_of_python_for_nothing_are_missing_in_texts(word: str) -> None:
    assert columns_of(body_of(tensor("s", [2], BYTES, [word, "none"]))) == {"s": [None, "none"]}


def test_text_tables_of_several_columns_are_split_by_column() -> None:
    tail = elements(b"a", b"b", b"c", b"d")
    assert columns_of(body_of(tensor("s", [2, 2], BYTES, binary_data_size=len(tail)), tail=tail)) == {
        "#0": ["a", "c"],
        "#1": ["b", "d"],
    }


@given(st.data())
def test_tensors_by_name_hold_whatever_stands_before_them_in_the_tail(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(NUMPY)), min_size=1, max_size=6))
    rows = data.draw(st.integers(0, 5))
    arrays = [np.arange(rows).astype(NUMPY[name]) for name in names]
    described = [
        tensor(f"x{index}", [rows], name, binary_data_size=array.nbytes)
        for index, (name, array) in enumerate(zip(names, arrays, strict=True))
    ]
    body = body_of(*described, tail=b"".join(array.tobytes() for array in arrays))
    assert columns_of(body) == {f"x{index}": array.tolist() for index, array in enumerate(arrays)}


def test_a_tensor_of_several_columns_among_others_gives_numbered_ones() -> None:
    body = body_of(tensor("age", [2], "INT64", [31, 45]), tensor("point", [2, 2], "FP64", [1.5, 2.5, 3.5, 4.5]))
    assert columns_of(body) == {"age": [31, 45], "point[0]": [1.5, 3.5], "point[1]": [2.5, 4.5]}


def test_what_was_sent_counts_and_not_what_the_model_made_of_it() -> None:
    assert columns_of(body_of(tensor("x", [2], "INT64", [2.7, 1]))) == {"x": [2.7, 1]}
    large = [2**53 + 1, 2**63 - 1]
    assert columns_of(body_of(tensor("x", [2], "INT64", large))) == {"x": large}
    mixed = [2**53 + 1, 0.5]
    assert columns_of(body_of(tensor("x", [2], "INT64", mixed))) == {"x": mixed}
    assert columns_of(body_of(tensor("x", [2], "UINT64", [2**64 - 1, 2**64]))) == {"x": [2**64 - 1, 2**64]}
    assert columns_of(body_of(tensor("x", [2], "FP64", ["1", None]))) == {"x": ["1", None]}


def test_hints_say_how_texts_are_coded() -> None:
    assert columns_of(body_of(tensor("s", [2], BYTES, ["VWxt", None], content_type="base64"))) == {"s": ["Ulm", None]}
    for hint in ("str", "datetime", "pd", "np"):
        body = body_of(tensor("s", [1], BYTES, ["2026-01-01T00:00:00"]), parameters={"content_type": hint})
        assert columns_of(body) == {"s": ["2026-01-01T00:00:00"]}
    error = refusal(body_of(tensor("s", [2], BYTES, ["VWxt", "not base64"], content_type="base64")))
    assert (error.field, error.expected) == ("body.inputs[0] ('s').data[1]", "base64")


@pytest.mark.parametrize(
    ("described", "tail", "expected"),
    [
        (tensor("x", [3], "FP32", [1.0, 2.0]), b"", "3 values"),
        (tensor("x", [3], "FP32", [[1.0, 2.0, 3.0], 4.0]), b"", "3 values"),
        (tensor("x", [2, 2], "FP32", [[1.0, 2.0], 3.0]), b"", "values, or arrays"),
        (tensor("x", [2, 2], "FP32", [[1.0, 2.0], [3.0]]), b"", "4 values"),
        (tensor("x", [2], "FP32", binary_data_size=4), b"0000", "8 bytes"),
        (tensor("x", [2], "FP32", binary_data_size=8), b"0000", "8 bytes after"),
        (tensor("x", [1], "FP32", binary_data_size=4), b"00000", "4 bytes after"),
        (tensor("x", [1 << 40], "FP32", binary_data_size=4), b"0000", "at most"),
        (tensor("x", [1 << 33, 1 << 33], "FP32", binary_data_size=0), b"", "at most"),
        (tensor("x", [4_294_967_297], "INT32", binary_data_size=4), b"0000", "at most"),
        (tensor("x", [-1], "FP32", [1.0]), b"", "whole numbers"),
        (tensor("x", [True], "FP32", [1.0]), b"", "whole numbers"),
        (tensor("x", [1, 2, 3], "FP32", [0.0] * 6), b"", "[rows, columns]"),
        (tensor("x", [1, 10_001], "FP32", [0.0] * 10_001), b"", "at most 10000 columns"),
        (tensor("x", [1], "FP8", [1.0]), b"", "one of BOOL"),
        (tensor("x", [1], "FP32"), b"", "an array, or binary_data_size"),
        (tensor("x", [1], "FP32", binary_data_size=-4), b"", "a number of bytes"),
        (tensor("x", [1], "FP32", binary_data_size=True), b"0", "a number of bytes"),
        (tensor("x", [1], "FP32", shared_memory_region="a"), b"", "values in the body"),
        (tensor("s", [2], BYTES, binary_data_size=5), elements(b"a"), "2 elements"),
        (tensor("s", [1], BYTES, binary_data_size=5), b"\xff\xff\xff\xffa", "1 elements in 5"),
        (tensor("s", [1], BYTES, binary_data_size=6), elements(b"a") + b"b", "1 elements in 6"),
        (tensor("s", [1 << 30], BYTES, binary_data_size=5), elements(b"a"), "1073741824 elements"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_with_what_was_expected(
    described: dict[str, Any], tail: bytes, expected: str
) -> None:
    assert expected in refusal(body_of(described, tail=tail)).expected


def test_tensors_must_have_one_number_of_rows_and_different_names() -> None:
    assert refusal(body_of(tensor("a", [2], "FP32", [1, 2]), tensor("b", [1], "FP32", [1]))).expected.startswith(
        "2 rows"
    )
    assert "columns of different names" in refusal(body_of(*[tensor("a", [1], "FP32", [1])] * 2)).expected


def test_the_length_of_the_json_must_be_within_the_body() -> None:
    body = body_of(tensor("x", [1], "FP32", binary_data_size=4), tail=b"\0\0\0\0")
    assert columns_of(body, json_length=len(body) - 4) == {"x": [0.0]}
    assert refusal(body, json_length=len(body) + 1).got == str(len(body))
    assert refusal(body, json_length=3).expected == "JSON"


def test_the_end_of_the_json_is_found_by_reading_it() -> None:
    name = 'é"}]{\\'
    body = body_of(tensor(name, [1], "FP32", binary_data_size=4), tail=b'}"\xc3\x28')
    assert list(columns_of(body)) == [name]
    escaped = json.dumps({"inputs": [tensor(name, [1], "FP32", binary_data_size=4)]}, ensure_ascii=False).encode()
    assert list(columns_of(escaped + b"\xff\xff}}")) == [name]
    assert refusal(b'{"a": 1}\0\1').expected == "JSON"
    assert refusal(b"\x93NUMPY").expected == "JSON"


def test_an_answer_has_outputs_and_a_request_has_inputs() -> None:
    answer = json.dumps({"model_name": "m", "outputs": [tensor("y", [2, 1], "FP32", [0.25, 0.5])]}).encode()
    table = read_answer(answer)
    assert (table.names, table.rows) == (("y",), 2)


@pytest.mark.parametrize("position", range(8))
def test_raw_values_at_any_position_are_typed_like_others(position: int) -> None:
    profile = Profile.fit(pl.DataFrame({"x": [1.0, 2.0, 3.0], "n": [1, 2, 3], "c": ["a", "b", "a"]}), model="m")
    x, n, c = np.array([1.5, np.nan]), np.array([1, 3]), elements(b"a", b"None")
    body = body_of(
        tensor("odd", [2], "UINT8", binary_data_size=2),
        tensor("x", [2], "FP64", binary_data_size=16),
        tensor("n", [2], "INT64", binary_data_size=16),
        tensor("c", [2], BYTES, binary_data_size=len(c)),
        tail=b"\1\2" + x.tobytes() + n.tobytes() + c,
        id="i" * position,
    )
    reader = Reader(profile)
    rows, rejected, ignored = reader.read_columns(read_request(body).named(None))
    expected, _, _ = reader.read_records([{"x": 1.5, "n": 1, "c": "a"}, {"x": None, "n": 3, "c": None}])
    assert not rejected
    assert ignored == 2
    assert np.array_equal(rows.numbers, expected.numbers, equal_nan=True)
    assert np.array_equal(rows.codes, expected.codes)


def test_a_wide_tensor_is_typed_column_by_column() -> None:
    names = ["a", "b", "c"]
    profile = Profile.fit(pl.DataFrame({name: [1.0, 2.0, 3.0] for name in names}), model="m")
    values = np.arange(6, dtype="<f4").reshape(2, 3)
    body = body_of(tensor("input-0", [2, 3], "FP32", binary_data_size=24), tail=values.tobytes())
    rows, _, _ = Reader(profile).read_columns(read_request(body).named(names))
    assert rows.numbers.tolist() == values.tolist()
