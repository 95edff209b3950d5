"""What a fault does to a column: one small class each, pure but for the generator of chance that it is handed."""

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
"""Slips of unit: a value becomes value × factor + offset."""


class Change(Protocol):
    """Alters some rows of a column. `numbers` says that only columns of numbers can be altered so."""

    numbers: ClassVar[bool]

    def apply(self, column: Column, rows: slice, times: Times, rng: np.random.Generator) -> Column:
        """Return a new column, different within `rows` only; `times` are those of all rows.

        Raises ValueError saying what was expected, where a value of the fault is none of that column's type.
        """
        ...


@dataclass(frozen=True)
class Shift:
    """Adds `amount`, of the column's own unit, or of its standard deviations where `in_sd`.

    With `over` it grows from nothing to `amount` within that time, and then stays.
    """

    amount: float
    in_sd: bool = False
    over: Milliseconds = 0
    numbers: ClassVar[bool] = True

    def apply(self, column: Column, rows: slice, times: Times, rng: np.random.Generator) -> Column:
        """Add; the standard deviation is that of all finite values of the column."""
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
    numbers: ClassVar[bool] = True

    def apply(self, column: Column, rows: slice, times: Times, rng: np.random.Generator) -> Column:
        """Multiply and add."""
        values = _floats(column)
        values[rows] = values[rows] * self.factor + self.offset
        return values


@dataclass(frozen=True)
class MissingCells:
    """Empties a share of the cells, drawn at random."""

    share: float = 1.0
    numbers: ClassVar[bool] = False

    def apply(self, column: Column, rows: slice, times: Times, rng: np.random.Generator) -> Column:
        """Empty exactly that share of the rows, rounded; some may have been empty before."""
        return _put(column, _drawn(rows, self.share, rng), None)


@dataclass(frozen=True)
class Stuck:
    """Repeats one value: `value`, or else the last one before the fault."""

    value: str | None = None
    numbers: ClassVar[bool] = False

    def apply(self, column: Column, rows: slice, times: Times, rng: np.random.Generator) -> Column:
        """Repeat; where no value came before, the first one within the rows."""
        places = np.arange(rows.start, rows.stop)
        return _put(column, places, _last(column, rows) if self.value is None else alike(self.value, column))


@dataclass(frozen=True)
class Category:
    """Puts one value, new or known, in the place of a share of all values, drawn at random."""

    value: str
    share: float = 1.0
    numbers: ClassVar[bool] = False

    def apply(self, column: Column, rows: slice, times: Times, rng: np.random.Generator) -> Column:
        """Replace exactly that share of the rows, rounded."""
        return _put(column, _drawn(rows, self.share, rng), alike(self.value, column))


@dataclass(frozen=True)
class Shuffle:
    """Deals the values out anew among the rows: the column by itself stays as it was, its company changes."""

    numbers: ClassVar[bool] = False

    def apply(self, column: Column, rows: slice, times: Times, rng: np.random.Generator) -> Column:
        """Permute within the rows."""
        places = np.arange(rows.start, rows.stop)
        order = rng.permutation(places)
        if isinstance(column, np.ndarray):
            column = column.copy()
            column[places] = column[order]
            return column
        if isinstance(column, Dictionary):
            indices = column.indices.copy()
            indices[places] = indices[order]
            return Dictionary(indices, column.values)
        values = list(column)
        values[rows] = [column[place] for place in order]
        return values


def alike(text: str, column: Column) -> object:
    """Return a fault's value in the type that a column holds; raises ValueError saying which.

    >>> alike("7", np.array([1.5])), alike("7", Dictionary.encode(["Ulm"])), alike("yes", Dictionary.encode([]))
    (7.0, '7', 'yes')
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


def _drawn(rows: slice, share: float, rng: np.random.Generator) -> Codes:
    count = rows.stop - rows.start
    drawn: Codes = rows.start + np.sort(rng.choice(count, size=round(share * count), replace=False))
    return drawn


def _last(column: Column, rows: slice) -> object:
    """Return the last value present before the rows, else the first one within, None where there is neither."""
    if isinstance(column, Dictionary):
        present = column.indices >= 0
    elif isinstance(column, np.ndarray):
        present = ~np.isnan(column) if column.dtype.kind == "f" else np.ones(len(column), bool)
    else:
        present = np.array([value is not None for value in column], dtype=bool)
    before, within = np.flatnonzero(present[: rows.start]), np.flatnonzero(present[rows])
    if not before.size and not within.size:
        return None
    place = int(before[-1]) if before.size else rows.start + int(within[0])
    return column.values[column.indices[place]] if isinstance(column, Dictionary) else column[place]


def _put(column: Column, places: Codes, value: object) -> Column:
    """Return a copy that holds `value` at some places; None is missing."""
    if isinstance(column, np.ndarray):
        values = _floats(column)
        number: Any = np.nan if value is None else value
        values[places] = number
        return values
    if isinstance(column, Dictionary):
        indices, known = column.indices.copy(), list(column.values)
        index = -1
        if value is not None:
            # 1, 1.0 and True are equal, and not one category
            same = (place for place, each in enumerate(known) if type(each) is type(value) and each == value)
            index = next(same, len(known))
            if index == len(known):
                known.append(value)
        indices[places] = index
        return Dictionary(indices, tuple(known))
    cells = list(column)
    for place in places:
        cells[place] = value
    return cells
