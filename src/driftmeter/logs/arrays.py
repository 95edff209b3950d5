"""Arrays: the values of a column of JSON as an Arrow array, in which each value means what it meant there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from driftmeter.data.columns import EXACT
from driftmeter.profile.values import canonical

_NO_TEXT = b"\xff"
"""Not UTF-8: a cell that begins with it is read as no text, so that lists and objects count as unreadable."""
_NOTHING = frozenset([type(None)])


def array_of(values: Sequence[Any], *, categories: bool = False) -> pa.Array:
    """Return values of JSON as an array: numbers, booleans or texts where all are; where they are mixed, as texts.

    A number is the same as its text to every kind of feature; with `categories`, that is the text of the category that
    it would be. Where there are lists or objects, which are no value, the column is one of bytes, and they are bytes
    that are no text.

    >>> [str(array_of(values).type) for values in ([1, None], [1, 2.5], [True], [1, "a"], [1, [2]])]
    ['int64', 'double', 'bool', 'large_string', 'binary']
    """
    kinds = set(map(type, values)) - _NOTHING
    if not kinds:
        return pa.nulls(len(values))
    if kinds == {float}:
        return pa.array(values, pa.float64())
    if kinds == {str}:
        return pa.array(values, pa.large_string())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds <= {int, float}:
        whole = [value for value in values if type(value) is int]
        if max(whole) <= EXACT and min(whole) >= -EXACT:
            return pa.array(values, pa.int64() if kinds == {int} else pa.float64())
        if kinds == {int} and max(whole) < 1 << 63 and min(whole) >= -(1 << 63):
            return pa.array(values, pa.int64())
    if kinds <= {int, float, bool, str}:
        return pa.array([_text(value, categories) for value in values], pa.large_string())
    return pa.array([_bytes(value, categories) for value in values], pa.binary())


def _text(value: Any, category: bool) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if category:
        return canonical(value, "string")
    if value is True or value is False:
        return str(value).lower()
    return repr(value)


def _bytes(value: Any, category: bool) -> bytes | None:
    if value is None or isinstance(value, int | float | str):
        text = _text(value, category)
        return None if text is None else text.encode()
    return _NO_TEXT + json.dumps(value, default=str).encode()


def joined_columns(tables: Sequence[pa.Table]) -> pa.Table:
    """Join tables whose columns may have several types: numbers widen, and anything else becomes text.

    A column that a table lacks is missing in its rows.
    """
    names = dict.fromkeys(name for table in tables for name in table.column_names)
    columns = {}
    for name in names:
        parts = [table[name] if name in table.column_names else pa.nulls(len(table)) for table in tables]
        kinds = {part.type for part in parts} - {pa.null()}
        to = kinds.pop() if len(kinds) == 1 else _wider(kinds)
        chunks = [chunk for part in parts for chunk in _cast(part, to)]
        columns[name] = pa.chunked_array(chunks, to)
    return pa.table(columns)


def _wider(kinds: set[pa.DataType]) -> pa.DataType:
    if not kinds:
        return pa.null()
    if kinds <= {pa.int64(), pa.float64()}:
        return pa.float64()
    return pa.binary() if pa.binary() in kinds else pa.large_string()


def _cast(part: Any, to: pa.DataType) -> list[pa.Array]:
    if part.type != to and pa.types.is_null(part.type):
        return [pa.nulls(len(part), to)]
    if part.type != to and to == pa.binary():
        part = part.cast(pa.string())
    part = part if part.type == to else part.cast(to, safe=False)
    return list(part.chunks) if isinstance(part, pa.ChunkedArray) else [part]
