"""Raw rows: from the bytes of a request to typed rows and their times. Pure, and the same for every door."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from driftmeter.counts.rows import Reader, Rows
from driftmeter.data.columns import Column, Dictionary
from driftmeter.data.rejected import Rejected, describe
from driftmeter.errors import InputError
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.watermark import MAX_AHEAD
from driftmeter.profile.names import text_of
from driftmeter.server.ingest import arrow
from driftmeter.server.ingest.alike import decode_alike
from driftmeter.server.problems import TooLargeError, UnsupportedMediaError
from driftmeter.timestamps import LATEST, iso, parse_time
from driftmeter.types import Milliseconds

TIMESTAMP = "timestamp"
"""The key of a row, or column of a batch, that holds times, unless the profile has a feature there."""
MOST_NAMED = 100
"""Rejected values that an answer names; the rest are only counted."""
MOST_VALUES = 16_000_000
"""Rows times features of one batch: a few bytes can say a million empty rows."""

Media = Literal["json", "msgpack", "stream", "file"]
MEDIA: dict[str, Media] = {
    "application/json": "json",
    "application/msgpack": "msgpack",
    "application/x-msgpack": "msgpack",
    "application/vnd.msgpack": "msgpack",
    "application/vnd.apache.arrow.stream": "stream",
    "application/vnd.apache.arrow.file": "file",
}
_DTYPES = frozenset(["<f8", "<f4", "<i8", "<i4", "<i2", "|i1", "<u4", "<u2", "|u1", "|b1"])
_KEYS = frozenset(["rows", "columns", TIMESTAMP, "watermark"])

Times = Milliseconds | npt.NDArray[np.int64]


@dataclass(frozen=True)
class RowBatch:
    """What one request held: rows that count, when they were, and what was wrong with the rest.

    `times` is one for all `rows`, or one each; `dropped` counts rows by reason; `rejected` names the first
    `MOST_NAMED` of the values at fault, by row, whether that row counts or not; `unreadable` counts such values of
    `rows` by column; `ignored` counts values under unknown columns.
    """

    rows: Rows
    times: Times
    sent: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    rejected: tuple[Rejected, ...] = ()
    ignored: int = 0
    watermark: Milliseconds | None = None
    unreadable: Mapping[str, int] = field(default_factory=dict)

    @property
    def totals(self) -> SourceTotals:
        """The batch as its source reports it."""
        return SourceTotals(self.sent, len(self.rows), self.dropped, self.unreadable)


@dataclass(frozen=True)
class _Content:
    """A body taken apart: records or columns, and what it says of time."""

    records: list[Any] | None = None
    columns: dict[str, Column] = field(default_factory=dict)
    rows: int = 0
    ignored: int = 0
    times: Column | None = None
    time: Milliseconds | None = None
    watermark: Milliseconds | None = None


def media_of(content_type: str | None) -> Media:
    """Name what a Content-Type stands for; raises UnsupportedMediaError."""
    media = MEDIA.get((content_type or "").partition(";")[0].strip().lower())
    if media is None:
        raise UnsupportedMediaError("Content-Type", " or ".join(MEDIA), (content_type or "none")[:100])
    return media


def time_of_text(text: str, field: str) -> Milliseconds:
    """Read a time from a query: seconds since the epoch or ISO 8601; raises InputError naming `field`.

    >>> time_of_text("1.5", "from"), time_of_text("1970-01-01T01:00:00 01:00", "from")
    (1500, 0)
    """
    try:
        return parse_time(float(text), field)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
    # a + that was not escaped in the address came as a space
    return parse_time(re.sub(r" (\d\d:?\d\d)$", r"+\1", text.strip()), field)


def read_batch(
    media: Media, body: bytes, reader: Reader, now: Milliseconds, *, most: int, nan_is_null: bool = False
) -> RowBatch:
    """Read a batch. Rows that name no time are of the batch's `timestamp`, or else of `now`.

    `most` bounds in bytes what compressed Arrow may inflate to. With `nan_is_null` JSON may hold NaN, which is
    null, and Infinity. Raises InputError where the batch cannot be read at all, and TooLargeError.
    """
    reserved = TIMESTAMP not in reader.names
    most_rows = MOST_VALUES // max(1, len(reader.names))
    content: _Content | None
    if media in ("stream", "file"):
        content = _arrow(media, body, reader, reserved, most, most_rows)
    else:
        content = None if nan_is_null else _alike(media, body, reader, reserved, most_rows)
        if content is None:
            content = _split(_decode(media, body, nan_is_null), reader, reserved, most_rows)
    if content.records is not None:
        rows, bad, ignored = reader.read_records(content.records)
        if content.times is not None:
            ignored -= sum(type(record) is dict and TIMESTAMP in record for record in content.records)
    else:
        rows, bad, ignored = reader.read_columns(content.columns)
        ignored += content.ignored
    default = now if content.time is None else content.time
    batch = _timed(rows, bad, content, default, now, ignored)
    return replace(batch, unreadable=reader.unreadable(batch.rows)) if bad else batch


def _timed(
    rows: Rows, bad: list[Rejected], content: _Content, default: Milliseconds, now: Milliseconds, ignored: int
) -> RowBatch:
    """Give each row its time, and leave out those whose time cannot be."""
    sent = content.rows
    latest = now + MAX_AHEAD
    if content.times is None and default <= latest:
        dropped = {"invalid": sent - len(rows)} if len(rows) < sent else {}
        return RowBatch(rows, default, sent, dropped, _first(bad), ignored, content.watermark)
    times, unreadable = _times(content.times, sent, default)
    ahead = times > latest
    for row in np.flatnonzero(ahead)[:MOST_NAMED]:
        bad.append(
            Rejected(
                int(row), TIMESTAMP, f"a time at most {MAX_AHEAD // 1000} s ahead of the server", iso(int(times[row]))
            )
        )
    bad.extend(unreadable)
    usable = ~ahead
    usable[[each.row for each in unreadable]] = False
    future = int(ahead[rows.index].sum())
    kept = np.flatnonzero(usable[rows.index])
    if len(kept) < len(rows):
        rows = rows.take(kept)
    invalid = sent - len(rows) - future
    dropped = {reason: count for reason, count in (("invalid", invalid), ("future", future)) if count}
    return RowBatch(rows, times[rows.index], sent, dropped, _first(bad), ignored, content.watermark)


def _first(bad: list[Rejected]) -> tuple[Rejected, ...]:
    return tuple(sorted(bad, key=lambda each: each.row)[:MOST_NAMED])


def _times(column: Column | None, rows: int, default: Milliseconds) -> tuple[npt.NDArray[np.int64], list[Rejected]]:
    """Read a column of times, shape (rows,), in milliseconds; what is missing there is `default`."""
    if column is None:
        return np.full(rows, default), []
    values: Any = column
    if isinstance(column, Dictionary):
        values = [None if index < 0 else column.values[index] for index in column.indices]
    if isinstance(values, list) and set(map(type, values)) <= {float, int, type(None)}:
        with suppress(OverflowError):  # an integer beyond float64: found below
            values = np.array(values, dtype=np.float64)
    if isinstance(values, np.ndarray):
        if values.dtype.kind in "fiu":
            sound = _seconds(values.astype(np.float64, copy=False), default)
            if sound is not None:
                return sound, []
        values = values.tolist()
    times = np.full(rows, default)
    unreadable = []
    for row, value in enumerate(values):
        if value is None or value != value:
            continue
        try:
            times[row] = parse_time(value, TIMESTAMP)
        except InputError as error:
            unreadable.append(Rejected(row, TIMESTAMP, error.expected, describe(value)))
    return times, unreadable


def _seconds(seconds: npt.NDArray[np.float64], default: Milliseconds) -> npt.NDArray[np.int64] | None:
    """Convert seconds since the epoch, if all of them are such or missing, as `parse_time` does one by one."""
    missing = np.isnan(seconds)
    if missing.any():
        seconds = np.where(missing, 0.0, seconds)
    if len(seconds) and not (seconds.min() >= 0 and seconds.max() <= LATEST / 1000):
        return None
    times = np.rint(seconds * 1e6).astype(np.int64) // 1000
    times[missing] = default
    return times


# --- taking bodies apart


def _decode(media: Media, body: bytes, nan_is_null: bool) -> Any:
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


def _undecodable(media: Media, body: bytes, error: Exception) -> InputError:
    text = str(error)
    if media == "msgpack":
        return InputError("body", "msgpack", text[:200])
    _, found, rest = text.rpartition("(byte ")
    if found and rest.rstrip(")").isdigit():
        at = int(rest.rstrip(")"))
        # msgspec points into the literal
        start = max(body.rfind(b, 0, at + 1) for b in (b",", b":", b"[")) + 1
        literal = body[start : start + 12].lstrip()
        for name in (b"NaN", b"Infinity", b"-Infinity"):
            if literal.startswith(name):
                expected = "JSON, where a value that is missing is null (or send ?nan=null)"
                return InputError(f"body, byte {start}", expected, name.decode())
    return InputError("body", "JSON", text[:200])


def _split(content: Any, reader: Reader, reserved: bool, most_rows: int) -> _Content:
    """Take a decoded JSON or msgpack body apart; raises InputError naming the part at fault."""
    if not isinstance(content, dict):
        raise InputError("body", 'an object with "rows" or "columns"', describe(content))
    for key in content:
        if key not in _KEYS:
            raise InputError("body", f"the keys {', '.join(sorted(_KEYS))}", repr(key)[:60])
    time = _optional_time(content.get(TIMESTAMP), TIMESTAMP)
    watermark = _optional_time(content.get("watermark"), "watermark")
    records, columns = content.get("rows"), content.get("columns")
    if records is not None and columns is not None:
        raise InputError("body", '"rows" or "columns"', "both")
    if columns is not None:
        return _columns(columns, reader, reserved, most_rows, time, watermark)
    if records is None:
        if watermark is None:
            raise InputError("body", '"rows" or "columns"', "neither")
        records = []
    if not isinstance(records, list):
        raise InputError("rows", "an array of objects", describe(records))
    _limit(len(records), most_rows)
    times: list[Any] | None = None
    if reserved and any(type(record) is dict and TIMESTAMP in record for record in records):
        times = [record.get(TIMESTAMP) if type(record) is dict else None for record in records]
    return _Content(records, rows=len(records), times=times, time=time, watermark=watermark)


def _alike(media: Media, body: bytes, reader: Reader, reserved: bool, most_rows: int) -> _Content | None:
    """Take rows apart that hold nothing but the profile's columns, as most do; None where that is not so."""
    names = (*reader.names, TIMESTAMP) if reserved else reader.names
    found = decode_alike(media == "msgpack", body, names)
    if found is None:
        return None
    _limit(found.rows, most_rows)
    columns: dict[str, Column] = dict(zip(reader.names, found.columns, strict=False))
    times = found.columns[-1] if reserved and any(time is not None for time in found.columns[-1]) else None
    time, watermark = _optional_time(found.timestamp, TIMESTAMP), _optional_time(found.watermark, "watermark")
    return _Content(None, columns, found.rows, 0, times, time, watermark)


