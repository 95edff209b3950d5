"""Arrow IPC bodies: columns without a copy where Arrow and numpy agree, and nothing believed unchecked."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Container, Iterator
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from driftmeter.errors import InputError
from driftmeter.frames import Column, Dictionary
from driftmeter.moments import zone_of_column
from driftmeter.server.problems import TooLargeError

Framing = Literal["stream", "file"]

_FILE_MAGIC = b"ARROW1\x00\x00"
_ON_THIS_THREAD = pa.ipc.IpcReadOptions(use_threads=False)
_FLOATS = frozenset([pa.float32().id, pa.float64().id])
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3


def read_columns(
    body: bytes, framing: Framing, wanted: Container[str], numeric: Container[str], most: int, most_rows: int
) -> tuple[dict[str, Column], int, int]:
    """Read the wanted columns; return them, the rows, and how many columns were not wanted.

    Raises InputError where the body is no sound Arrow IPC of that framing, TooLargeError where its buffers would
    inflate beyond `most` bytes or it says more than `most_rows` rows.
    """
    name = f"an Arrow IPC {framing}"
    try:
        if framing == "file" and not body.startswith(_FILE_MAGIC):
            raise InputError("body", name, f"{len(body)} bytes starting {body[:8]!r}")
        _guard(body, framing, most, most_rows)
        open_body = pa.ipc.open_file if framing == "file" else pa.ipc.open_stream
        table = open_body(pa.py_buffer(body), options=_ON_THIS_THREAD).read_all()
        # offsets and indices come from outside: unchecked, they would be read as addresses
        table.validate(full=True)
    except (pa.ArrowException, OSError, struct.error, UnicodeDecodeError) as error:
        raise InputError("body", name, str(error)[:200]) from error
    names: list[str] = table.column_names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"columns.{twice}", "one column of that name", f"{names.count(twice)}")
    columns: dict[str, Column] = {}
    for position, column_name in enumerate(names):
        if column_name in wanted:
            columns[column_name] = _column(column_name, table.column(position), column_name in numeric)
    return columns, table.num_rows, len(names) - len(columns)


def _column(name: str, chunks: Any, numeric: bool) -> Column:
    kind = chunks.type
    if pa.types.is_dictionary(kind):
        chunks = chunks.unify_dictionaries()
    array = chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()
    if kind.id in _FLOATS:
        return _numbers(array)
    if isinstance(array, pa.ChunkedArray):  # no chunks at all
        return []
    if pa.types.is_dictionary(kind):
        values = array.dictionary
        if not _scalar(values.type):
            raise _unreadable(name, kind)
        return _dictionary(array, _values(name, values))
    if pa.types.is_null(kind):
        return [None] * len(array)
    if not _scalar(kind):
        raise _unreadable(name, kind)
    if pa.types.is_temporal(kind):
        return _times(name, array)
    if pa.types.is_decimal(kind):
        array = array.cast(pa.float64())
    elif pa.types.is_float16(kind):
        array = array.cast(pa.float32())
    if pa.types.is_floating(array.type) or ((numeric or not array.null_count) and pa.types.is_integer(kind)):
        return _numbers(array)
    if pa.types.is_boolean(kind) and not array.null_count:
        return _numbers(array)
    if kind in (pa.string_view(), pa.binary_view()):
        array = array.cast(pa.large_string())
    coded = array.dictionary_encode()
    return _dictionary(coded, _values(name, coded.dictionary))


def _scalar(kind: Any) -> bool:
    is_ = pa.types
    return bool(
        is_.is_floating(kind)
        or is_.is_integer(kind)
        or is_.is_boolean(kind)
        or is_.is_string(kind)
        or is_.is_large_string(kind)
        or kind == pa.string_view()
        or is_.is_decimal(kind)
        or is_.is_timestamp(kind)
        or is_.is_date(kind)
    )


def _unreadable(name: str, kind: Any) -> InputError:
    return InputError(f"columns.{name}", "numbers, text, booleans or times", f"Arrow type {kind}"[:100])


def _numbers(array: Any) -> Column:
    numbers: np.ndarray[Any, np.dtype[Any]] = array.to_numpy(zero_copy_only=False)
    return numbers


def _times(name: str, array: Any) -> np.ndarray[Any, np.dtype[Any]] | list[Any]:
    moments: np.ndarray[Any, np.dtype[Any]] = array.to_numpy(zero_copy_only=False).astype("datetime64[us]")
    named = getattr(array.type, "tz", None)
    if named is None:
        return moments
    zone = zone_of_column(named)
    if zone is None:
        raise InputError(f"columns.{name}", "a time zone that is known here", repr(named)[:60])
    # on the clocks of the column; what is beyond the calendar stays a number, and missing None
    return [
        each.replace(tzinfo=dt.UTC).astimezone(zone) if isinstance(each, dt.datetime) else each
        for each in moments.tolist()
    ]


def _dictionary(array: Any, values: tuple[object, ...]) -> Dictionary:
    indices = array.indices
    if indices.null_count:
        indices = indices.cast(pa.int64()).fill_null(-1)
    return Dictionary(indices.to_numpy(zero_copy_only=False).astype(np.intp), values)


def _values(name: str, values: Any) -> tuple[object, ...]:
    if pa.types.is_temporal(values.type):
        times = _times(name, values)
        return tuple(times if isinstance(times, list) else times.tolist())
    if pa.types.is_decimal(values.type):
        values = values.cast(pa.float64())
    return tuple(values.to_pylist())


def _guard(body: bytes, framing: Framing, most: int, most_rows: int) -> None:
    """Add up what the batches say of their rows and of their compressed buffers, before anything is inflated."""
    rows = inflated = 0
    for _, kind, length, more in _messages(body, framing):
        inflated += more
        if kind == _RECORD_BATCH:
            rows += length
            if rows > most_rows or rows < 0:
                raise TooLargeError("body", f"at most {most_rows} rows", str(rows))
        if inflated > most:
            raise TooLargeError("body", f"at most {most} bytes after decompression", str(inflated))


def batches(body: bytes, framing: Framing) -> Iterator[tuple[int, int, int]]:
    """Yield of each message the bytes of its metadata, and what it says of its length (rows, or values of a
    dictionary) and of the bytes that it inflates to. Raises what Arrow and struct raise on what is unsound."""
    for metadata, _, length, inflated in _messages(body, framing):
        yield metadata, length, inflated


def _messages(body: bytes, framing: Framing) -> Iterator[tuple[int, int, int, int]]:
    start = len(_FILE_MAGIC) if framing == "file" else 0
    messages = pa.ipc.MessageReader.open_stream(pa.py_buffer(body).slice(start))
    while True:
        try:
            message = messages.read_next_message()
        except StopIteration:
            return
        metadata = message.metadata.to_pybytes()
        kind, batch = _batch(metadata)
        length = inflated = 0
        if batch is not None:
            length = batch.int64(0)
            if batch.has(3):
                data = memoryview(message.body)
                for offset, size in batch.pairs(2):
                    if size >= 8:
                        inflated += max(0, struct.unpack_from("<q", data, offset)[0])
        yield len(metadata), kind, length, inflated


class _Flat:
    """A table of a FlatBuffer, as far as it is needed here: `Message.fbs` of the Arrow format."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        self._fields = at - self._unpack("<i", at)
        self._size = self._unpack("<H", self._fields)

    def _unpack(self, form: str, at: int) -> int:
        return int(struct.unpack_from(form, self._data, at)[0])

    def _offset(self, field: int) -> int:
        slot = 4 + 2 * field
        return self._unpack("<H", self._fields + slot) if slot < self._size else 0

    def has(self, field: int) -> bool:
        return bool(self._offset(field))

    def int64(self, field: int) -> int:
        offset = self._offset(field)
        return self._unpack("<q", self._at + offset) if offset else 0

    def byte(self, field: int) -> int:
        offset = self._offset(field)
        return self._unpack("<B", self._at + offset) if offset else 0

    def _follow(self, field: int) -> int:
        at = self._at + self._offset(field)
        return at + self._unpack("<I", at)

    def table(self, field: int) -> _Flat:
        return _Flat(self._data, self._follow(field))

    def pairs(self, field: int) -> list[tuple[int, int]]:
        if not self.has(field):
            return []
        at = self._follow(field)
        count = self._unpack("<I", at)
        at += 4
        return list(struct.iter_unpack("<qq", self._data[at : at + 16 * count]))


def _batch(metadata: bytes) -> tuple[int, _Flat | None]:
    """Return the kind of a message and the record batch in it, if there is one."""
    message = _Flat(metadata, struct.unpack_from("<I", metadata, 0)[0])
    kind = message.byte(1)
    if kind == _RECORD_BATCH:
        return kind, message.table(2)
    if kind == _DICTIONARY_BATCH:
        return kind, message.table(2).table(1)
    return kind, None
