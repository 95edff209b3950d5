"""Records of calls: requests to a model and its answers, as serving systems write them to Kafka, joined to rows.

=============  ===================================================  ====================
form           a record is                                          joined by
=============  ===================================================  ====================
`cloudevents`  a CloudEvent, in headers `ce_…` or in its JSON:      `requestid`, or `id`
               KServe's agent and server, Seldon Core 1, MLServer
`seldon`       a message of Seldon Core 1 or 2, or of MLServer      `requestid`, or the
                                                                    key of the message
`kserve`       an object of KServe's logger                         component and `id`
=============  ===================================================  ====================

Both halves of a call must be in one partition, as they are where the sender uses the call's id as the key, or where the
topic has one. A profile without a prediction needs the requests alone, one of the prediction alone the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from driftmeter.counts.rows import Reader
from driftmeter.data.columns import Column
from driftmeter.errors import DriftmeterError, InputError
from driftmeter.kafka.records import NO_TIME, BadRecord, DecodedRun, RecordRun, RowsPart
from driftmeter.kafka.times import TimeRule
from driftmeter.logs.events import Rows as LogRows
from driftmeter.logs.formats.kserve import event_of as event_of_kserve
from driftmeter.logs.formats.kserve import lowered
from driftmeter.logs.formats.seldon import event_of as event_of_seldon
from driftmeter.logs.messages import KafkaMessage
from driftmeter.payloads.events import Side, events_of
from driftmeter.payloads.json_text import read_json
from driftmeter.payloads.table import PayloadTable
from driftmeter.profile.profile import Profile
from driftmeter.server.ingest.calls import needs_of, prediction_of
from driftmeter.timestamps import parse_time
from driftmeter.types import Milliseconds

FORMS = ("cloudevents", "seldon", "kserve")
_MOST_WAITING = 50_000


@dataclass(frozen=True)
class CallHalf:
    """One side of a call: its key, its own time, each None where it has none, and its rows."""

    side: Side
    key: str | None
    time: Milliseconds | None
    table: PayloadTable


@dataclass(frozen=True)
class _Waiting:
    half: CallHalf
    offset: int
    time: Milliseconds


class CallDecoder:
    """Decodes the records of one partition; requests wait for their answers, for as long as their pane is open."""

    def __init__(
        self,
        read: Callable[[RecordRun, int], Sequence[CallHalf]],
        reader: Reader,
        rule: TimeRule,
        lateness: Milliseconds,
        pane: Milliseconds,
        *,
        order: Sequence[str] | None = None,
        latest: Milliseconds = 0,
    ) -> None:
        """`read` returns the halves of a record, none where it is about something else; it raises InputError.

        `latest` is the latest time of a half before the first one that is read.
        """
        self._read, self._by_record = read, rule.field is None
        self._lateness, self._pane = lateness, pane
        self._order = order
        self._waiting: dict[str, _Waiting] = {}
        self.latest = latest
        self._ended = self._end_of(latest)
        self.count_by(reader)

    def count_by(self, reader: Reader) -> None:
        """Count by another profile from now on."""
        self._profile: Profile = reader.profile
        self._columns = tuple(self._order or reader.profile.model_columns)
        self._needs = needs_of(reader.profile)

    @property
    def waiting(self) -> int | None:
        """The first offset of a half that waits for its other one; None where none waits."""
        return min((one.offset for one in self._waiting.values()), default=None)

    def decode(self, run: RecordRun) -> DecodedRun:
        """See RecordDecoder."""
        decoded = DecodedRun()
        for position, value in enumerate(run.values):
            if value is None:
                decoded.without_rows += 1
                continue
            try:
                halves = self._read(run, position)
            except DriftmeterError as error:
                decoded.bad.append(BadRecord(position, str(error)))
                continue
            decoded.without_rows += not halves
            for half in halves:
                try:
                    self._take(half, run, position, decoded)
                except InputError as error:
                    decoded.bad.append(BadRecord(position, str(error)))
        return decoded

    def give_up(self) -> DecodedRun:
        """Return the requests that wait, without a prediction, as rows of the position 0: no answers are expected."""
        decoded = DecodedRun()
        for one in self._waiting.values():
            self._emit_alone(one, 0, decoded)
        self._waiting.clear()
        return decoded

    def _take(self, half: CallHalf, run: RecordRun, position: int, decoded: DecodedRun) -> None:
        needed = {"requests": "request", "answers": "answer"}.get(self._needs)
        if needed not in (None, half.side):
            decoded.without_rows += 1
            return
        time = run.stamp(position) if half.time is None or self._by_record else half.time
        if time == NO_TIME:
            raise InputError("time", "a time of the event or its record", "none")
        if needed is None and half.side == "request":
            self._request_columns(half.table)  # before it waits: what cannot be read is bad at once
        if needed is not None:
            columns = self._request_columns(half.table) if half.side == "request" else self._prediction(half.table)
            self._emit(columns, half.table.rows, time, run.offsets[position], position, decoded)
            return
        self.latest = max(self.latest, time)
        self._give_up_old(position, decoded)
        now = _Waiting(half, run.offsets[position], time)
        known = None if half.key is None else self._waiting.pop(half.key, None)
        if known is not None and known.half.side == half.side:  # the key is used again
            self._emit_alone(known, position, decoded)
            known = None
        if known is None:
            if half.key is None:
                self._emit_alone(now, position, decoded)
            else:
                self._waiting[half.key] = now
                if len(self._waiting) > _MOST_WAITING:
                    self._emit_alone(self._waiting.pop(next(iter(self._waiting))), position, decoded)
            return
        request, answer = (known, now) if known.half.side == "request" else (now, known)
        try:
            if answer.half.table.rows != request.half.table.rows:
                expected = f"{request.half.table.rows} predictions, one for each row of the request"
                raise InputError("answer", expected, str(answer.half.table.rows))
            columns = {**self._request_columns(request.half.table), **self._prediction(answer.half.table)}
        except InputError:
            self._emit_alone(request, position, decoded)
            raise
        origin = min(request.offset, answer.offset)
        self._emit(columns, request.half.table.rows, request.time, origin, position, decoded)

    def _give_up_old(self, position: int, decoded: DecodedRun) -> None:
        """Count the requests whose pane is about to end without their prediction, and forget such answers."""
        ended = self._end_of(self.latest)
        if ended <= self._ended:
            return
        self._ended = ended
        for key, one in list(self._waiting.items()):
            if one.time // self._pane * self._pane + self._pane <= ended:
                del self._waiting[key]
                self._emit_alone(one, position, decoded)

    def _end_of(self, latest: Milliseconds) -> Milliseconds:
        """Return the end of the last pane that has ended."""
        return (latest - self._lateness) // self._pane * self._pane

    def _emit_alone(self, one: _Waiting, position: int, decoded: DecodedRun) -> None:
        if one.half.side == "answer":
            decoded.without_rows += 1
            return
        columns = self._request_columns(one.half.table)
        self._emit(columns, one.half.table.rows, one.time, one.offset, position, decoded)

    def _emit(
        self,
        columns: Mapping[str, Column],
        rows: int,
        time: Milliseconds,
        origin: int,
        position: int,
        decoded: DecodedRun,
    ) -> None:
        if not rows:
            decoded.without_rows += 1
            return
        times = np.full(rows, np.datetime64(time, "ms"))
        decoded.parts.append(RowsPart(columns, np.full(rows, position, np.intp), times))
        decoded.origin = origin if decoded.origin is None else min(decoded.origin, origin)

    def _request_columns(self, table: PayloadTable) -> dict[str, Column]:
        columns = table.named(self._columns, "request")
        prediction = self._profile.prediction_column
        given = {name: column for name, column in columns.items() if name != prediction}
        if columns and not any(name in self._columns for name in given):
            expected = "some of the columns " + ", ".join(self._columns[:5])
            raise InputError("request", expected, ", ".join(str(name)[:40] for name in list(columns)[:5]))
        return given

    def _prediction(self, table: PayloadTable) -> dict[str, Column]:
        return prediction_of(table, self._profile, "answer")


def halves_of_events(run: RecordRun, position: int) -> list[CallHalf]:
    """Return the halves of a CloudEvent, or of a batch of them. Raises InputError."""
    value = run.values[position]
    assert value is not None
    headers = {
        f"ce-{name[3:]}" if name.startswith("ce_") else name: text for name, text in run.headers(position).items()
    }
    halves = []
    for event in events_of(headers, value):
        table = event.table()
        if table is not None:
            halves.append(CallHalf(event.side, event.key, event.time, table))
    return halves


def halves_of_seldon(run: RecordRun, position: int) -> list[CallHalf]:
    """Return the half that a message of Seldon is; none where it is feedback. Raises InputError."""
    headers = {name.removeprefix("ce-").removeprefix("ce_"): text for name, text in run.headers(position).items()}
    if headers.get("type", "").endswith("feedback"):
        return []
    value, key = run.values[position], run.key(position)
    assert value is not None
    content: Any = value
    if value.lstrip()[:1] in (b"{", b"["):
        content = read_json(value, "value")
    named = None if key is None else key.decode("utf-8", "replace")
    _, event = event_of_seldon("value", KafkaMessage(run.topic, named, headers, None, content))
    return _half(event.key, None, event.features, event.predictions)


def halves_of_kserve(run: RecordRun, position: int) -> list[CallHalf]:
    """Return the half that an object of KServe's logger is; none where it is about the server. Raises InputError."""
    value = run.values[position]
    assert value is not None
    record = read_json(value, "value")
    if not isinstance(record, dict):
        raise InputError("value", "an object", type(record).__name__)
    named = lowered(record)
    event = event_of_kserve("value", named, None)
    if event is None:
        return []
    stated = named.get("occurrencetime")
    time = None if stated is None else parse_time(stated, "occurrenceTime")
    return _half(event.key, time, event.features, event.predictions)


READERS: Mapping[str, Callable[[RecordRun, int], Sequence[CallHalf]]] = {
    "cloudevents": halves_of_events,
    "seldon": halves_of_seldon,
    "kserve": halves_of_kserve,
}


def _half(
    key: str | None, time: Milliseconds | None, features: LogRows | None, predictions: LogRows | None
) -> list[CallHalf]:
    table = features if features is not None else predictions
    if not isinstance(table, PayloadTable):
        raise InputError("value", "rows of JSON, V2 or protobuf", "CSV")
    return [CallHalf("request" if features is not None else "answer", key, time, table)]
