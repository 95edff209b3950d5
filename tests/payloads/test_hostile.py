"""Whatever bytes come: rows, or an InputError that names the part at fault."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftmeter.errors import InputError
from driftmeter.payloads.body import read_answer, read_request
from driftmeter.payloads.events import events_of
from tests.payloads.messages import REAL, json_length, message

NAMES = sorted(path.stem for path in REAL.glob("*.http"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
KEYS = [
    "inputs",
    "outputs",
    "instances",
    "predictions",
    "data",
    "jsonData",
    "dataframe_split",
    "error",
    "names",
    "ndarray",
]
KEYS += ["tensor", "shape", "values", "name", "datatype", "parameters", "binary_data_size", "columns", "model_name"]
WORDS = st.sampled_from([*KEYS, "FP32", "BYTES", "BOOL", "BF16", "base64"])
LIKELY = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


def read_all(headers: dict[str, str], body: bytes) -> None:
    length = None
    with suppress(ValueError):
        length = json_length(headers)
    for read in (read_request, read_answer):
        for known in {None, length}:
            with suppress(InputError):
                check(read(body, json_length=known, most=1_000_000))
    with suppress(InputError):
        for event in events_of(headers, body, 1_000_000):
            event.models()
            with suppress(InputError):
                check(event.table(1_000_000))


def check(table: Any) -> None:
    if table is not None:
        assert all(len(column) == table.rows for column in table.columns)
        assert table.names is None or len(set(table.names)) == len(table.names) == len(table.columns)


@pytest.mark.parametrize("name", NAMES)
def test_damaged_messages_of_real_programs_are_read_or_refused(name: str) -> None:
    chance = random.Random(name)
    headers, body = message(name)
    for _ in range(150):
        damaged = bytearray(body)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(damaged) + 1)
            match chance.randrange(4):
                case 0 if at < len(damaged):
                    damaged[at] = chance.randrange(256)
                case 1:
                    del damaged[at : at + chance.randrange(1, 9)]
                case 2:
                    damaged[at:at] = chance.choice(
                        [b"[", b"{", b"0", b"9" * 20, b"null", b'"', b"-", b"\xff", b"1e999"]
                    )
                case _:
                    damaged[at : at + 1] = damaged[at : at + 1] * 3
        read_all(headers, bytes(damaged))


@given(LIKELY | JSON)
def test_any_json_is_read_or_refused(content: Any) -> None:
    read_all({}, json.dumps(content).encode())


@st.composite
def tensors(draw: st.DrawFn) -> tuple[list[dict[str, Any]], bytes]:
    """Return tensors of two rows that fit, but for a key or two, and their bytes."""
    described, tail = [], b""
    for _ in range(draw(st.integers(1, 3))):
        datatype, size = draw(st.sampled_from([("FP32", 8), ("INT8", 2), ("BYTES", 9), ("BOOL", 2)]))
        one: dict[str, Any] = {"name": draw(st.sampled_from("abc")), "shape": [2], "datatype": datatype}
        if draw(st.booleans()):
            one["parameters"], tail = {"binary_data_size": size}, tail + b"\1\0\0\0a\0\0\0\0"[:size]
        else:
            one["data"] = [1, 0]
        if draw(st.integers(0, 2)) == 0:
            one[draw(st.sampled_from(["name", "shape", "datatype", "parameters", "data"]))] = draw(LIKELY)
        described.append(one)
    return described, tail


@settings(max_examples=400)
@given(tensors())
def test_tensors_that_nearly_fit_are_read_or_refused(content: tuple[list[dict[str, Any]], bytes]) -> None:
    described, tail = content
    for key in ("inputs", "outputs"):
        read_all({}, json.dumps({key: described}).encode() + tail)


@given(st.dictionaries(st.sampled_from(["ce-type", "ce-id", "ce-time", "ce-metadata", "ce-requestid", "x"]), st.text()))
def test_any_headers_are_read_or_refused(headers: dict[str, str]) -> None:
    read_all(headers, b'{"instances": [[1]]}')


@given(st.lists(LIKELY, max_size=3))
def test_any_batch_is_read_or_refused(events: list[Any]) -> None:
    read_all({}, json.dumps([{"specversion": "1.0", "type": "request", "data": event} for event in events]).encode())
