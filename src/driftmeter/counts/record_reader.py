"""Rows that are dicts, typed by the compiled counter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from driftmeter.counts.odd_values import OddValues
from driftmeter.types import Codes, Floats

if TYPE_CHECKING:
    from driftmeter.counts._compiled import Tables


AT_ONCE = 2_000
"""Rows that are read before other threads get their turn: half a millisecond."""


class RecordReader:
    """Types rows that are dicts of texts to values, as `Reader` does. Threads may share one."""

    def __init__(self, tables: Tables, odd: OddValues, *, numbers: int, categories: int) -> None:
        """Read into arrays of so many numbers, derived ones included, and so many bins of categories."""
        self._tables, self._odd = tables, odd
        self._numbers, self._categories = numbers, categories

    def read(self, records: list[Any]) -> tuple[Floats, Codes, int, list[int]]:
        """Return numbers and bins as in `Rows`, how many values have no column, and the positions of other rows.

        Numbers and bins of rows that are no such dicts mean nothing.
        """
        rows = len(records)
        numbers = np.empty((rows, self._numbers))
        codes = np.empty((self._categories, rows), dtype=np.intp).T  # column by column in memory
        ignored, others = 0, list[int]()
        for start in range(0, rows, AT_ONCE):
            part = slice(start, start + AT_ONCE)
            left, more = self._tables.read_rows(records[part], numbers[part], codes[part])
            others += [start + row for row in left]
            ignored += more
        return numbers, codes, ignored, others

    @property
    def any_unreadable(self) -> bool:
        """Whether any value was unreadable so far."""
        return bool(self._odd.examples)


class RecordColumns(dict[str, list[Any]]):
    """The columns of some records, each made when it is first asked for; None where a record lacks it."""

    def __init__(self, records: list[Any]) -> None:
        """Refer to the records."""
        super().__init__()
        self._records = records

    def __missing__(self, name: str) -> list[Any]:
        """Make a column."""
        column = self[name] = [record.get(name) for record in self._records]
        return column
