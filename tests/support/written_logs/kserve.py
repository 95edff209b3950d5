"""Rows as the objects that KServe's logger writes to a blob store, by its source."""

from __future__ import annotations

import base64
import csv
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from tests.support.served_rows import ServedRows
from tests.support.written_logs.writing import Row, Writer, instances, predictions, v2_answer, v2_request

_NAMES = (
    *("url", "bytes", "contentType", "reqType", "id", "sourceUri", "inferenceService", "namespace", "component"),
    *("endpoint", "metadata", "annotations", "certName", "tlsSkipVerify"),
)
_TYPE = "org.kubeflow.serving.inference."
_URL = {"Scheme": "s3", "Opaque": "", "User": None, "Host": "logs", "Path": "/flights", "RawQuery": "", "Fragment": ""}
Body = Callable[[Any, Any], tuple[bytes, bytes]]


def v1(features: Any, answers: Any) -> tuple[bytes, bytes]:
    """Return bodies of V1."""
    return json.dumps(instances(features)).encode(), json.dumps(predictions(answers)).encode()


def v2(features: Any, answers: Any) -> tuple[bytes, bytes]:
    """Return bodies of V2 in JSON, the request compressed."""
    return gzip.compress(json.dumps(v2_request(features)).encode()), json.dumps(v2_answer(answers)).encode()


def v2_binary(features: Any, answers: Any) -> tuple[bytes, bytes]:
    """Return bodies of V2 with tensors behind the JSON."""
    return _binary(v2_request(features), "inputs"), _binary(v2_answer(answers), "outputs")


def _binary(content: Row, key: str) -> bytes:
    tail = b""
    for tensor in content[key]:
        values = tensor.pop("data")
        if tensor["datatype"] == "FP64":
            raw = np.array(values, dtype="<f8").tobytes()
        else:
            texts = [("None" if value is None else value).encode() for value in values]
            raw = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
        tensor["parameters"] = {"binary_data_size": len(raw)}
        tail += raw
    return json.dumps(content).encode() + tail


def records(rows: ServedRows, at_once: int, body: Body) -> Iterator[tuple[str, Row]]:
    """Yield the id and the values of each request and answer; a health check is among them."""
    for number, (features, answers, time) in enumerate(rows.batches(at_once)):
        request, answer = body(features, answers)
        for kind, content in (("request", request), ("response", answer)):
            yield f"id-{number}", _record(f"id-{number}", kind, content, time)
        if number == 1:
            yield "health", _record("health", "request", b"", time)
            yield "health", _record("health", "response", b'{"ready":true}', time)


def _record(key: str, kind: str, body: bytes, time: Any) -> Row:
    return {
        "url": _URL,
        "bytes": base64.b64encode(body).decode(),
        "contentType": "application/json",
        "reqType": _TYPE + kind,
        "id": key,
        "sourceUri": _URL,
        "inferenceService": "flights",
        "namespace": "default",
        "component": "predictor",
        "endpoint": "",
        "metadata": {},
        "annotations": None,
        "certName": "",
        "tlsSkipVerify": False,
        "occurrenceTime": f"{time:%Y-%m-%dT%H:%M:%S}.123456789Z",
    }


def _base(folder: Path) -> Path:
    base = folder / "default" / "flights" / "predictor"
    base.mkdir(parents=True)
    return base


def with_go_names(folder: Path, rows: ServedRows) -> Path:
    """Write version 0.16: an object a file, with the names of Go's fields and without a time."""
    base = _base(folder)
    for key, record in records(rows, 500, v1):
        named = {name[0].upper() + name[1:]: value for name, value in record.items() if name != "occurrenceTime"}
        kind = record["reqType"].rpartition(".")[2]
        (base / f"{key}-{kind}.json").write_text(json.dumps(named))
    return folder


def _batched(body: Body) -> Writer:
    def write(folder: Path, rows: ServedRows) -> Path:
        base = _base(folder)
        every = list(records(rows, 50, body))
        for start in range(0, len(every), 40):  # the first record's id and type name a file that mixes both
            batch = [_without_empty(record) for _, record in every[start : start + 40]]
            (base / f"{every[start][0]}-request.json").write_text(json.dumps(batch))
        return folder

    return write


def _without_empty(record: Row) -> Row:
    return {name: value for name, value in record.items() if value not in ("", None, {}, False)}


def _texts(record: Row) -> Row:
    """Return a record as CSV and Parquet have it: the URL as text, the maps as JSON, no time."""
    flat = {"url": "s3://logs/flights", "sourceUri": "s3://logs/flights", "metadata": "{}", "annotations": ""}
    return {name: flat.get(name, record[name]) for name in _NAMES}


def as_csv(folder: Path, rows: ServedRows) -> Path:
    """Write CSV with a header, several records a file."""
    base = _base(folder)
    every = list(records(rows, 50, v1))
    for start in range(0, len(every), 200):
        with (base / f"{every[start][0]}-request.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, _NAMES)
            writer.writeheader()
            writer.writerows(_texts(record) for _, record in every[start : start + 200])
    return folder


def as_parquet(folder: Path, rows: ServedRows) -> Path:
    """Write Parquet, several records a file."""
    base = _base(folder)
    every = list(records(rows, 50, v2_binary))
    for start in range(0, len(every), 200):
        table = pa.Table.from_pylist([_texts(record) for _, record in every[start : start + 200]])
        parquet.write_table(table, base / f"{every[start][0]}-request.parquet")
    return folder


KSERVE: dict[str, Writer] = {
    "0.16": with_go_names,
    "0.18, V1": _batched(v1),
    "0.18, V2": _batched(v2),
    "0.18, V2 with binary tensors": _batched(v2_binary),
    "CSV": as_csv,
    "Parquet": as_parquet,
}
