"""Protobuf: `ModelInferRequest` and `ModelInferResponse` of the Open Inference Protocol, read without generated code.

Tensors come with `contents`, a list of values for each kind of number, or all together raw in `raw_input_contents` or
`raw_output_contents`. Numbers of fields are those of grpc_predict_v2.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from driftmeter.errors import InputError
from driftmeter.payloads.datatypes import text_or_bytes
from driftmeter.payloads.table import PayloadTable
from driftmeter.payloads.v2 import table_of_v2

_VARINT, _I64, _LEN, _I32 = 0, 1, 2, 5
_TENSORS, _RAW_INPUTS, _RAW_OUTPUTS = 5, 7, 6
_SCHEMA_MARK = 6
"""Bytes of a schema registry before the message: 0, a schema's id of four bytes, and an index."""


def rows_of_protobuf(body: bytes, field: str, *, answer: bool) -> PayloadTable:
    """Return the rows of a request, or of an answer. Raises InputError where the bytes are none."""
    if len(body) >= _SCHEMA_MARK and body[0] == 0:
        body = body[_SCHEMA_MARK:]
    tensors, raw = [], []
    try:
        for number, value in _fields(memoryview(body)):
            if number == _TENSORS and isinstance(value, memoryview):
                tensors.append(_tensor(value))
            elif number == (_RAW_OUTPUTS if answer else _RAW_INPUTS) and isinstance(value, memoryview):
                raw.append(bytes(value))
    except (IndexError, ValueError, struct.error) as error:
        raise InputError(field, "a request or an answer of V2 in protobuf", str(error)[:80] or "other bytes") from error
    if not tensors:
        raise InputError(field, "tensors", "none in these bytes")
    if raw:
        if len(raw) != len(tensors):
            raise InputError(field, f"raw contents of {len(tensors)} tensors", f"of {len(raw)}")
        for tensor, content in zip(tensors, raw, strict=True):
            tensor.pop("data", None)
            tensor["parameters"] = {"binary_data_size": len(content)}
    key = "outputs" if answer else "inputs"
    return table_of_v2({key: tensors}, key, memoryview(b"".join(raw)), field)


def _tensor(message: memoryview) -> dict[str, Any]:
    tensor: dict[str, Any] = {"name": "", "datatype": "", "shape": []}
    for number, value in _fields(message):
        if number in (1, 2) and isinstance(value, memoryview):
            tensor["name" if number == 1 else "datatype"] = bytes(value).decode()
        elif number == 3:
            tensor["shape"] += list(_varints(value)) if isinstance(value, memoryview) else [value]
        elif number == 5 and isinstance(value, memoryview):
            tensor["data"] = _contents(value)
    return tensor


def _contents(message: memoryview) -> list[Any]:
    """Return the values of a tensor, whichever of the lists they are in."""
    values: list[Any] = []
    for number, value in _fields(message):
        if number == 8 and isinstance(value, memoryview):
            values.append(text_or_bytes(bytes(value)))
        elif number in (6, 7):
            code, size = ("f", 4) if number == 6 else ("d", 8)
            packed = bytes(value) if isinstance(value, memoryview) else value.to_bytes(size, "little")
            values += struct.unpack(f"<{len(packed) // size}{code}", packed)
        else:
            numbers = list(_varints(value)) if isinstance(value, memoryview) else [value]
            values += map(bool, numbers) if number == 1 else map(_signed, numbers) if number in (2, 3) else numbers
    return values


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Yield the number and value of each field: bytes, or the bits of a number. Raises IndexError or ValueError."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == _LEN:
            length, place = _varint(message, place)
        else:
            length = {_I64: 8, _I32: 4}.get(kind, -1)
        if length < 0 or place + length > len(message):
            raise ValueError("a field that is longer than the message")
        part = message[place : place + length]
        place += length
        yield number, part if kind == _LEN else int.from_bytes(part, "little")


def _varints(packed: memoryview) -> Iterator[int]:
    place = 0
    while place < len(packed):
        value, place = _varint(packed, place)
        yield value


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than ten bytes")