def _optional_time(value: object, key: str) -> Milliseconds | None:
    return None if value is None else parse_time(value, key)


def _columns(
    content: Any,
    reader: Reader,
    reserved: bool,
    most_rows: int,
    time: Milliseconds | None,
    watermark: Milliseconds | None,
) -> _Content:
    if not isinstance(content, dict):
        raise InputError("columns", "an object of arrays", describe(content))
    columns: dict[str, Column] = {}
    for name, values in content.items():
        text = text_of(name)  # msgpack has other names too
        if text is None:
            raise InputError("columns", "names as text", describe(name))
        columns[text] = values if isinstance(values, list) else _packed(name, values)
    times = columns.pop(TIMESTAMP, None) if reserved else None
    rows = len(next(iter(columns.values()), [] if times is None else times))
    _limit(rows, most_rows)
    if times is not None and len(times) != rows:
        raise InputError(f"columns.{TIMESTAMP}", f"{rows} values, as in the other columns", str(len(times)))
    return _Content(None, _at_least_one(columns, reader, rows), rows, 0, times, time, watermark)


def _arrow(framing: arrow.Framing, body: bytes, reader: Reader, reserved: bool, most: int, most_rows: int) -> _Content:
    wanted = {*reader.names, TIMESTAMP} if reserved else {*reader.names}
    numeric = {feature.column for feature in reader.numeric}
    columns, rows, unknown = arrow.read_columns(
        body, framing, wanted, numeric, most, most_rows, moments={TIMESTAMP} if reserved else ()
    )
    times = columns.pop(TIMESTAMP, None) if reserved else None
    return _Content(None, _at_least_one(columns, reader, rows), rows, rows * unknown, times)


