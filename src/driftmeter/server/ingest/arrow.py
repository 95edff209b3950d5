"""Arrow IPC bodies: columns without a copy where Arrow and numpy agree. Everything that a body says is checked."""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from driftmeter.data.columns import Column, Dictionary
from driftmeter.data.plain import TooMuchTextError, plain
from driftmeter.errors import InputError
from driftmeter.server.ingest.arrow_messages import (
    MAGIC,
    Message,
    messages_of_file,
    messages_of_streams,
    starts_of_streams,
)
from driftmeter.server.problems import TooLargeError
from driftmeter.timestamps import zone_of_column

Framing = Literal["stream", "file"]

_NUMBERS = frozenset(
    kind().id
    for kind in (
        *(pa.float32, pa.float64, pa.int8, pa.int16, pa.int32, pa.int64),
        *(pa.uint8, pa.uint16, pa.uint32, pa.uint64),
    )
)
_FLOAT64 = pa.float64().id
_PLAIN = _NUMBERS | {kind().id for kind in (pa.bool_, pa.string, pa.large_string, pa.date32, pa.null)}


def read_columns(
    body: bytes,
    framing: Framing,
    *,
    wanted: Container[str],
    numeric: Container[str],
    most: int,
    most_rows: int,
    moments: Container[str] = (),
) -> tuple[dict[str, Column], int, int]:
    """Read the wanted columns; return them, the number of rows, and the number of columns that were not wanted.

    Unwanted columns are not read, whatever their type. Several streams, one after the other, are read as one. For the
    columns in `moments` only the instant matters: their zones are dropped. Raises InputError if the body is not
    valid Arrow IPC of that framing, or if a wanted column holds neither numbers nor text nor times. Raises
    TooLargeError if buffers or texts would unfold beyond `most` bytes, or if there are over `most_rows` rows.
    """
    expected = f"an Arrow IPC {framing}"
    try:
        if framing == "file" and not body.startswith(MAGIC):
            raise InputError("body", expected, f"{len(body)} bytes starting {body[:8]!r}")
        _guard(body, framing, most, most_rows)
        parts = list(_tables(body, framing, wanted))
        # offsets and indices come from outside: Arrow would use them as addresses unchecked
        for table, _ in parts:
            table.validate(full=True)
    except (pa.ArrowException, OSError, struct.error, UnicodeDecodeError) as error:
        raise InputError("body", expected, str(error)[:200]) from error
    if len(parts) == 1 and (floats := _floats(parts[0][0])) is not None:
        return floats, len(parts[0][0]), parts[0][1]
    tables = [dict(zip(table.column_names, table.columns, strict=True)) for table, _ in parts]
    rows = [len(table) for table, _ in parts]
    columns = {
        name: _column(name, [table.get(name) for table in tables], rows, name in numeric, name in moments, most)
        for name in dict.fromkeys(name for table in tables for name in table)
        if name in wanted
    }
    return columns, sum(rows), max((unwanted for _, unwanted in parts), default=0)


def _guard(body: bytes, framing: Framing, most: int, most_rows: int) -> None:
    """Check the rows and the inflated size that the batches state, before anything is inflated."""
    rows = inflated = 0
    for message in messages(body, framing):
        inflated += message.inflated
        if message.is_rows:
            rows += message.length
            if rows > most_rows or rows < 0:
                raise TooLargeError("body", f"at most {most_rows} rows", str(rows))
        if inflated > most:
            raise TooLargeError("body", f"at most {most} bytes after decompression", str(inflated))


def messages(body: bytes, framing: Framing) -> Iterator[Message]:
    """Yield a description of each message. Raises ArrowException, OSError or struct.error on an invalid body."""
    return messages_of_file(body) if framing == "file" else messages_of_streams(body)


def _tables(body: bytes, framing: Framing, wanted: Container[str]) -> Iterator[tuple[pa.Table, int]]:
    """Yield the wanted columns of each stream, and the number of its other columns."""
    source = pa.BufferReader(body)
    for start in starts_of_streams(source, body) if framing == "stream" else (0,):
        open_body = pa.ipc.open_stream if framing == "stream" else pa.ipc.open_file
        reader = open_body(source, options=pa.ipc.IpcReadOptions(use_threads=False))
        names: list[str] = reader.schema.names
        indices = [index for index, name in enumerate(names) if name in wanted]
        chosen = [names[index] for index in indices]
        if len(set(chosen)) < len(chosen):
            twice = next(name for name in chosen if chosen.count(name) > 1)
            raise InputError(f"columns.{twice}", "one column of that name", f"{chosen.count(twice)}")
        if len(indices) < len(names):
            source.seek(start)
            # if no column is wanted, the first one is read: its rows count all the same
            options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=indices or [0])
            reader = open_body(source, options=options)
        yield reader.read_all(), len(names) - len(indices)


def _floats(table: pa.Table) -> dict[str, Column] | None:
    """Return the columns of one batch that holds float64 alone, and no nulls; None for any other table.

    The columns are copied at once, which takes a third of the time that it takes to ask for one after the other.
    """
    batches = table.to_batches()
    if len(batches) != 1 or any(kind.id != _FLOAT64 for kind in table.schema.types):
        return None
    try:
        matrix = batches[0].to_tensor(row_major=False).to_numpy()
    except (TypeError, pa.ArrowException):  # no columns, or nulls
        return None
    return dict(zip(table.column_names, matrix.T, strict=True))


