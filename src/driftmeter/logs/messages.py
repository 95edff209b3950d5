"""Messages: what tools that copy a Kafka topic to a file write, an object a message.

kcat's `-J` writes `{"topic", "key", "payload", "ts", "headers": [name, value, …]}`; others write `value`, `timestamp`,
and headers as an object or an array of pairs. A value may be JSON, its text, or bytes in base64.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.logs.reading import key_of
from driftmeter.logs.records import Record
from driftmeter.payloads.json_text import read_json

_VALUES, _TIMES = ("payload", "value"), ("ts", "timestamp")


@dataclass(frozen=True)
class KafkaMessage:
    """A message: its topic, key, headers (names in lower case), time, and its value: decoded JSON, or bytes."""

    topic: str
    key: str | None
    headers: Mapping[str, str]
    time: float | str | None
    value: Any


def is_message(record: Record) -> bool:
    """Say whether a record may be a message: it has a value, and a topic, a key or headers."""
    return any(name in record for name in _VALUES) and not record.keys().isdisjoint({"topic", "key", "headers"})


def message_of(record: Record) -> KafkaMessage:
    """Return the message that a record holds. Raises InputError where its value is neither JSON nor bytes in base64."""
    name = next((name for name in _VALUES if name in record), "value")
    return KafkaMessage(
        str(record.get("topic") or ""),
        key_of(record.get("key")),
        _headers(record.get("headers")),
        _time(next((record[name] for name in _TIMES if record.get(name) is not None), None)),
        _value(record.get(name), name),
    )


def _value(value: Any, field: str) -> Any:
    if not isinstance(value, str):
        if value is None:
            raise InputError(field, "the value of the message", describe(value))
        return value
    try:
        return read_json(value, field)
    except InputError:
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise InputError(field, "JSON, or bytes in base64", describe(value)) from None


def _headers(headers: Any) -> dict[str, str]:
    if isinstance(headers, dict):
        pairs = list(headers.items())
    elif isinstance(headers, list) and headers and all(isinstance(one, dict) for one in headers):
        pairs = [(one.get("key"), one.get("value")) for one in headers]
    elif isinstance(headers, list) and headers and all(isinstance(one, list) and len(one) == 2 for one in headers):
        pairs = [tuple(one) for one in headers]
    else:
        flat = headers if isinstance(headers, list) else []
        pairs = list(zip(flat[::2], flat[1::2], strict=False))
    return {str(name).lower().removeprefix("ce-"): _first(value) for name, value in pairs}


def _first(value: Any) -> str:
    return str(value[0] if isinstance(value, list) and value else value)


def _time(value: Any) -> float | str | None:
    """Return the time of a message in seconds: Kafka counts milliseconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value / 1000
    return value if isinstance(value, str) else None
