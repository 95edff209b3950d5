"""SageMaker data capture: requests and answers of an endpoint as JSON lines, and ground truth beside them.

A line is `{"captureData": {"endpointInput": {"data", "encoding", "observedContentType"}, "endpointOutput"},
"eventMetadata": {"eventId", "inferenceId"?, "inferenceTime"}, "eventVersion": "0"}`; `data` is a string with rows of
CSV, with JSON, or with either in base64. Ground truth is `{"groundTruthData", "eventMetadata": {"eventId"}}`, its event
id the inference id where the client gave one. It lies in a folder of its own, or beside the captures; merged files have
`groundTruthData` beside `captureData`. Source: the
SageMaker developer guide, "Data capture" and "Ingest ground truth labels".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.logs.bodies import decoded, rows_of_text
from driftmeter.logs.events import CsvRows, LogEvent, Rows
from driftmeter.logs.joining import RecordJoiner
from driftmeter.logs.protocol import LogSample
from driftmeter.logs.reading import LogReading, key_of, time_of
from driftmeter.logs.records import Record, records_of
from driftmeter.logs.tally import RecordTally

_CAPTURE, _TRUTH = "captureData", "groundTruthData"


class SageMaker:
    """Data capture of SageMaker's endpoints."""

    name, title = "sagemaker", "SageMaker data capture"

    def recognise(self, sample: LogSample) -> str | None:
        """Look for the two objects that every line has."""
        return f"{_CAPTURE} and eventMetadata in each record" if _is_of(sample, _CAPTURE, _TRUTH) else None

    def read(self, reading: LogReading) -> Iterator[LogEvent]:
        """Yield an event a line; labels that are lines of their own are joined by the event's id."""
        if reading.columns.wants(reading.columns.time):
            reading.say_once("Times are those of the inference, in whole seconds.")
        unanswered = 0
        for event in _joined(reading):
            unanswered += event.predictions is None
            yield event
        if unanswered:
            reading.notes.append(f"{unanswered:,} records have no answer: their predictions count as missing")


def _joined(reading: LogReading) -> Iterator[LogEvent]:
    """Yield the captures, with the labels that lie in lines of their own where these are wanted."""
    labels = reading.columns.wants(reading.columns.label)
    apart = _LabelsApart.read(reading)
    joiner = RecordJoiner(reading.tally, answers=False, labels=labels and not apart)
    for where, record, _ in reading.records():
        try:
            event = _event_of(where, record)
        except InputError as error:
            reading.tally.reject(where, error)
            continue
        if event.features is None and event.labels is None:
            reading.tally.leave_out(where, "an answer without its request (only OUTPUT was captured)")
        elif apart and event.features is not None:
            yield apart.joined(event, reading.tally)
        elif labels:
            yield from joiner.add(event)
        elif event.features is None:
            reading.tally.leave_out(where, "ground truth, which is no feature")
        else:
            yield event
    yield from joiner.rest()
    apart.tell(reading)


@dataclass
class _LabelsApart:
    """Ground truth that lies apart from the captures: all of it is held, as text, since captures may come in any order.

    Of several labels of one event the last one counts: it is collected again where it was corrected.
    """

    parts: dict[str, tuple[str, Any]] = field(default_factory=dict)
    """Where each event's label is, and what it is."""
    used: set[str] = field(default_factory=set)
    without: int = 0
    """Captures that have no label."""

    @classmethod
    def read(cls, reading: LogReading) -> _LabelsApart:
        labels = cls()
        for file in reading.truth:
            for where, record in records_of(file, reading.tally):
                metadata, place = record.get("eventMetadata"), f"ground truth {where}"
                key = key_of(metadata.get("eventId")) if isinstance(metadata, dict) else None
                if key is None or _TRUTH not in record:
                    expected = f"{_TRUTH} and eventMetadata with an eventId"
                    reading.tally.reject(place, InputError("record", expected, describe(record)))
                else:
                    labels.parts[key] = place, record[_TRUTH]
        return labels

    def __bool__(self) -> bool:
        return bool(self.parts)

    def joined(self, event: LogEvent, tally: RecordTally) -> LogEvent:
        """Return a capture with its label; one that cannot be read is counted, and is missing."""
        where, part = self.parts.get(event.key or "", ("", None))
        if part is None:
            self.without += event.labels is None
            return event
        self.used.add(event.key or "")
        try:
            return replace(event, labels=_rows(part, _TRUTH, answer=True))
        except InputError as error:
            tally.reject(where, error)
            return event

    def tell(self, reading: LogReading) -> None:
        """Tell which captures have no label, and which labels no capture."""
        if self.parts and self.without:
            reading.notes.append(f"{self.without:,} records have no ground truth: their labels count as missing")
        for key, (where, _) in self.parts.items():
            if key not in self.used:
                reading.tally.leave_out(where, "ground truth without its capture")


def _is_of(sample: LogSample, *keys: str) -> bool:
    return bool(sample.records) and all(
        "eventMetadata" in record and any(key in record for key in keys) for record in sample.records
    )


def _event_of(where: str, record: Record) -> LogEvent:
    metadata, capture = record.get("eventMetadata") or {}, record.get(_CAPTURE) or {}
    if not isinstance(metadata, dict) or not isinstance(capture, dict) or not (capture or _TRUTH in record):
        raise InputError(_CAPTURE, "an object with endpointInput or endpointOutput", describe(record.get(_CAPTURE)))
    return LogEvent(
        where,
        key_of(metadata.get("inferenceId"), metadata.get("eventId")),
        time_of(metadata.get("inferenceTime")),
        _rows(capture.get("endpointInput"), f"{_CAPTURE}.endpointInput", answer=False),
        _rows(capture.get("endpointOutput"), f"{_CAPTURE}.endpointOutput", answer=True),
        _rows(record.get(_TRUTH), _TRUTH, answer=True),
    )


def _rows(part: Any, field: str, *, answer: bool) -> Rows | None:
    if part is None:
        return None
    data = part.get("data") if isinstance(part, dict) else None
    if not isinstance(data, str):
        raise InputError(f"{field}.data", "a text", describe(data))
    encoding = part.get("encoding")
    if encoding == "CSV":
        return CsvRows.of(data)
    if encoding == "JSON":
        return rows_of_text(data, field, answer=answer, csv=False)
    if encoding != "BASE64":
        raise InputError(f"{field}.encoding", "CSV, JSON or BASE64", describe(encoding))
    body = decoded(data, f"{field}.data")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        got = str(part.get("observedContentType"))[:60]
        raise InputError(f"{field}.data", "CSV or JSON in base64", f"bytes that are no text ({got})")
    return rows_of_text(text, field, answer=answer)
