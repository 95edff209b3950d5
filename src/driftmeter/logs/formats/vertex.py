"""Vertex AI's request-response logs: tables of BigQuery, exported as Parquet or JSON lines.

A row has `logging_time`, `deployed_model_id`, and the repeated texts `request_payload` and `response_payload`: an
instance and a prediction each, as JSON, joined by position. Source: the API reference of Vertex AI, request-response
logging.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.logs.bodies import rows_of_content
from driftmeter.logs.events import LogEvent, Rows
from driftmeter.logs.protocol import LogSample
from driftmeter.logs.reading import LogReading, time_of
from driftmeter.payloads.json_text import read_json

_COLUMNS = ("logging_time", "request_payload", "response_payload", "deployed_model_id")


class Vertex:
    """Exports of the table `request_response_logging` of a Vertex AI endpoint."""

    name, title = "vertex", "Vertex AI request-response log"

    def recognise(self, sample: LogSample) -> str | None:
        """Look at the names of the columns."""
        wanted = set(_COLUMNS[:2])
        found = wanted <= sample.names or sample.share_with(*wanted)
        return "the columns logging_time and request_payload" if found else None

    def read(self, reading: LogReading) -> Iterator[LogEvent]:
        """Yield a request with its answer a row."""
        models: set[str] = set()
        for where, record, _ in reading.records(_COLUMNS):
            models.add(str(record.get("deployed_model_id")))
            try:
                yield LogEvent(
                    where,
                    time=time_of(record.get("logging_time")),
                    features=_rows(record.get("request_payload"), "request_payload", answer=False),
                    predictions=_rows(record.get("response_payload"), "response_payload", answer=True),
                )
            except InputError as error:
                reading.tally.reject(where, error)
        if len(models) > 1:
            reading.notes.append(f"The rows are of {len(models)} deployed models: {', '.join(sorted(models)[:5])}")


def _rows(payload: Any, field: str, *, answer: bool) -> Rows | None:
    if isinstance(payload, dict) and isinstance(payload.get("list"), list):  # BigQuery's Parquet
        payload = [item.get("element") if isinstance(item, dict) else item for item in payload["list"]]
    if answer and not payload:
        return None
    if not isinstance(payload, list):
        raise InputError(field, "an array of texts, one a row", describe(payload))
    elements = [_element(element, f"{field}[{position}]", answer) for position, element in enumerate(payload)]
    if len(elements) == 1 and isinstance(elements[0], dict) and elements[0].keys() & {"instances", "predictions"}:
        return rows_of_content(elements[0], field, answer=answer)  # the whole body in one text
    return rows_of_content({"predictions" if answer else "instances": elements}, field, answer=answer)


def _element(element: Any, field: str, answer: bool) -> Any:
    if not isinstance(element, str):
        return element
    try:
        return read_json(element, field)
    except InputError:
        if answer:  # a class by its name
            return element
        raise
