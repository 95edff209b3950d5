"""A few bytes never stand for much memory, and no depth or number breaks the reader: rows, or an InputError."""

from __future__ import annotations

import base64
import json
import tracemalloc
import zlib
from typing import Any

import pytest

from driftmeter.errors import InputError
from driftmeter.payloads.body import read_request
from driftmeter.payloads.events import events_of
from driftmeter.payloads.table import MOST_COLUMNS

WIDE = MOST_COLUMNS + 1
MB = 1_000_000


def peak_of(body: bytes) -> tuple[int, InputError | None]:
    fault = None
    tracemalloc.start()
    try:
        read_request(body)
    except InputError as error:
        fault = error
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, fault


def test_texts_in_a_tensor_of_numbers_take_no_more_than_their_own_length() -> None:
    tensor = {"name": "a", "shape": [201], "datatype": "FP32", "data": ["x" * 100_000] + ["1"] * 200}
    peak, fault = peak_of(json.dumps({"inputs": [tensor]}).encode())
    assert fault is None
    assert peak < MB


def test_objects_that_have_no_keys_in_common_are_refused_before_their_table_is_built() -> None:
    peak, fault = peak_of(json.dumps([{f"k{row}": 1} for row in range(1_500)]).encode())
    assert fault is not None
    assert fault.expected == "objects that have their keys in common"
    assert peak < 3 * MB


def test_objects_that_have_few_of_many_keys_are_read() -> None:
    table = read_request(json.dumps([{f"k{row % 50}": 1} for row in range(1_500)]).encode())
    assert (len(table.columns), table.rows) == (50, 1_500)


@pytest.mark.parametrize(
    "content",
    [
        [[1] * WIDE],
        {"instances": [[1] * WIDE]},
        {"instances": [dict.fromkeys(map(str, range(WIDE)), 1)]},
        {"inputs": {str(column): [1] for column in range(WIDE)}},
        {"dataframe_split": {"columns": [*range(WIDE)], "data": [[1] * WIDE]}},
        {"dataframe_split": {"columns": [*range(WIDE)], "data": []}},
        dict.fromkeys(map(str, range(WIDE)), 1),
        {"data": {"ndarray": [[1] * WIDE]}},
    ],
)
def test_a_table_of_too_many_columns_is_refused_in_every_form(content: Any) -> None:
    with pytest.raises(InputError, match=rf"at most {MOST_COLUMNS} columns, got {WIDE}"):
        read_request(json.dumps(content).encode())


def test_what_is_said_of_columns_of_several_lengths_is_short() -> None:
    content = {"inputs": {"x" * 500 + str(column): [1] * (column % 7) for column in range(1_000)}}
    with pytest.raises(InputError, match="columns of one length") as refused:
        read_request(json.dumps(content).encode())
    assert len(refused.value.got) < 300


@pytest.mark.parametrize("levels", [*range(940, 1_010), 5_000, 100_000])
def test_json_of_any_depth_is_read_or_refused(levels: int) -> None:
    deep = "[" * levels + "]" * levels
    event = '{"specversion": "1.0", "id": "1", "type": "a.request", "x": "\\ud83d\\ude00", "y": %s, "data": %s}'
    messages = [
        ({}, event % ("NaN", deep)),
        ({}, event % (deep, "[[1]]")),
        ({"ce-type": "a.request", "ce-id": "1", "ce-metadata": deep}, "[[1]]"),
    ]
    for headers, body in messages:
        try:
            for read in events_of(headers, body.encode()):
                read.table()
        except InputError as error:
            assert error.expected == "JSON"  # noqa: PT017


def test_a_length_of_thousands_of_digits_is_no_length() -> None:
    (event,) = events_of({"ce-type": "a.request", "inference-header-content-length": "1" * 5_000}, b"[[1]]")
    assert event.json_length is None


def test_the_data_of_a_batch_inflates_to_no_more_than_one_message_may() -> None:
    bomb = base64.b64encode(zlib.compress(b" " * 400_000 + b"[[1]]")).decode()
    batch = [{"specversion": "1.0", "id": str(at), "type": "a.request", "data_base64": bomb} for at in range(100)]
    events = events_of({}, json.dumps(batch).encode(), MB)
    assert [event.fault is None for event in events] == [True, True, *[False] * 98]
    assert sum(len(event.content or b"") for event in events) < MB


def test_data_that_is_compressed_twice_is_refused() -> None:
    bomb = base64.b64encode(zlib.compress(zlib.compress(b"[[1]]"))).decode()
    event = {"specversion": "1.0", "id": "1", "type": "a.request", "data_base64": bomb}
    (read,) = events_of({}, json.dumps(event).encode(), MB)
    assert read.fault is not None
    assert read.fault.expected == "data compressed once"
