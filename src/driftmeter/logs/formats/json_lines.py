"""Plain JSON lines: an object a row, its keys the names of the columns."""

from __future__ import annotations

from collections.abc import Iterator

from driftmeter.logs.events import LogEvent
from driftmeter.logs.protocol import LogSample
from driftmeter.logs.reading import LogReading
from driftmeter.payloads.table import PayloadTable


class JsonLines:
    """Objects, a line each or in one array; features, prediction and time are columns as in any table."""

    name, title = "json-lines", "JSON lines"

    def recognise(self, sample: LogSample) -> str | None:
        """Take any objects: asked last."""
        return "an object a line, its keys as columns" if sample.records else None

    def read(self, reading: LogReading) -> Iterator[LogEvent]:
        """Yield a row for each object."""
        for where, record, _ in reading.records():
            yield LogEvent(where, features=PayloadTable(tuple([value] for value in record.values()), tuple(record), 1))
