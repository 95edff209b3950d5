"""Triton's traces: what went into a model and came out of it, as text, where the level TENSORS is traced.

A file is one array: `{"id", "model_name", "request_id", "parent_id"?}` of each call, then `{"id", "timestamps"}`, and
`{"id", "activity", "tensor": {"name", "data", "shape", "dtype"}}` of each tensor. Numbers have six digits, one-byte
integers are written as raw characters, half floats not at all, and no time is one of the calendar. Source:
triton-inference-server/server, src/tracer.cc.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.logs.bodies import rows_of_content
from driftmeter.logs.events import LogEvent, Rows
from driftmeter.logs.protocol import LogSample
from driftmeter.logs.reading import LogReading
from driftmeter.logs.records import Record
from driftmeter.profile.values import number_of

_INPUTS, _OUTPUT = ("TENSOR_QUEUE_INPUT", "TENSOR_BACKEND_INPUT"), "TENSOR_BACKEND_OUTPUT"
_NOT_WRITTEN = {
    "FP16": "half floats, which Triton leaves out of traces",
    "BF16": "half floats, which Triton leaves out of traces",
    "INT8": "one-byte integers, which Triton writes as raw characters",
    "UINT8": "one-byte integers, which Triton writes as raw characters",
}


class Triton:
    """Traces of the Triton inference server in its own mode."""

    name, title = "triton", "Triton's trace"

    def recognise(self, sample: LogSample) -> str | None:
        """Look for the entries of a trace."""
        entries = [record for record in sample.records if "id" in record]
        traced = any(record.keys() & {"timestamps", "activity"} for record in entries)
        named = any("model_name" in record for record in entries)
        return "an id, timestamps and activities of tensors" if traced and named else None

    def read(self, reading: LogReading) -> Iterator[LogEvent]:
        """Yield an event for each traced call that no other call made."""
        reading.say_once(
            "Triton traces one call in `rate`, with numbers of six digits, and without a time of the calendar."
        )
        calls: dict[tuple[str, Any], tuple[str, list[Record]]] = {}
        inner: set[tuple[str, Any]] = set()
        for where, record, file in reading.records():
            if not isinstance(record.get("id"), int | str):
                reading.tally.reject(where, InputError("id", "the number of a call", describe(record.get("id"))))
                continue
            key = (file.address, record["id"])
            reading.tally.records -= key in calls  # a call is one record of ours
            if record.get("parent_id"):
                inner.add(key)
            calls.setdefault(key, (where, []))[1].append(record)
        for key, (where, entries) in calls.items():
            if key in inner:
                reading.tally.leave_out(where, "a call within another one")
                continue
            try:
                features = _tensors(entries, _INPUTS, "inputs")
                if features is None:
                    raise InputError("activity", "tensors (--trace-config level=TENSORS)", "timestamps alone")
                yield LogEvent(where, features=features, predictions=_tensors(entries, (_OUTPUT,), "outputs"))
            except InputError as error:
                reading.tally.reject(where, error)


def _tensors(entries: list[Record], activities: tuple[str, ...], key: str) -> Rows | None:
    """Return the tensors of the first of some activities that a call has."""
    for activity in activities:
        found = [entry.get("tensor") for entry in entries if entry.get("activity") == activity]
        if found:
            tensors = {str(tensor.get("name")): _tensor(tensor) for tensor in found if isinstance(tensor, dict)}
            return rows_of_content({key: list(tensors.values())}, key, answer=key == "outputs")
    return None


def _tensor(tensor: Record) -> Record:
    name, kind, text = str(tensor.get("name")), str(tensor.get("dtype")), tensor.get("data")
    if kind in _NOT_WRITTEN:
        raise InputError(name, "values that a trace holds", _NOT_WRITTEN[kind])
    if not isinstance(text, str):
        raise InputError(name, "values with commas between them", describe(text))
    cells = next(csv.reader([text]), [])
    try:
        shape = [int(length) for length in str(tensor.get("shape")).split(",")]
        values: list[Any] = cells if kind == "BYTES" else [number_of(cell) for cell in cells]
    except ValueError as error:
        raise InputError(name, "numbers", str(error)[:80]) from error
    if kind == "BOOL":
        values = [bool(value) for value in values]
    elif "INT" in kind:
        values = [int(value) for value in values]
    return {"name": name, "shape": shape, "datatype": kind, "data": values}
