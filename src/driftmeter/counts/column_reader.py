"""Columns, typed by the compiled counter as far as they are plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from driftmeter.data.columns import Column, Dictionary
from driftmeter.types import Codes, Floats

if TYPE_CHECKING:
    from driftmeter.counts._compiled import Tables

LEFT, UNSEEN = 1, 2
"""What is said of a column: it has to be read in another way; some category in it may be unseen."""


class ColumnReader:
    """Types columns as `Reader` does. Threads may share one."""

    def __init__(self, tables: Tables | None, names: Sequence[str]) -> None:
        """`names` are the columns of the features that are read, the numbers first. Without tables nothing is read."""
        self._tables, self._names = tables, tuple(names)

    def read(self, columns: Mapping[str, Column], numbers: Floats, codes: Codes) -> bytes:
        """Read into arrays as in `Rows`, all columns in one call; return LEFT, UNSEEN or 0 for each feature.

        Derived features are computed unless some number is left. A column that is not there is missing in all rows.
        """
        if self._tables is None:
            return bytes([LEFT]) * len(self._names)
        return self._tables.read_columns(tuple([_given(columns.get(name)) for name in self._names]), numbers, codes)


def _given(column: Column | None) -> object:
    return (column.indices, column.values) if type(column) is Dictionary else column
