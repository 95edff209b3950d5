"""Azure ML's data collector: inputs and outputs of a deployment, as JSON lines in a folder each.

A line is a structured CloudEvent: `{"specversion", "id", "source", "type": "azureml.inference.model_inputs", "time",
"data": [{column: value}], "correlationid", "contentrange"?, "datainblob"?}`. Requests that are near in time share a
line, and its correlationid: their rows are joined by position. Payload logging has the types `request` and `response`,
and in `data` the body. Source: Azure's documentation, "Collect production data from models deployed for real-time
inferencing".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.logs.bodies import rows_of_content
from driftmeter.logs.events import LogEvent
from driftmeter.logs.joining import RecordJoiner
from driftmeter.logs.protocol import LogSample
from driftmeter.logs.reading import LogReading, content_of, key_of, time_of
from driftmeter.logs.records import Record

_TYPE = "azureml.inference."
_INPUTS, _OUTPUTS = ("inputs", "input", "request", "inputs_outputs"), ("outputs", "output", "response")
_DATED = re.compile(r"(?:^|/)(\d{4}/.*)$")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class AzureML:
    """The data collector of Azure ML's online endpoints."""

    name, title = "azure-ml", "Azure ML data collector"

    def recognise(self, sample: LogSample) -> str | None:
        """Look for the type of the events."""
        types = {str(record.get("type")) for record in sample.records}
        if not types or not all(type_.startswith(_TYPE) for type_ in types):
            return None
        return f"events of the type {', '.join(sorted(types)[:3])}"

    def read(self, reading: LogReading) -> Iterator[LogEvent]:
        """Yield each line of inputs, joined with the line of outputs that has its correlationid."""
        reading.say_once(
            "Azure's collector rounds numbers to ten decimals, and writes infinity and NaN as null: they are missing."
        )
        # the same hour of inputs and outputs one after another, so that few lines wait for their other part
        reading.files.sort(key=lambda file: _place(file.relative))
        joiner = RecordJoiner(reading.tally, answers=reading.columns.wants(reading.columns.prediction))
        for where, record, _ in reading.records():
            try:
                event = _event_of(where, record)
            except InputError as error:
                reading.tally.reject(where, error)
                continue
            if event is None:
                reading.tally.leave_out(where, f"the collection {str(record.get('type')).removeprefix(_TYPE)!r}")
            else:
                yield from joiner.add(event)
        yield from joiner.rest()
        reading.notes.extend(joiner.notes())


def _place(path: str) -> str:
    dated = _DATED.search(path)
    return dated[1] if dated else path


def _event_of(where: str, record: Record) -> LogEvent | None:
    """Return what a line says; None where its collection is neither inputs nor outputs."""
    collection = str(record.get("type", "")).removeprefix(_TYPE).removeprefix("model_")
    if collection not in (*_INPUTS, *_OUTPUTS):
        return None
    if str(record.get("datainblob", "false")).lower() == "true":
        raise InputError("data", "rows in the line", "the address of a blob: more than 4 MB, or binary")
    whole = _RANGE.fullmatch(str(record.get("contentrange", "")))
    if whole is not None and (int(whole[1]) or int(whole[2]) + 1 != int(whole[3])):
        raise InputError("contentrange", "all bytes of the data", whole[0])
    if "data" not in record:
        raise InputError("data", "rows", describe(None))
    answer = collection in _OUTPUTS
    rows = rows_of_content(content_of(record["data"], "data"), "data", answer=answer)
    return LogEvent(
        where,
        key_of(record.get("correlationid"), record.get("xrequestid")),
        time_of(record.get("time")),
        features=None if answer else rows,
        predictions=rows if answer else None,
    )
