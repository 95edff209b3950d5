"""KServe's logger with a blob sink: requests and answers as objects of JSON, CSV or Parquet.

Version 0.16 writes JSON with Go's names (`Bytes`, `ReqType`, `Id` …), 0.17 and later camelCase, an object or an array
of them, and 0.18 adds `occurrenceTime`; CSV and Parquet have the same columns and no time. `bytes` is the body in
base64, `reqType` ends in `request` or `response`, both of one call have the same `id`. Source: kserve/kserve,
pkg/logger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.logs.bodies import decoded, rows_of_bytes
from driftmeter.logs.events import LogEvent
from driftmeter.logs.joining import RecordJoiner
from driftmeter.logs.protocol import LogSample
from driftmeter.logs.reading import LogReading, content_of, key_of, text_field, time_of
from driftmeter.logs.records import Record
from driftmeter.payloads.status import is_status
from driftmeter.payloads.v2_binary import json_length_of

_KEYS = frozenset(["reqtype", "id"])
"""Of every record: empty fields are left out, `bytes` of a health check too."""
_COLUMNS = ("bytes", "reqType", "id", "component", "metadata", "occurrenceTime", "inferenceService", "contentType")
_LENGTH = "inference-header-content-length"


class KServe:
    """Objects that KServe's agent writes to S3, Google Cloud Storage or Azure."""

    name, title = "kserve", "KServe's logger"

    def recognise(self, sample: LogSample) -> str | None:
        """Look for the three names that matter, in either spelling."""
        if sample.names:
            found = _KEYS | {"bytes", "sourceuri"} <= {name.lower() for name in sample.names}
        else:
            records = [lowered(record).keys() for record in sample.records]
            found = any("bytes" in names for names in records) and all(names >= _KEYS for names in records)
        return "bytes, reqType and id in each record" if found else None

    def read(self, reading: LogReading) -> Iterator[LogEvent]:
        """Yield each request, joined with its answer by component and id."""
        joiner = RecordJoiner(reading.tally, answers=reading.columns.wants(reading.columns.prediction))
        for where, named, file in reading.records(_COLUMNS):
            record = lowered(named)
            time = time_of(record.get("occurrencetime"))
            if time is None and reading.columns.wants(reading.columns.time):
                time = file.written
                reading.say_once("Records have no time: that of their object is taken, when it was written.")
            try:
                event = event_of(where, record, time)
            except InputError as error:
                reading.tally.reject(where, error)
                continue
            if event is None:
                reading.tally.leave_out(where, "a call for health or metadata, without rows")
            else:
                yield from joiner.add(event)
        yield from joiner.rest()
        reading.notes.extend(joiner.notes())


def lowered(record: Mapping[str, Any]) -> Record:
    """Return a record with its names in lower case: versions spell them differently."""
    return {name.lower(): value for name, value in record.items()}


def event_of(where: str, record: Record, time: str | float | None) -> LogEvent | None:
    """Return what a record with names in lower case says; None where it is about the server. Raises InputError."""
    kind = str(record.get("reqtype"))
    answer = kind.endswith("response")
    if not answer and not kind.endswith("request"):
        raise InputError("reqType", "a type that ends in request or response", describe(record.get("reqtype")))
    body = decoded(text_field(record, "bytes") or "", "bytes")
    if not body or (answer and is_status(body)):
        return None
    rows = rows_of_bytes(body, "bytes", answer=answer, json_length=_json_length(record.get("metadata")))
    key = key_of(record.get("id"))
    key = None if key is None else f"{record.get('component') or ''} {key}"
    return LogEvent(where, key, time, features=None if answer else rows, predictions=rows if answer else None)


def _json_length(metadata: Any) -> int | None:
    """Return the length of the JSON of a binary body, where the logger was told to keep that header."""
    if not metadata:
        return None
    headers = content_of(metadata, "metadata")
    for name, value in headers.items() if isinstance(headers, dict) else ():
        if name.lower() == _LENGTH:
            text = str(value[0] if isinstance(value, list) and value else value)
            return json_length_of(text)
    return None
