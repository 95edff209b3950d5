"""Columns that came as CSV without a profile, typed by all of their cells as those of a CSV file are."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
from pyarrow import compute

from driftmeter.data.files.settle import Settling, converted


def settled_table(table: pa.Table, untyped: Collection[str]) -> pa.Table:
    """Return a table in which the columns of text among `untyped` are numbers, truths or times where all cells are."""
    texts = [name for name in table.column_names if name in untyped and _is_text(table[name].type)]
    settling = Settling.of(dict.fromkeys(texts, pa.string()), (), commas=False)
    columns = {name: table[name].cast(pa.string()) for name in texts}
    for name, column in columns.items():
        settling.observe(name, column)
    written = settling.settle().written
    for name, column in columns.items():
        how = written.get(name)
        made = _moments(column) if how is None else _numbers(column) if how == "numbers" else converted(column, how)
        table = table.set_column(table.column_names.index(name), name, made)
    return table


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts of numbers as integers where all are written so, else as float64."""
    try:
        return compute.cast(column, pa.int64())
    except pa.ArrowInvalid:
        return converted(column, "numbers")


def _moments(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts as times where all are dates, or date-times, as Arrow reads them in files."""
    for kind in (pa.date32(), pa.timestamp("s"), pa.timestamp("us")):
        try:
            return compute.cast(column, kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
    return column
