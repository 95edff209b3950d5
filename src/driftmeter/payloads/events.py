"""CloudEvents that carry requests and answers of models, as the loggers of serving systems send them.

=======================  ========================================  ==========  =======================================
sender                   type ends in                              joined by   time
=======================  ========================================  ==========  =======================================
KServe's agent ≤ 0.17    `.inference.request`, `.response`         `id`        when it was sent
KServe's agent ≥ 0.18    the same                                  `id`        of the request, and of the answer
KServe's Python server   `.inference.response`                     `requestid`  of the answer, whose id is new
Seldon Core 1            `.inference.request`, `.response`         `requestid`  when it was sent
MLServer 1.7             the same, specversion 0.3                 `requestid`  none
=======================  ========================================  ==========  =======================================

Binary mode has the attributes in headers `ce-…`, structured mode and batches have them in the JSON of the body.
Versions 0.2 to 1.0 are read. Request and answer of one call have the same id and the same source.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal
from urllib.parse import unquote

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.payloads.body import answer_of, read_answer, read_request, request_of
from driftmeter.payloads.compressed import MOST_BYTES, inflate, is_compressed
from driftmeter.payloads.json_bodies import ANSWERS, REQUESTS
from driftmeter.payloads.json_text import read_json
from driftmeter.payloads.status import is_status
from driftmeter.payloads.table import PayloadTable
from driftmeter.payloads.v2_binary import json_length_of, split_body
from driftmeter.timestamps import parse_time
from driftmeter.types import Milliseconds

Side = Literal["request", "answer"]

_SIDES: Mapping[str, Side] = {"request": "request", "response": "answer"}
_LENGTH_HEADER = "inference-header-content-length"
_MOST_EVENTS = 10_000
"""Events of a batch."""


@dataclass(frozen=True)
class PayloadEvent:
    """One side of a call to a model.

    `key` is the same for request and answer, and None where the sender gives none. `identity` is the same only where
    the same event is sent again; a client that uses one id for all its calls repeats the key alone. `time` is the
    event's own (milliseconds), None where it has none. `names` are what the event calls the model, likeliest first.
    `fault` says why the event cannot be read, though others of its batch can.
    """

    side: Side
    key: str | None
    identity: bytes | None
    time: Milliseconds | None
    names: tuple[str, ...]
    content: Any
    """Bytes as they were sent to the model or came from it, or decoded JSON."""
    json_length: int | None = None
    field: str = "body"
    fault: InputError | None = None

    def table(self, most: int = MOST_BYTES) -> PayloadTable | None:
        """Return the rows; None if the event carries none, as those of health and metadata requests do.

        A compressed body may inflate to `most` bytes. Raises InputError naming the part at fault.
        """
        if self.fault is not None:
            raise self.fault
        content = self.content
        if not isinstance(content, bytes):
            if content is None or self._is_status(content):
                return None
            return (request_of if self.side == "request" else answer_of)(content, field=self.field)
        content = inflate(content, most, self.field)
        if not content.strip() or self._is_status(content):
            return None
        read = read_request if self.side == "request" else read_answer
        return read(content, json_length=self.json_length, field=self.field, most=most)

    def models(self) -> tuple[str, ...]:
        """Return what the event calls the model, likeliest first: its `names`, or else `model_name` in its body."""
        if self.names:
            return self.names
        content = self.content
        if isinstance(content, bytes):
            try:
                content, _ = split_body(inflate(content), self.json_length)
            except InputError:
                return ()
        name = content.get("model_name") if isinstance(content, dict) else None
        return (name,) if isinstance(name, str) else ()

    def _is_status(self, content: Any) -> bool:
        return self.side == "answer" and is_status(content)


def events_of(headers: Mapping[str, str], body: bytes, most: int = MOST_BYTES) -> list[PayloadEvent]:
    """Return the events of one HTTP message: one of binary or structured mode, or those of a batch.

    Structured mode is known by its content where no attribute is in the headers. A body that is compressed as a whole
    may inflate to `most` bytes, and so may the data of all its events together. Raises InputError where the message is
    no CloudEvent at all; a batch gives every event, those that cannot be read with their `fault`.
    """
    given = {name.lower(): value for name, value in headers.items()}
    if any(name.startswith("ce-") for name in given):
        attributes = {name[3:]: _header(value) for name, value in given.items() if name.startswith("ce-")}
        length = given.get(_LENGTH_HEADER)
        return [_event(attributes, body, "body", length, _Room(most))]
    content = read_json(inflate(body, most))
    if isinstance(content, list):
        if len(content) > _MOST_EVENTS:
            raise InputError("body", f"a batch of at most {_MOST_EVENTS} events", str(len(content)))
        room = _Room(most)
        return [_structured(event, f"body[{position}]", room) for position, event in enumerate(content)]
    if not isinstance(content, dict) or "specversion" not in content:
        raise InputError("ce-type", "a CloudEvent, with ce-type and ce-id or with specversion in its body", "none")
    return [_structured(content, "body", _Room(most))]


class _Room:
    """What the data of the events of one message may inflate to, in bytes: they are held at the same time."""

    def __init__(self, most: int) -> None:
        self._left = most

    def inflate(self, data: bytes, field: str) -> bytes:
        if not is_compressed(data):
            return data
        content = inflate(data, self._left, field)
        self._left -= len(content)
        if is_compressed(content):
            raise InputError(field, "data compressed once", "compressed data in compressed data")
        return content


def _structured(content: Any, field: str, room: _Room) -> PayloadEvent:
    """Return an event that is JSON, with its fault if it cannot be read."""
    try:
        return _event_of(content, field, room)
    except InputError as error:
        fault = error
    except RecursionError:  # writing JSON takes a level or two more than reading it
        fault = InputError(field, "JSON", "more levels than can be read")
    return PayloadEvent("request", None, None, None, (), None, field=field, fault=fault)


def _event_of(content: Any, field: str, room: _Room) -> PayloadEvent:
    if not isinstance(content, dict):
        raise InputError(field, "an event as an object", describe(content))
    attributes = {
        str(name).lower(): value if isinstance(value, str) else json.dumps(value)
        for name, value in content.items()
        if name not in ("data", "data_base64") and value is not None
    }
    data, encoded = content.get("data"), content.get("data_base64")
    if encoded is None and attributes.get("datacontentencoding", "").lower() == "base64":  # of version 0.3
        encoded = data
    field = f"{field}.data"
    if encoded is not None:
        try:
            data = base64.b64decode(encoded, validate=True)
        except (TypeError, ValueError) as error:
            raise InputError(field, "base64", describe(encoded)) from error
    elif isinstance(data, str):
        data = data.encode()
    return _event(attributes, data, field, None, room)


def _event(attributes: Mapping[str, str], content: Any, field: str, length: str | None, room: _Room) -> PayloadEvent:
    fault: InputError | None = None
    side, time = None, None
    try:
        if isinstance(content, bytes):
            content, sent = b"", content  # nothing is held of what cannot be inflated
            content = room.inflate(sent, field)
        side = _side_of(attributes.get("type"), content)
        time = parse_time(attributes["time"], "ce-time") if attributes.get("time") else None
    except InputError as error:
        fault = error
    key = attributes.get("requestid") or attributes.get("id") or None
    service = attributes.get("inferenceservicename") or attributes.get("inferenceservice")
    names = (service, attributes.get("modelid"))
    return PayloadEvent(
        side or "request",
        key,
        None if key is None else _identity(attributes, content),
        time,
        tuple(dict.fromkeys(name for name in names if name)),
        content,
        _length_of(attributes.get("metadata"), length),
        field,
        fault,
    )


def _side_of(kind: str | None, content: Any) -> Side:
    """Return the side that an event's type names, or where it has no type, the side that its body has the form of."""
    if kind:
        side = _SIDES.get(kind.rpartition(".")[2].lower())
        if side is None:
            raise InputError("ce-type", "a type that ends in .request or .response", repr(kind)[:80])
        return side
    if isinstance(content, bytes) and content:
        content = read_json(content)
    keys = content.keys() if isinstance(content, dict) else set()
    if keys & set(ANSWERS) and not keys & set(REQUESTS):
        return "answer"
    if keys & set(REQUESTS):
        return "request"
    raise InputError("ce-type", "a type that ends in .request or .response", "no type")


def _identity(attributes: Mapping[str, str], content: Any) -> bytes:
    identity = hashlib.blake2b(digest_size=16)
    for name in ("source", "type", "id", "requestid", "modelid", "time"):
        identity.update(f"{name}={attributes.get(name, '')}\n".encode("utf-8", "replace"))
    identity.update(content if isinstance(content, bytes) else repr(content).encode("utf-8", "replace"))
    return identity.digest()


def _length_of(metadata: str | None, header: str | None) -> int | None:
    """Return the length of the JSON of a binary body: of a header, or of those that KServe's agent was told to keep."""
    if header is None and metadata:
        try:
            kept = json.loads(metadata)
        except (ValueError, RecursionError):
            return None
        values = [value for name, value in kept.items() if name.lower() == _LENGTH_HEADER] if type(kept) is dict else []
        header = next(chain.from_iterable(one if isinstance(one, list) else [one] for one in values), None)
    return json_length_of(header) if isinstance(header, str) else None


def _header(value: str) -> str:
    """Return an attribute out of a header: values are percent-encoded, and KServe ≤ 0.4 put them between quotes."""
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    return unquote(value)
