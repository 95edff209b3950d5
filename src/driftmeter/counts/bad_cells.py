"""Columns as numbers, and the cells of a batch that could not be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from driftmeter.counts.odd_values import expected_of
from driftmeter.data.cells import plain_numbers
from driftmeter.data.columns import Column, Dictionary
from driftmeter.data.rejected import Rejected, describe
from driftmeter.errors import InputError
from driftmeter.profile.feature import Feature
from driftmeter.profile.values import UNREADABLE, number_of
from driftmeter.types import Floats

MOST_REPORTED = 1_000
"""Unreadable values of a batch that are described; all are counted."""


@dataclass
class BadCells:
    """What could not be read in one batch: the positions of rows, and the first values."""

    rows: set[int] = field(default_factory=set)
    first: list[Rejected] = field(default_factory=list)

    @property
    def room(self) -> int:
        """How many more values are described."""
        return MOST_REPORTED - len(self.first)

    def add(self, row: int, name: str, expected: str, value: object) -> None:
        """Describe a value, unless there is no room: the report on bad values must not become larger than the batch."""
        if self.room:
            self.first.append(Rejected(row, name, expected, describe(value)))


def check_column(name: str, column: Column) -> None:
    """Raise InputError where a value is no column."""
    if isinstance(column, Dictionary):
        return
    if isinstance(column, np.ndarray):
        if column.ndim != 1:
            raise InputError(f"columns.{name}", "one value a row", f"an array of {column.ndim} dimensions")
    elif isinstance(column, str | bytes | Mapping) or not isinstance(column, Sequence):
        raise InputError(f"columns.{name}", "a list of values", describe(column))


def numbers_of(name: str, column: Column) -> tuple[Floats, list[Rejected]]:
    """Return a column as float64, shape (rows,), and its first unreadable values; see `Rows.numbers`."""
    bad = BadCells()
    return read_numbers(name, column, bad), bad.first


def read_numbers(name: str, column: Column, bad: BadCells) -> Floats:
    """Return a column as float64, shape (rows,); `bad` gets the first unreadable values."""
    if isinstance(column, np.ndarray):
        if column.dtype.kind in "fiub":
            return column.astype(np.float64, copy=False)
        values: list[Any] = column.tolist()
    elif isinstance(column, Dictionary):
        table = np.full(len(column.values) + 1, np.nan)
        unreadable = np.zeros(len(table), dtype=bool)
        for index, value in enumerate(column.values):
            unreadable[index] = not _put(table, index, value)
        try:
            numbers: Floats = table[column.indices]
        except IndexError as error:
            raise InputError(f"columns.{name}", "indices within the dictionary", str(error)) from error
        if unreadable.any():
            for row in np.flatnonzero(unreadable[column.indices])[: bad.room].tolist():
                bad.add(row, name, "a number", column.values[column.indices[row]])
        return numbers
    else:
        values = column
    plain = plain_numbers(values)
    if plain is not None:
        return plain
    numbers = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        if not _put(numbers, row, value):
            bad.add(row, name, "a number", value)
    return numbers


def _put(numbers: Floats, index: int, value: object) -> bool:
    """Write a value as a number; return False where it is neither a number nor missing."""
    try:
        numbers[index] = number_of(value)
    except (TypeError, ValueError, OverflowError):
        numbers[index] = UNREADABLE
        return False
    return True


def reject_category(feature: Feature, row: int, value: object, bad: BadCells) -> None:
    """Describe a value of a categorical feature that could not be read."""
    bad.add(row, feature.column, expected_of(feature), value)
