"""JSON and msgpack bodies: an object with "rows" or "columns", and perhaps a "timestamp" and a "watermark"."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Literal

import msgspec

from driftmeter.counts.rows import Reader
from driftmeter.data.columns import Column
from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.profile.names import text_of
from driftmeter.server.ingest.alike import decode_alike
from driftmeter.server.ingest.content import BatchTimes, Columns, Content, Records, check_rows, time_key
from driftmeter.server.ingest.json_size import check_containers
from driftmeter.server.ingest.packed import FLOATS, columns_of, decode_packed, unpack
from driftmeter.server.ingest.times import TIMESTAMP, optional_time

ObjectMedia = Literal["json", "msgpack"]

_COLUMNS = b"\xa7columns"
"""The key as msgpack has it: a body that begins with it holds no rows."""
_KEYS = frozenset(["rows", "columns", TIMESTAMP, "watermark"])


def read_object(media: ObjectMedia, body: bytes, reader: Reader, *, nan_is_null: bool) -> Content:
    """Take a JSON or msgpack body apart.

    With `nan_is_null` JSON may hold NaN, which is null, and Infinity. Raises InputError naming the part at fault, and
    TooLargeError.
    """
    if media == "msgpack" and (packed := decode_packed(body)) is not None:
        times = _batch_times(None, packed.timestamp, packed.watermark)
        return _with_times(columns_of(packed), reader, times)
    if media == "json":
        check_containers(body)
    content = None if nan_is_null else _alike(media, body, reader)
    return _split(_decode(media, body, nan_is_null), reader) if content is None else content


def _alike(media: ObjectMedia, body: bytes, reader: Reader) -> Content | None:
    """Read rows that hold nothing but the profile's columns, as most do, straight into columns; None on others."""
    if media == "msgpack" and _COLUMNS in body[:16]:
        return None
    msgpack, key, names = media == "msgpack", time_key(reader), reader.names
    alike, times = decode_alike(msgpack, body, names), None
    if alike is None and key is not None:
        alike = decode_alike(msgpack, body, (*names, key))
    if alike is None:
        return None
    check_rows(len(alike.rows), reader)
    timed = alike.width > len(names)
    numbers = None if timed or reader.categorical else alike.numbers()
    if numbers is not None:
        columns: dict[str, Column] = dict(zip(names, numbers.T, strict=True))
    else:
        values = alike.columns()
        columns = dict(zip(names, values, strict=False))
        times = values[-1] if timed and any(time is not None for time in values[-1]) else None
    batch_times = _batch_times(times, alike.timestamp, alike.watermark)
    return Columns(columns=columns, rows=len(alike.rows), times=batch_times)


def _batch_times(column: Column | None, timestamp: object, watermark: object) -> BatchTimes:
    return BatchTimes(
        column=column,
        default=optional_time(timestamp, TIMESTAMP),
        watermark=optional_time(watermark, "watermark"),
    )


def _decode(media: ObjectMedia, body: bytes, nan_is_null: bool) -> Any:
    try:
        if media == "msgpack":
            return msgspec.msgpack.decode(body)
        if not nan_is_null:
            return msgspec.json.decode(body)
        content = json.loads(body)
        if b"\\ud" in body.lower():
            msgspec.json.encode(content)  # the standard library lets half a surrogate pair pass
        return content
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise _undecodable(media, body, error) from error


def _undecodable(media: ObjectMedia, body: bytes, error: Exception) -> InputError:
    text = str(error)
    if media == "msgpack":
        return InputError("body", "msgpack", text[:200])
    _, marker, rest = text.rpartition("(byte ")
    if marker and rest.rstrip(")").isdigit():
        at = int(rest.rstrip(")"))
        # msgspec points into the literal
        start = max(body.rfind(b, 0, at + 1) for b in (b",", b":", b"[")) + 1
        literal = body[start : start + 12].lstrip()
        for name in (b"NaN", b"Infinity", b"-Infinity"):
            if literal.startswith(name):
                expected = "JSON, where a value that is missing is null (or send ?nan=null)"
                return InputError(f"body, byte {start}", expected, name.decode())
    return InputError("body", "JSON", text[:200])


def _split(content: Any, reader: Reader) -> Content:
    """Take a decoded body apart."""
    if not isinstance(content, dict):
        raise InputError("body", 'an object with "rows" or "columns"', describe(content))
    for key in content:
        if key not in _KEYS:
            raise InputError("body", f"the keys {', '.join(sorted(_KEYS))}", repr(key)[:60])
    batch_times = _batch_times(None, content.get(TIMESTAMP), content.get("watermark"))
    records, columns = content.get("rows"), content.get("columns")
    if records is not None and columns is not None:
        raise InputError("body", '"rows" or "columns"', "both")
    if columns is not None:
        return _columns(columns, reader, batch_times)
    if records is None:
        if batch_times.watermark is None:
            raise InputError("body", '"rows" or "columns"', "neither")
        records = []
    return _records(records, reader, batch_times)


def _records(records: Any, reader: Reader, batch_times: BatchTimes) -> Records:
    if not isinstance(records, list):
        raise InputError("rows", "an array of objects", describe(records))
    check_rows(len(records), reader)
    key = time_key(reader)
    if key is not None and any(type(record) is dict and key in record for record in records):
        column = [record.get(key) if type(record) is dict else None for record in records]
        batch_times = replace(batch_times, column=column)
    return Records(records=records, times=batch_times)


def _columns(content: Any, reader: Reader, batch_times: BatchTimes) -> Columns:
    if not isinstance(content, dict):
        raise InputError("columns", "an object of arrays", describe(content))
    columns: dict[str, Column] = {}
    for name, values in content.items():
        text = text_of(name)  # msgpack has other names too
        if text is None:
            raise InputError("columns", "names as text", describe(name))
        columns[text] = values if isinstance(values, list) else _packed(name, values)
    return _with_times(columns, reader, batch_times)


def _with_times(columns: dict[str, Column], reader: Reader, batch_times: BatchTimes) -> Columns:
    """Take the column of times from the others."""
    key = time_key(reader)
    times = None if key is None else columns.pop(key, None)
    rows = len(next(iter(columns.values()), [] if times is None else times))
    check_rows(rows, reader)
    if times is not None and len(times) != rows:
        raise InputError(f"columns.{TIMESTAMP}", f"{rows} values, as in the other columns", str(len(times)))
    return Columns(columns=columns, rows=rows, times=replace(batch_times, column=times))


def _packed(name: str, values: Any) -> Column:
    """Read a column that msgpack carries as raw bytes: little-endian float64, or of the dtype it names."""
    if isinstance(values, dict) and set(values) == {"dtype", "data"}:
        return unpack(name, values["dtype"], values["data"])
    return unpack(name, FLOATS, values)