def _column(
    name: str, parts: list[pa.ChunkedArray | None], rows: list[int], numeric: bool, moment: bool, most: int
) -> Column:
    """Join a column's parts from several streams; in a stream without the column its values are missing."""
    try:
        plain_parts = [
            pa.chunked_array([pa.nulls(length)]) if part is None else _plain(name, part, most)
            for part, length in zip(parts, rows, strict=True)
        ]
        chunks = plain_parts[0] if len(plain_parts) == 1 else _concatenated(plain_parts)
        array = chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()
        if isinstance(array, pa.ChunkedArray):  # no chunks at all
            return []
        if array.type.id in _NUMBERS and (numeric or not array.null_count):
            return _numbers(array)
        _check_zone(name, array.type, moment)
        return _values(array, moment=moment)
    except (TypeError, pa.ArrowException) as error:
        kinds = dict.fromkeys(str(part.type) for part in parts if part is not None)
        expected = "numbers, text, booleans or times"
        raise InputError(f"columns.{name}", expected, f"Arrow type {' and '.join(kinds)}"[:100]) from error


def _check_zone(name: str, kind: pa.DataType, moment: bool) -> None:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_timestamp(kind) and kind.tz is not None and not moment and zone_of_column(kind.tz) is None:
        raise InputError(f"columns.{name}", "a time zone that is known here", repr(kind.tz)[:60])


def _plain(name: str, column: pa.ChunkedArray, most: int) -> pa.ChunkedArray:
    if column.type.id in _PLAIN:
        return column
    try:
        return plain(column, most_text=most)
    except TooMuchTextError as error:
        raise TooLargeError(f"columns.{name}", f"at most {most} bytes of text", str(error)) from error
    except (pa.ArrowException, ValueError) as error:
        raise InputError(
            f"columns.{name}", f"sound values of Arrow type {column.type}"[:100], str(error)[:200]
        ) from error


def _concatenated(parts: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Concatenate parts whose types may differ, such as a part without any value, or numbers of other widths."""
    if any(pa.types.is_dictionary(part.type) for part in parts):
        # all as dictionaries: written out, a dictionary would repeat its texts in every row
        parts = [part if _is_coded(part) else plain(part.dictionary_encode()) for part in parts]
        kinds = {part.type for part in parts if not pa.types.is_null(part.type)}
        parts = [part.cast(*kinds) if pa.types.is_null(part.type) and len(kinds) == 1 else part for part in parts]
    joined = pa.concat_tables([pa.table({"": part}) for part in parts], promote_options="permissive").column(0)
    return plain(joined)


def _is_coded(part: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_dictionary(part.type) or pa.types.is_null(part.type))


def _values(array: pa.Array, *, moment: bool) -> Column:
    """Return an array of a plain type other than numbers as a column.

    Cells of any other type cannot be a feature's value: each becomes an empty list, which the reader rejects.
    """
    kind, is_ = array.type, pa.types
    if is_.is_null(kind):
        return [None] * len(array)
    if is_.is_dictionary(kind):
        return _dictionary(array)
    if is_.is_floating(kind) or (is_.is_boolean(kind) and not array.null_count):
        return _numbers(array)
    if is_.is_timestamp(kind) and (moment or kind.tz is None):
        return _numbers(array).astype("datetime64[us]")
    if not _is_value(kind):
        return Dictionary(np.where(array.is_null().to_numpy(zero_copy_only=False), -1, 0).astype(np.intp), ([],))
    return _dictionary(array.dictionary_encode())


def _is_value(kind: pa.DataType) -> bool:
    is_ = pa.types
    return bool(
        is_.is_boolean(kind)
        or is_.is_floating(kind)
        or is_.is_integer(kind)
        or is_.is_string(kind)
        or is_.is_large_string(kind)
        or is_.is_binary(kind)
        or is_.is_large_binary(kind)
        or is_.is_fixed_size_binary(kind)
        or (is_.is_temporal(kind) and not is_.is_interval(kind))
    )


def _numbers(array: pa.Array) -> np.ndarray[Any, np.dtype[Any]]:
    numbers: np.ndarray[Any, np.dtype[Any]] = array.to_numpy(zero_copy_only=False)
    return numbers


def _dictionary(array: pa.DictionaryArray) -> Dictionary:
    if not _is_value(array.dictionary.type):
        raise TypeError(array.dictionary.type)
    indices = array.indices
    if indices.null_count:
        indices = indices.cast(pa.int64()).fill_null(-1)
    return Dictionary(indices.to_numpy(zero_copy_only=False).astype(np.intp), _plain_values(array.dictionary))


def _plain_values(values: pa.Array) -> tuple[object, ...]:
    """Return values as Python objects; times that Python cannot hold become the text of their number."""
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("us", values.type.tz), safe=False)  # Python's times are no finer
    try:
        return tuple(values.to_pylist())
    except (ValueError, OverflowError):
        return tuple(map(_plain_value, values))


def _plain_value(value: pa.Scalar) -> object:
    try:
        return value.as_py()
    except (ValueError, OverflowError):
        return f"{value.type} {value.value}"
