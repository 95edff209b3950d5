"""MLRun's model servers: the events that they push to a stream, as JSON lines or a dump of a Kafka topic.

`{"class", "worker", "model", "request": {"id", "inputs": [row]}, "op": "infer", "resp": {"outputs": [value]}, "when",
"microsec"}`; batched, `{"headers": [name], "values": [[value]]}` with the same names. Source: mlrun/mlrun,
mlrun/serving/v2_serving.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.logs.bodies import rows_of_content
from driftmeter.logs.events import LogEvent
from driftmeter.logs.messages import is_message, message_of
from driftmeter.logs.protocol import LogSample
from driftmeter.logs.reading import LogReading, time_of
from driftmeter.logs.records import Record

_KEYS = ("class", "worker", "model")
_ZONED = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$")


class MLRun:
    """Events of MLRun's V2 model servers."""

    name, title = "mlrun", "MLRun's stream of a model server"

    def recognise(self, sample: LogSample) -> str | None:
        """Look for what every event names, also within messages."""
        if not sample.records:
            return None
        for record in sample.records:
            try:
                event = _unwrapped(record)
            except InputError:
                return None
            if not isinstance(event, dict) or not set(_KEYS) <= event.keys():
                return None
            if event.keys().isdisjoint(("request", "values", "error")):
                return None
        return "class, worker, model and request in each record"

    def read(self, reading: LogReading) -> Iterator[LogEvent]:
        """Yield an event for each call; failed ones are left out."""
        for where, record, _ in reading.records():
            try:
                event = _unwrapped(record)
                if not isinstance(event, dict):
                    raise InputError("event", "an object", describe(event))
                if "error" in event:
                    reading.tally.leave_out(where, "a call that failed")
                    continue
                for call in _calls(event):
                    if call.get("op") not in ("infer", "predict", None):
                        reading.tally.leave_out(where, f"the operation {str(call['op'])[:40]!r}")
                    else:
                        yield _event_of(where, call)
            except InputError as error:
                reading.tally.reject(where, error)
        if reading.columns.wants(reading.columns.time):
            reading.say_once("MLRun's times that name no zone are read as UTC.")


def _unwrapped(record: Record) -> Any:
    return message_of(record).value if is_message(record) and "class" not in record else record


def _calls(event: Record) -> Iterator[Record]:
    values, headers = event.get("values"), event.get("headers")
    if values is None:
        yield event
        return
    if (
        not isinstance(values, list)
        or not isinstance(headers, list)
        or not all(isinstance(one, str) for one in headers)
    ):
        raise InputError("values", "arrays of values, and headers with their names", describe(values))
    for call in values:
        if not isinstance(call, list) or len(call) != len(headers):
            raise InputError("values", f"arrays of {len(headers)} values", describe(call))
        yield dict(zip(headers, call, strict=True))


def _event_of(where: str, call: Record) -> LogEvent:
    request, answer = call.get("request"), call.get("resp")
    if not isinstance(request, dict) or "inputs" not in request:
        raise InputError("request", "an object with inputs", describe(request))
    outputs = answer.get("outputs") if isinstance(answer, dict) else answer
    when = time_of(call.get("when"))
    return LogEvent(
        where,
        time=f"{when}Z" if isinstance(when, str) and not _ZONED.search(when) else when,
        features=rows_of_content({"inputs": request["inputs"]}, "request", answer=False),
        predictions=None if outputs is None else rows_of_content({"outputs": outputs}, "resp", answer=True),
    )
