"""Seldon Core's Kafka topics, copied to a file: versions 1 and 2, and MLServer's own.

Version 1 writes each request and answer with the headers `type` (`io.seldon.serving.inference.request` or
`…response`), `requestid` and `modelid`. Version 2 has the topics `….model.NAME.inputs` and `….outputs`, and one key
for both; its values are protobuf, which a dump keeps in base64, or JSON. Source: SeldonIO/seldon-core, executor/logger
and scheduler/pkg/kafka.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.logs.bodies import rows_of_bytes, rows_of_content
from driftmeter.logs.events import LogEvent, Rows
from driftmeter.logs.joining import RecordJoiner
from driftmeter.logs.messages import KafkaMessage, is_message, message_of
from driftmeter.logs.protocol import LogSample
from driftmeter.logs.reading import LogReading
from driftmeter.payloads.v2_protobuf import rows_of_protobuf

_TYPE = "io.seldon.serving."
_TOPIC = re.compile(r"(?:^|\.)(?:model|pipeline)\.(.+)\.(?:inputs|outputs)$|^mlserver-(?:input|output)$")
_ERRORS = re.compile(r"\.errors\.errors$")


def is_of_seldon(topic: str, headers: Mapping[str, str]) -> bool:
    """Say whether a message is one of Seldon's, by its topic or its headers."""
    kind = headers.get("type", "").startswith(_TYPE) or "seldon-infer-type" in headers
    return kind or _TOPIC.search(topic) is not None


class Seldon:
    """Dumps of the topics to which Seldon Core 1 and 2 log requests and answers."""

    name, title = "seldon", "Seldon's Kafka topics"

    def recognise(self, sample: LogSample) -> str | None:
        """Look at the headers and topics of messages."""
        if not sample.records or not all(is_message(record) for record in sample.records):
            return None
        try:
            messages = [message_of(record) for record in sample.records]
        except InputError:
            return None
        if all(message.headers.get("type", "").startswith(_TYPE) for message in messages):
            return f"messages whose header type begins with {_TYPE}"
        if all(_TOPIC.search(message.topic) or "seldon-infer-type" in message.headers for message in messages):
            return "messages of topics such as " + messages[0].topic[:80]
        return None

    def read(self, reading: LogReading) -> Iterator[LogEvent]:
        """Yield each request, joined with its answer by the key of the version."""
        joiner = RecordJoiner(reading.tally, answers=reading.columns.wants(reading.columns.prediction))
        models: set[str] = set()
        for where, record, _ in reading.records():
            try:
                message = message_of(record)
                if _ERRORS.search(message.topic):
                    reading.tally.leave_out(where, "an error of a pipeline")
                    continue
                if message.headers.get("type", "").endswith("feedback"):
                    reading.tally.leave_out(where, "feedback")
                    continue
                model, event = event_of(where, message)
            except InputError as error:
                reading.tally.reject(where, error)
                continue
            models.add(model)
            yield from joiner.add(event)
        yield from joiner.rest()
        reading.notes.extend(joiner.notes())
        if len(models) > 1:
            reading.notes.append(f"The messages are of {len(models)} models: {', '.join(sorted(models)[:5])}")


def event_of(where: str, message: KafkaMessage) -> tuple[str, LogEvent]:
    """Return the model that a message is of, and what it says. Raises InputError where it is none of Seldon's."""
    headers = message.headers
    kind = headers.get("type") or headers.get("seldon-infer-type") or message.topic
    answer = kind.lower().endswith(("response", "outputs", "output"))
    if not answer and not kind.lower().endswith(("request", "inputs", "input")):
        raise InputError("type", "a request or a response, by header or topic", describe(kind))
    topic = _TOPIC.search(message.topic)
    model = headers.get("modelid") or (topic[1] if topic and topic[1] else "") or headers.get("mlserver-model", "")
    key = headers.get("requestid") or message.key or headers.get("x-request-id")
    rows = _rows(message, answer=answer)
    event = LogEvent(
        where,
        None if key is None else f"{model} {key}",
        message.time,
        features=None if answer else rows,
        predictions=rows if answer else None,
    )
    return model, event


def _rows(message: KafkaMessage, *, answer: bool) -> Rows:
    value = message.value
    if not isinstance(value, bytes):
        return rows_of_content(value, "value", answer=answer)
    if value[:1] in (b"{", b"[", b"\x1f"):
        return rows_of_bytes(value, "value", answer=answer)
    return rows_of_protobuf(value, "value", answer=answer)
