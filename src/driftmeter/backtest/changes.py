"""Changes that a fault makes to a column: one small class each, pure except for the random generator passed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from driftmeter.data.columns import Column, Dictionary
from driftmeter.data.time_columns import Times
from driftmeter.types import Codes, Floats, Milliseconds

UNITS: Mapping[str, tuple[float, float]] = {
    "f2c": (5 / 9, -160 / 9),
    "c2f": (9 / 5, 32.0),
    "c2k": (1.0, 273.15),
    "k2c": (1.0, -273.15),
    "mi2km": (1.609344, 0.0),
    "km2mi": (1 / 1.609344, 0.0),
    "kt2kmh": (1.852, 0.0),
    "kmh2kt": (1 / 1.852, 0.0),
    "ft2m": (0.3048, 0.0),
    "m2ft": (1 / 0.3048, 0.0),
    "in2cm": (2.54, 0.0),
    "cm2in": (1 / 2.54, 0.0),
    "lb2kg": (0.45359237, 0.0),
    "kg2lb": (1 / 0.45359237, 0.0),
    "inhg2hpa": (33.8638866667, 0.0),
    "hpa2inhg": (1 / 33.8638866667, 0.0),
}
"""Wrong units: a value becomes value × factor + offset."""


class ColumnChange(Protocol):
    """Changes some rows of a column. `numbers_only` says that only columns of numbers can be changed so."""

    numbers_only: ClassVar[bool]

    def apply(self, column: Column, rows: slice, times: Times, rng: np.random.Generator) -> Column:
        """Return a new column that differs within `rows` only; `times` are those of all rows.

        Raises ValueError that says what was expected, where the fault's value is not of the column's type.
        """
        ...


@dataclass(frozen=True)
class Shift:
    """Adds `amount`, in the column's unit, or in its standard deviations where `in_sd`.

    With `over` the shift grows from 0 to `amount` within that time, and then stays.
    """

    amount: float
    in_sd: bool = False
    over: Milliseconds = 0
    numbers_only: ClassVar[bool] = True

    def apply(self, column: Column, rows: slice, times: Times, rng: np.random.Generator) -> Column:
        """Add the amount; the standard deviation is that of all finite values of the column."""
        values = _floats(column)
        amount = self.amount * (float(np.std(values[np.isfinite(values)])) if self.in_sd else 1.0)
        within = times[rows]
        if self.over and len(within):
            values[rows] += amount * np.minimum(1.0, (within - within[0]) / self.over)
        else:
            values[rows] += amount
        return values


@dataclass(frozen=True)
class Scale:
    """Multiplies by `factor`, then adds `offset`."""

    factor: float
    offset: float = 0.0
    numbers_only: ClassVar[bool] = True

    def apply(self, column: Column, rows: slice, times: Times, rng: np.random.Generator) -> Column:
        """Multiply and add within the rows."""
        values = _floats(column)
        values[rows] = values[rows] * self.factor + self.offset
        return values


@dataclass(frozen=True)
class MissingCells:
    """Empties a share of the cells, drawn at random."""

    share: float = 1.0
    numbers_only: ClassVar[bool] = False

    def apply(self, column: Column, rows: slice, times: Times, rng: np.random.Generator) -> Column:
        """Empty that share of the rows, rounded to whole rows; some of them may have been empty before."""
        return _with_value(column, _draw_rows(rows, self.share, rng), None)


@dataclass(frozen=True)
class Stuck:
    """Repeats one value: `value`, or where that is None the last one before the fault."""

    value: str | None = None
    numbers_only: ClassVar[bool] = False

    def apply(self, column: Column, rows: slice, times: Times, rng: np.random.Generator) -> Column:
        """Repeat the value; where none came before the rows, the first one within them."""
        value = _last_value(column, rows) if self.value is None else value_like(self.value, column)
        return _with_value(column, np.arange(rows.start, rows.stop), value)


@dataclass(frozen=True)
class Category:
    """Replaces a share of all values, drawn at random, by one value, which may be new."""

    value: str
    share: float = 1.0
    numbers_only: ClassVar[bool] = False

    def apply(self, column: Column, rows: slice, times: Times, rng: np.random.Generator) -> Column:
        """Replace that share of the rows, rounded to whole rows."""
        return _with_value(column, _draw_rows(rows, self.share, rng), value_like(self.value, column))


@dataclass(frozen=True)
class Shuffle:
    """Permutes the values among the rows: the column's distribution stays, its relation to other columns goes."""

    numbers_only: ClassVar[bool] = False

    def apply(self, column: Column, rows: slice, times: Times, rng: np.random.Generator) -> Column:
        """Permute the values within the rows."""
        indices = np.arange(rows.start, rows.stop)
        order = rng.permutation(indices)
        if isinstance(column, np.ndarray):
            column = column.copy()
            column[indices] = column[order]
            return column
        if isinstance(column, Dictionary):
            codes = column.indices.copy()
            codes[indices] = codes[order]
            return Dictionary(codes, column.values)
        values = list(column)
        values[rows] = [column[index] for index in order]
        return values


