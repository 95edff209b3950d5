"""Rows as dumps of the Kafka topics of Seldon Core 1 and 2."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.served_rows import FEATURES, PREDICTION, ServedRows
from tests.support.written_logs.writing import Row, Writer, v2_answer, v2_request, values_of, write_lines


def seldon_1(folder: Path, rows: ServedRows) -> Path:
    """Write what `kcat -J` writes of version 1: headers in one array, the value as text."""

    def messages() -> Iterator[Row]:
        for number, (features, answers, time) in enumerate(rows.batches(5)):
            request = {"data": {"names": list(FEATURES), "ndarray": values_of(features)}, "meta": {}}
            answer = {"data": {"names": [PREDICTION], "tensor": {"shape": [len(answers), 1], "values": answers}}}
            for kind, body in (("response", answer), ("request", request)):
                headers = {
                    "type": f"io.seldon.serving.inference.{kind}",
                    "content-type": "application/json",
                    "modelid": "classifier",
                    "requestid": f"r-{number}",
                    "inferenceservicename": "flights",
                    "namespace": "seldon",
                    "endpoint": "default",
                }
                yield {
                    "topic": "seldon-log",
                    "partition": 0,
                    "offset": number,
                    "tstype": "create",
                    "ts": int(time.timestamp() * 1000),
                    "headers": [part for pair in headers.items() for part in pair],
                    "key": None,
                    "payload": json.dumps(body),
                }

    return write_lines(folder / "topic.jsonl", messages())


def seldon_2(folder: Path, rows: ServedRows) -> Path:
    """Write the topics of version 2, a file each, with values of protobuf in base64."""
    return _seldon_2(folder, rows, lambda body, key: base64.b64encode(message(body, key)).decode())


def seldon_2_json(folder: Path, rows: ServedRows) -> Path:
    """Write the same with values of JSON."""
    return _seldon_2(folder, rows, lambda body, key: body)


def _seldon_2(folder: Path, rows: ServedRows, value: Any) -> Path:
    for topic, key in (("inputs", "inputs"), ("outputs", "outputs")):
        records = []
        for number, (features, answers, time) in enumerate(rows.batches(50)):
            body = v2_request(features) if key == "inputs" else v2_answer(answers)
            records.append(
                {
                    "topic": f"seldon.seldon-mesh.model.flights.{topic}",
                    "key": f"0.flights.r-{number}",
                    "headers": {"pipeline": "flights", "x-request-id": f"r-{number}"},
                    "timestamp": int(time.timestamp() * 1000),
                    "value": value(body, key),
                }
            )
        write_lines(folder / f"{topic}.jsonl", records)
    return folder


def message(body: Row, key: str) -> bytes:
    """Return V2 JSON as protobuf, its values in lists by their type."""
    fields = _field(1, b"flights") + _field(3, b"1")
    for tensor in body[key]:
        values = tensor["data"]
        if tensor["datatype"] == "FP64":
            contents = _field(7, struct.pack(f"<{len(values)}d", *values))
        elif tensor["datatype"] == "BOOL":
            contents = _field(1, bytes(map(int, values)))
        else:
            contents = b"".join(_field(8, ("None" if value is None else value).encode()) for value in values)
        shape = b"".join(_varint(length) for length in tensor["shape"])
        parts = _field(1, tensor["name"].encode()) + _field(2, tensor["datatype"].encode()) + _field(3, shape)
        fields += _field(5, parts + _field(5, contents))
    return fields


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    parts = []
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


SELDON: dict[str, Writer] = {"1": seldon_1, "2": seldon_2, "2, JSON": seldon_2_json}
