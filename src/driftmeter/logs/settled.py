"""Columns that came as CSV without a profile, typed by all of their cells as those of a CSV file are."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
from pyarrow import compute

from driftmeter.data.arrow_columns import numbers_of
from driftmeter.data.columns import EXACT
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
        made = _whole(converted(column, written[name])) if name in written else _moments(column)
        table = table.set_column(table.column_names.index(name), name, made)
    return table


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return numbers as integers where all are whole and exact."""
    if not pa.types.is_floating(column.type):
        return column
    numbers, present = numbers_of(column)
    given = numbers[present]
    if len(given) and np.isfinite(given).all() and (given == np.rint(given)).all() and np.abs(given).max() < EXACT:
        return column.cast(pa.int64())
    return column


def _moments(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts as times where all are dates, or date-times, as Arrow reads them in files."""
    for kind in (pa.date32(), pa.timestamp("s"), pa.timestamp("us")):
        try:
            return compute.cast(column, kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
    return column
