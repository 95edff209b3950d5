"""Plain JSON lines: an object a row, its keys the names of the columns, or the body of a request a line."""

from __future__ import annotations

from collections.abc import Iterator

from driftmeter.errors import InputError
from driftmeter.logs.bodies import rows_of_content
from driftmeter.logs.events import LogEvent
from driftmeter.logs.protocol import LogSample
from driftmeter.logs.reading import LogReading
from driftmeter.logs.records import Record
from driftmeter.payloads.table import PayloadTable

_BODIES = frozenset(["instances", "dataframe_split", "dataframe_records"])
"""Keys of the bodies of requests, V1 and MLflow."""


class JsonLines:
    """Objects, a line each or in one array; features, prediction and time are columns as in any table."""

    name, title = "json-lines", "JSON lines"

    def recognise(self, sample: LogSample) -> str | None:
        """Take any objects: asked last."""
        return "an object a line, its keys as columns" if sample.records else None

    def read(self, reading: LogReading) -> Iterator[LogEvent]:
        """Yield a row for each object."""
        for where, record, _ in reading.records():
            if _BODIES.isdisjoint(record):
                yield _row(where, record)
                continue
            try:
                answer = {"predictions": record["predictions"]} if "predictions" in record else None
                request = {name: value for name, value in record.items() if name != "predictions"}
                features = rows_of_content(request, "record", answer=False)
                predictions = None if answer is None else rows_of_content(answer, "record", answer=True)
            except InputError as error:
                reading.tally.reject(where, error)
            else:
                yield LogEvent(where, features=features, predictions=predictions)


def _row(where: str, record: Record) -> LogEvent:
    return LogEvent(where, features=PayloadTable(tuple([value] for value in record.values()), tuple(record), 1))
