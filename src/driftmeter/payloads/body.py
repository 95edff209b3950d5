"""The body of a request to a model, or of its answer: what it is, is read off its bytes.

The Content-Type says little: tritonclient sends none, KServe's agent gives an answer the type of its request, and on
the way through a broker the headers for compression and for the length of the JSON are lost.
"""

from __future__ import annotations

from typing import Any

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.payloads.compressed import MOST_BYTES, inflate
from driftmeter.payloads.json_bodies import table_of_answer, table_of_request
from driftmeter.payloads.json_text import read_json
from driftmeter.payloads.seldon import JSON_DATA, is_seldon, table_of_seldon
from driftmeter.payloads.table import PayloadTable
from driftmeter.payloads.v2 import is_v2, table_of_v2
from driftmeter.payloads.v2_binary import split_body

_EMPTY = memoryview(b"")


def read_request(
    body: bytes, *, json_length: int | None = None, field: str = "body", most: int = MOST_BYTES
) -> PayloadTable:
    """Return the rows of a request: V1, V2 with or without binary tensors, MLflow's forms, Seldon's, or plain rows.

    `json_length` is the length of the JSON of a binary V2 body, if known. gzip and zlib may inflate to `most`
    bytes. Raises InputError naming the part at fault.

    >>> read_request(b'{"instances": [[1.5, "Ulm"]]}').named(["age", "city"])
    {'age': [1.5], 'city': ['Ulm']}
    """
    content, tail = decode_body(body, json_length=json_length, field=field, most=most)
    return request_of(content, tail, field)


def read_answer(
    body: bytes, *, json_length: int | None = None, field: str = "body", most: int = MOST_BYTES
) -> PayloadTable:
    """Return the rows of an answer, in the same forms: its columns are one prediction, or several outputs.

    >>> read_answer(b'{"predictions": [0.5, 0.75]}')
    PayloadTable(columns=([0.5, 0.75],), names=None, rows=2)
    """
    content, tail = decode_body(body, json_length=json_length, field=field, most=most)
    return answer_of(content, tail, field)


def request_of(content: Any, tail: memoryview = _EMPTY, field: str = "body") -> PayloadTable:
    """Return the rows of decoded JSON and the bytes after it. Raises InputError naming the part at fault."""
    return _table_of(content, tail, "inputs", field)


def answer_of(content: Any, tail: memoryview = _EMPTY, field: str = "body") -> PayloadTable:
    """Return the rows of a decoded answer likewise."""
    return _table_of(content, tail, "outputs", field)


def decode_body(
    body: bytes, *, json_length: int | None = None, field: str = "body", most: int = MOST_BYTES
) -> tuple[Any, memoryview]:
    """Return the decoded JSON of a body and the bytes after it, which only V2 has. Raises InputError at `field`."""
    body = inflate(body, most, field)
    if json_length is not None:
        return split_body(body, json_length, field)
    try:
        return read_json(body, field), _EMPTY
    except InputError:
        if not body.lstrip().startswith(b"{"):
            raise
        content, tail = split_body(body, None, field)
        if not is_v2(content, "inputs") and not is_v2(content, "outputs"):
            raise
        return content, tail


def _table_of(content: Any, tail: memoryview, key: str, field: str) -> PayloadTable:
    if is_seldon(content) and not len(tail):
        if JSON_DATA not in content:
            return table_of_seldon(content, field)
        content, field = content[JSON_DATA], f"{field}.{JSON_DATA}"
    if is_v2(content, key):
        return table_of_v2(content, key, tail, field)
    if len(tail):
        raise InputError(field, "nothing after the JSON, unless it describes tensors", f"{len(tail)} bytes")
    if isinstance(content, dict) and "error" in content and key == "outputs":
        raise InputError(field, "an answer with predictions", f"an error: {describe(content['error'])}")
    return (table_of_request if key == "inputs" else table_of_answer)(content, field)
