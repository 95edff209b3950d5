"""Msgpack bodies whose columns are raw bytes, and nothing else: decoded without a copy of the bytes."""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np

from driftmeter.data.columns import Column
from driftmeter.data.rejected import describe
from driftmeter.errors import InputError

_MOST_COLUMNS = 2_000
_DTYPES = {name: np.dtype(name) for name in ("<f8", "<f4", "<i8", "<i4", "<i2", "|i1", "<u4", "<u2", "|u1", "|b1")}
"""What a packed column may hold, by numpy's names."""
FLOATS = "<f8"
"""What raw bytes hold where no dtype is named."""
_FLOAT = np.dtype(FLOATS)


class PackedColumn(msgspec.Struct, forbid_unknown_fields=True):
    """The raw values of a column and their type, which may be any text."""

    dtype: str
    data: memoryview


class PackedBody(msgspec.Struct, forbid_unknown_fields=True):
    """A body of packed columns and nothing else.

    The decoder stops at the first value of another type, and at a map of too many columns before it reads them.
    """

    columns: Annotated[dict[str, memoryview | PackedColumn], msgspec.Meta(max_length=_MOST_COLUMNS)]
    timestamp: int | float | str | None = None
    watermark: int | float | str | None = None


_decode = msgspec.msgpack.Decoder(PackedBody).decode


def decode_packed(body: bytes) -> PackedBody | None:
    """Decode a body of packed columns; None for any other body, valid or not.

    >>> body = decode_packed(msgspec.msgpack.encode({"columns": {"age": np.array([31.5, 45.0]).tobytes()}}))
    >>> columns_of(body)
    {'age': array([31.5, 45. ])}
    """
    try:
        return _decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def most_rows_of(body: PackedBody) -> float:
    """Return the rows of the longest column; infinity if a column is of no known type."""
    return max(map(_rows_of, body.columns.values()), default=0.0)


def _rows_of(column: memoryview | PackedColumn) -> float:
    if isinstance(column, memoryview):
        return len(column) / 8
    dtype = _DTYPES.get(column.dtype)
    return float("inf") if dtype is None else len(column.data) / dtype.itemsize


def unpack(name: str, dtype: object, data: object) -> Column:
    """Return the raw bytes of a column as an array that shares their memory; raises InputError naming the column."""
    kind = _DTYPES.get(dtype) if isinstance(dtype, str) else None
    if kind is None:
        raise InputError(f"columns.{name}.dtype", f"one of {', '.join(sorted(_DTYPES))}", repr(dtype)[:40])
    if not isinstance(data, bytes | memoryview):
        raise InputError(f"columns.{name}", "an array (or in msgpack raw bytes)", describe(data))
    if len(data) % kind.itemsize:
        raise InputError(f"columns.{name}", f"whole values of {dtype}", f"{len(data)} bytes")
    # a byte that is neither 0 nor 1 would make a bool that is neither
    return np.frombuffer(data, np.uint8) != 0 if kind == np.bool_ else np.frombuffer(data, kind)


def columns_of(body: PackedBody) -> dict[str, Column]:
    """Return the columns of a body by name; raises InputError naming the first at fault."""
    columns: dict[str, Column] = {}
    for name, column in body.columns.items():
        if not isinstance(column, memoryview):
            columns[name] = unpack(name, column.dtype, column.data)
        elif len(column) % _FLOAT.itemsize:
            columns[name] = unpack(name, FLOATS, column)
        else:
            columns[name] = np.frombuffer(column, _FLOAT)
    return columns
