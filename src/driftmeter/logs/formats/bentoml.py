"""BentoML's monitor logs: a row a line, and a schema beside them that says which column is what.

`bentoml.monitor(NAME)` writes `NAME/data/data.N.log` (N is the worker), rotated to `data.N.log.2026-11-26`, with the
columns of the row, `timestamp` (of no zone), `request_id` and `trace_id`; and `NAME/schema/schema.N.log` with the role
and type of each column. The data of a monitor may hold rows of another one of the same process. Source:
bentoml/BentoML, src/bentoml/_internal/monitoring.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftmeter.errors import InputError
from driftmeter.logs.columns import LogColumns
from driftmeter.logs.events import LogEvent
from driftmeter.logs.protocol import LogSample
from driftmeter.logs.reading import LogReading, time_of
from driftmeter.logs.records import Record, records_of
from driftmeter.logs.sources import files_of_source, is_local
from driftmeter.logs.tally import RecordTally
from driftmeter.payloads.table import PayloadTable
from driftmeter.profile.values import number_of

_OWN = ("timestamp", "request_id", "trace_id")
_SCHEMA = re.compile(r"(?:^|/)schema\.\d+\.log[^/]*$")
_DATA = re.compile(r"(?:^|/)data\.\d+\.log[^/]*$")


@dataclass(frozen=True)
class _Monitor:
    """The columns of a monitor: their roles and types; without a schema none are known."""

    name: str
    columns: Mapping[str, tuple[str, str]]

    def own(self) -> tuple[str, ...]:
        """Return the names of BentoML's own columns: an underscore follows where the monitor has such a column."""
        names = []
        for name in _OWN:
            while name in self.columns:
                name += "_"
            names.append(name)
        return tuple(names)


class BentoML:
    """Files of BentoML's default monitor."""

    name, title = "bentoml", "BentoML's monitor log"

    def recognise(self, sample: LogSample) -> str | None:
        """Look for BentoML's own columns, or the names of its files."""
        if sample.share_with("meta_data", "columns"):
            return "its schema: meta_data and columns"
        rows = bool(sample.records) and all(_is_row(record) for record in sample.records)
        if rows and any(_DATA.search(file) for file in sample.files):
            return "the file's name, and timestamp and request_id in each record"
        return "timestamp, request_id and trace_id in each record" if rows and sample.share_with("trace_id") else None

    def read(self, reading: LogReading) -> Iterator[LogEvent]:
        """Yield a row a line, with what its schema says is the prediction or the label in that role."""
        monitors = list(_monitors(reading))
        monitor = _chosen(monitors, reading)
        time = monitor.own()[0]
        reading.files[:] = [file for file in reading.files if not _SCHEMA.search(file.relative)]
        if reading.columns.wants(reading.columns.time):
            reading.say_once(f"BentoML writes local times without a zone: they are read as {reading.columns.zone}.")
        for where, record, _ in reading.records():
            row = {name: value for name, value in record.items() if name not in monitor.own()}
            if not _belongs(row, monitor, reading.columns):
                reading.tally.leave_out(where, "a row of another monitor of the process")
                continue
            yield _event_of(where, row, time_of(record.get(time)), monitor, reading.columns)


def _is_row(record: Record) -> bool:
    request = record.get("request_id")
    return isinstance(request, str) and request.isdecimal() and isinstance(record.get("timestamp"), str)


def _monitors(reading: LogReading) -> Iterator[_Monitor]:
    """Yield the monitors whose schemas are in the source, or beside the file that is read."""
    files = [file for file in reading.files if _SCHEMA.search(file.relative)]
    if not files and is_local(reading.source):
        folder = Path(reading.files[0].address).parent.parent / "schema"
        files = (
            [file for file in files_of_source(str(folder)) if _SCHEMA.search(file.relative)] if folder.is_dir() else []
        )
    columns: dict[str, dict[str, tuple[str, str]]] = {}
    for file in files:
        known = columns.setdefault(Path(file.address).parent.parent.name, {})
        for _, record in records_of(file, RecordTally()):
            columns_ = record.get("columns")
            for column in columns_ if isinstance(columns_, list) else ():
                if isinstance(column, dict):
                    known[str(column.get("name"))] = (str(column.get("role")), str(column.get("type")))
    for name, known in columns.items():
        yield _Monitor(name, known)


def _chosen(monitors: list[_Monitor], reading: LogReading) -> _Monitor:
    """Return the monitor that has most of the profile's columns. Raises InputError where there is no telling."""
    if not monitors:
        reading.say_once("There is no schema beside the data: no column is known as the prediction but by its name.")
        return _Monitor("", {})
    wanted = reading.columns.wanted
    if wanted is None and len(monitors) > 1:
        names = ", ".join(monitor.name for monitor in monitors)
        raise InputError(reading.source, "the folder of one monitor", f"{len(monitors)}: {names}")
    return max(monitors, key=lambda monitor: len((wanted or frozenset()) & monitor.columns.keys()))


def _belongs(row: Record, monitor: _Monitor, columns: LogColumns) -> bool:
    """Say whether a row is of the monitor; by its columns, since its file may hold those of another one."""
    if monitor.columns:
        return row.keys() <= monitor.columns.keys()
    return columns.wanted is None or bool(row.keys() & columns.wanted)


def _event_of(where: str, row: Record, time: Any, monitor: _Monitor, columns: LogColumns) -> LogEvent:
    parts: dict[str, dict[str, Any]] = {"feature": {}, "prediction": {}, "target": {}}
    for name, value in row.items():
        role, kind = monitor.columns.get(name, ("feature", ""))
        if kind == "numerical" and isinstance(value, str):
            value = _number(value)
        parts.get(role, parts["feature"])[name] = value
    return LogEvent(
        where,
        time=time,
        features=_table(parts["feature"].items()),
        predictions=_table(parts["prediction"].items()) if parts["prediction"] else None,
        labels=_table(parts["target"].items()) if parts["target"] else None,
    )


def _number(text: str) -> Any:
    """Return the number that a text is: BentoML writes numpy's numbers as text. Any other text stays."""
    try:
        return number_of(text)
    except (ValueError, OverflowError):
        return text


def _table(values: Iterable[tuple[str, Any]]) -> PayloadTable:
    pairs = list(values)
    return PayloadTable(tuple([value] for _, value in pairs), tuple(name for name, _ in pairs), 1)
