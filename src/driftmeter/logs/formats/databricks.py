"""Databricks' inference tables: a row a request, in any of the three schemas, told apart by their columns.

============================  ===========================================  ==========================
schema                        id                                           time
============================  ===========================================  ==========================
legacy                        `databricks_request_id`                      `timestamp_ms`
of endpoints with AI Gateway  `databricks_request_id`                      `request_time`
of Unity AI Gateway (2026)    `invocation_id`                              `event_time`
============================  ===========================================  ==========================

All have `request` and `response` as JSON text, and `status_code`. Source: Databricks' documentation on inference
tables, and the tables themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.logs.bodies import rows_of_content
from driftmeter.logs.events import LogEvent
from driftmeter.logs.protocol import LogSample
from driftmeter.logs.reading import LogReading, content_of, time_of
from driftmeter.logs.records import Record

_IDS, _TIMES = ("databricks_request_id", "invocation_id"), ("timestamp_ms", "request_time", "event_time")
_COLUMNS = (*_IDS, *_TIMES, "request", "response", "status_code", "sampling_fraction")


class Databricks:
    """Inference tables of Databricks' model serving, as Delta, Parquet, CSV or JSON lines."""

    name, title = "databricks", "Databricks inference table"

    def recognise(self, sample: LogSample) -> str | None:
        """Look at the names of the columns."""
        tables = [sample.names] if sample.names else [frozenset(record) for record in sample.records]
        for names in tables:
            ids, times = [name for name in _IDS if name in names], [name for name in _TIMES if name in names]
            if ids and times and {"request", "response"} <= names:
                return f"the columns {ids[0]}, request, response and {times[0]}"
        return None

    def read(self, reading: LogReading) -> Iterator[LogEvent]:
        """Yield a request with its answer a row; rows of another status than 200 are left out."""
        fractions: set[float] = set()
        for where, record, _ in reading.records(_COLUMNS):
            status = record.get("status_code")
            if status is not None and str(status) not in ("200", "200.0"):
                reading.tally.leave_out(where, f"status {str(status)[:20]}")
                continue
            try:
                event = _event_of(where, record)
                fractions.add(_fraction(record.get("sampling_fraction")))
            except InputError as error:
                reading.tally.reject(where, error)
            else:
                yield event
        if fractions and min(fractions) < 1:
            shares = " to ".join(f"{share:.3g}" for share in sorted({min(fractions), max(fractions)}))
            reading.notes.append(f"The table holds a sample of the requests (sampling_fraction {shares})")


def _event_of(where: str, record: Record) -> LogEvent:
    request, response = record.get("request"), record.get("response")
    if request is None:
        raise InputError("request", "a body that was logged", "null: it was too large for the table")
    features = rows_of_content(content_of(request, "request"), "request", answer=False)
    answer = None if response is None else content_of(response, "response")
    return LogEvent(
        where,
        time=next((_time(name, record[name]) for name in _TIMES if record.get(name) is not None), None),
        features=features,
        predictions=None if answer is None else rows_of_content(answer, "response", answer=True),
    )


def _fraction(value: Any) -> float:
    try:
        return 1.0 if value is None else float(value)
    except (TypeError, ValueError) as error:
        raise InputError("sampling_fraction", "a number", describe(value)) from error


def _time(name: str, value: Any) -> str | float | None:
    if name != "timestamp_ms":
        return time_of(value)
    try:
        return int(value) / 1000
    except (TypeError, ValueError) as error:
        raise InputError(name, "milliseconds since the epoch", describe(value)) from error
