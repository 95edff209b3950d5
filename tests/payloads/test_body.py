from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from driftmeter.errors import InputError
from driftmeter.payloads.body import read_answer, read_request
from driftmeter.payloads.compressed import inflate, is_compressed
from tests.payloads.messages import plain

NAMED = {"age": [31, 45], "city": ["Ulm", "Bonn"]}
ROWS = [{"age": 31, "city": "Ulm"}, {"age": 45, "city": "Bonn"}]
LISTS = [[31, "Ulm"], [45, "Bonn"]]
TENSORS = [
    {"name": "age", "shape": [2, 1], "datatype": "INT64", "data": [31, 45]},
    {"name": "city", "shape": [2], "datatype": "BYTES", "data": ["Ulm", "Bonn"]},
]
SAME = {
    "V1, objects": {"instances": ROWS},
    "V1, arrays": {"signature_name": "x", "instances": LISTS},
    "V1, columns": {"inputs": NAMED},
    "V2": {"inputs": TENSORS},
    "MLflow, split": {"dataframe_split": {"index": [0, 1], "columns": ["age", "city"], "data": LISTS}},
    "MLflow, records": {"dataframe_records": ROWS},
    "Seldon": {"data": {"names": ["age", "city"], "ndarray": LISTS}},
    "plain": ROWS,
    "plain, arrays": LISTS,
}
PACKED: dict[str, Callable[[bytes], bytes]] = {"as it is": bytes, "gzip": gzip.compress, "zlib": zlib.compress}


@pytest.mark.parametrize("form", SAME)
@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_the_same_rows_in_every_form_are_the_same_columns(form: str, pack: Callable[[bytes], bytes]) -> None:
    table = read_request(pack(json.dumps(SAME[form]).encode()))
    columns = table.named(["age", "city"])
    assert {name: plain(column) for name, column in columns.items()} == NAMED


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ({"predictions": [0.5, 0.25]}, None),
        ({"predictions": [[0.5], [0.25]]}, None),
        ({"outputs": [{"name": "y", "shape": [2], "datatype": "FP64", "data": [0.5, 0.25]}]}, ("y",)),
        ({"outputs": {"y": [0.5, 0.25]}}, ("y",)),
        ({"data": {"names": ["y"], "ndarray": [[0.5], [0.25]]}}, ("y",)),
        ([0.5, 0.25], None),
    ],
)
def test_the_same_predictions_in_every_form_are_one_column(content: Any, names: tuple[str, ...] | None) -> None:
    table = read_answer(json.dumps(content).encode())
    assert (table.names, [plain(column) for column in table.columns]) == (names, [[0.5, 0.25]])


def test_a_body_inflates_to_no_more_bytes_than_allowed() -> None:
    body = gzip.compress(b"[" + b" " * 10_000_000 + b"]")
    with pytest.raises(InputError, match="at most 1000000 bytes after decompression"):
        read_request(body, most=1_000_000)
    assert read_request(body, most=10_000_002).rows == 0


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_body_that_is_cut_off_or_damaged_is_refused(pack: Callable[[bytes], bytes]) -> None:
    body = pack(b'{"instances": [[1.5]]}')
    for damaged in (body[:-1], body[:9], body[:-5] + bytes([body[-5] ^ 1]) + body[-4:], body + b"more"):
        with pytest.raises(InputError) as refused:
            read_request(damaged)
        assert refused.value.field == "body"
    assert inflate(gzip.compress(b"a") + gzip.compress(b"b") + b"\0\0") == b"ab"
    with pytest.raises(InputError, match="16 members"):
        inflate(gzip.compress(b"a") * 17)


def test_no_array_or_object_begins_like_something_compressed() -> None:
    for first in range(256):
        for second in range(256):
            start = bytes([first, second, 0])
            assert not (is_compressed(start) and start.lstrip()[:1] in b"[{")


@pytest.mark.parametrize("body", [b"", b"  ", b"x", b"{", b'{"instances": [[1]]} x', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_payload_is_refused(body: bytes) -> None:
    with pytest.raises(InputError) as refused:
        read_request(body)
    assert refused.value.field == "body"


def test_an_error_is_no_prediction() -> None:
    with pytest.raises(InputError) as refused:
        read_answer(b'{"error": "no such model"}')
    assert refused.value.got == "an error: text ('no such model')"