def _at_least_one(columns: dict[str, Column], reader: Reader, rows: int) -> dict[str, Column]:
    """Rows of which nothing is known are rows all the same: all their values are missing."""
    return columns or {reader.names[0]: [None] * rows}


def _packed(name: str, values: Any) -> Column:
    """Read a column that msgpack carries as raw bytes: little-endian float64, or of the dtype it names."""
    dtype = "<f8"
    if isinstance(values, dict) and set(values) == {"dtype", "data"}:
        dtype, values = values["dtype"], values["data"]
        if not isinstance(dtype, str) or dtype not in _DTYPES:
            raise InputError(f"columns.{name}.dtype", f"one of {', '.join(sorted(_DTYPES))}", repr(dtype)[:40])
    if not isinstance(values, bytes):
        raise InputError(f"columns.{name}", "an array (or in msgpack raw bytes)", describe(values))
    if len(values) % np.dtype(dtype).itemsize:
        raise InputError(f"columns.{name}", f"whole values of {dtype}", f"{len(values)} bytes")
    # a byte that is neither 0 nor 1 would make a bool that is neither
    return np.frombuffer(values, "|u1") != 0 if dtype == "|b1" else np.frombuffer(values, dtype)


def _limit(rows: int, most_rows: int) -> None:
    if rows > most_rows:
        raise TooLargeError("body", f"at most {most_rows} rows", str(rows))