def value_like(text: str, column: Column) -> object:
    """Return a fault's value in the type that a column holds; raises ValueError that says which type.

    >>> value_like("7", np.array([1.5])), value_like("7", Dictionary.encode(["Ulm"]))
    (7.0, '7')
    >>> value_like("yes", Dictionary.encode([]))
    'yes'
    """
    if isinstance(column, np.ndarray):
        try:
            return float(text)
        except ValueError:
            raise ValueError("a number") from None
    if isinstance(column, Dictionary):
        types = {type(value) for value in column.values}
        if types == {bool}:
            if text.lower() not in ("true", "false"):
                raise ValueError("true or false")
            return text.lower() == "true"
        if types and types <= {int, float}:
            try:
                return int(text) if types == {int} else float(text)
            except ValueError:
                raise ValueError("a number") from None
        return text
    raise ValueError("no value of its own in a column of times")


def _floats(column: Column) -> Floats:
    """Return a copy as float64, which holds every float32 and every integer that a profile could tell apart."""
    return np.array(column, dtype=np.float64)


def _draw_rows(rows: slice, share: float, rng: np.random.Generator) -> Codes:
    count = rows.stop - rows.start
    drawn: Codes = rows.start + np.sort(rng.choice(count, size=round(share * count), replace=False))
    return drawn


def _last_value(column: Column, rows: slice) -> object:
    """Return the last value before the rows that is not missing, else the first within them; None without one."""
    if isinstance(column, Dictionary):
        present = column.indices >= 0
    elif isinstance(column, np.ndarray):
        present = ~np.isnan(column) if column.dtype.kind == "f" else np.ones(len(column), bool)
    else:
        present = np.array([value is not None for value in column], dtype=bool)
    before, within = np.flatnonzero(present[: rows.start]), np.flatnonzero(present[rows])
    if not before.size and not within.size:
        return None
    index = int(before[-1]) if before.size else rows.start + int(within[0])
    return column.values[column.indices[index]] if isinstance(column, Dictionary) else column[index]


def _with_value(column: Column, rows: Codes, value: object) -> Column:
    """Return a copy that holds `value` in some rows, given by index; None is missing."""
    if isinstance(column, np.ndarray):
        numbers = _floats(column)
        number: Any = np.nan if value is None else value
        numbers[rows] = number
        return numbers
    if isinstance(column, Dictionary):
        codes, values = column.indices.copy(), list(column.values)
        code = -1
        if value is not None:
            # 1, 1.0 and True are equal, and not one category
            same = (index for index, other in enumerate(values) if type(other) is type(value) and other == value)
            code = next(same, len(values))
            if code == len(values):
                values.append(value)
        codes[rows] = code
        return Dictionary(codes, tuple(values))
    cells = list(column)
    for row in rows:
        cells[row] = value
    return cells
