"""What a column is: numbers, categories, true or false, or nothing that is monitored; decided by what its values are.

Types decide where they say enough; objects, and whatever type a library has of its own, are looked through.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any
from uuid import UUID

import narwhals as nw
import numpy as np

from driftmeter.data.columns import EXACT, Column, Dictionary, column_of
from driftmeter.errors import ProfileError
from driftmeter.profile.values import MISSING_WORDS, TRUTHS, number_of, plain

NUMBERS_SHARE = 0.95
"""A column of which so many present values are numbers is one of numbers: the others are its placeholders."""
IDENTIFIER = (
    "looks like an identifier: nearly every row has another integer beyond 2**53; a quantity where it is asked for as "
    "numeric"
)
_MOMENT = "a date-time; ask for its hour or weekday"
_TIME = "a time of day, which is not monitored; ask for it as categories"
_FEWEST = 20
"""Present values from which on it is no chance that all differ."""
_MOST_EXAMPLES = 5
_CODE = re.compile(r"\s*[+-]?0[0-9]+\s*")
_LOOKED_AT = 1_000
"""Distinct texts of which so few as none is a number tell that the rest are none either."""

Placeholders = tuple[int, tuple[str, ...]]


def kind_of(series: nw.Series[Any], *, asked: bool = False) -> tuple[str | None, str]:
    """Return the kind of a column, or None and a sentence that says why it has none.

    `asked` says that somebody named the column: then it is not left out for looking like an identifier.
    """
    dtype = series.dtype
    if dtype == nw.Boolean:
        return "boolean", ""
    if dtype.is_numeric():
        return (None, IDENTIFIER) if not asked and _is_identifier(column_of(series)) else ("numeric", "")
    for types, reason in (
        ((nw.Datetime, nw.Date), _MOMENT),
        ((nw.Time,), _TIME),
        ((nw.Duration,), "a length of time, which is not monitored; as a number of seconds it is"),
    ):
        if isinstance(dtype, types):
            return None, reason
    strange = _strange_type(series)
    if strange is not None:
        return None, f"of type {strange}, which is not monitored"
    column = column_of(series)
    assert isinstance(column, Dictionary)
    if isinstance(dtype, nw.String):
        return ("numeric" if placeholders_of(column) else "categorical"), ""
    return _kind_of_values(dtype, series, column, asked=asked)


def _strange_type(series: nw.Series[Any]) -> str | None:
    """Return the name of a type whose values need no look: lists, structs, bytes that are no text."""
    dtype = series.dtype
    if dtype.is_nested() or type(dtype).__name__ == "Map":
        return str(dtype)
    native = getattr(series.to_native(), "type", None)
    if dtype in (nw.Unknown, nw.Binary) and native is not None:  # of Arrow, whose plain types are all known
        return None if str(native) == "null" else str(native)
    if isinstance(dtype, nw.Binary):
        some = series.drop_nulls().head(_LOOKED_AT).to_list()
        return str(dtype) if not some or any(isinstance(plain(value), bytes) for value in some) else None
    return None


def _kind_of_values(
    dtype: nw.dtypes.DType, series: nw.Series[Any], column: Dictionary, *, asked: bool
) -> tuple[str | None, str]:
    """Decide by the values where the type says little: objects, extension types, categories of anything."""
    strange = next((value for value in column.values if _group(value) is None), None)
    if strange is not None:
        return None, f"holds {_named(strange)}, such as {str(strange)[:40]!r}, which are not monitored"
    groups = {_group(value) for value in column.values} - {"none"}
    if isinstance(dtype, nw.Categorical | nw.Enum):
        return "categorical", ""
    if not groups:
        return "categorical", ""
    if groups == {"boolean"}:
        return "boolean", ""
    if groups == {"number"} or ("number" in groups and groups <= {"number", "text", "boolean"} and _mostly(column)):
        return (None, IDENTIFIER) if not asked and _is_identifier(column) else ("numeric", "")
    if groups == {"text"}:
        return ("numeric" if placeholders_of(column) else "categorical"), ""
    for group, reason in (("moment", _MOMENT), ("time", _TIME)):
        if groups == {group}:
            return None, reason
    if groups & {"length", "period"}:
        return None, f"of type {_type_of(dtype, series)}, which is not monitored"
    return "categorical", ""


def _type_of(dtype: nw.dtypes.DType, series: nw.Series[Any]) -> str:
    """Return the name of a type, as its own library has it where ours has none."""
    native = series.to_native()
    return str(getattr(native, "dtype", getattr(native, "type", dtype))) if dtype == nw.Unknown else str(dtype)


def _group(value: object) -> str | None:
    """Return what sort of value this is to a feature, None where it is none."""
    value = plain(value)
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float | Decimal | Fraction):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, dt.date):
        return "moment"
    if isinstance(value, dt.time):
        return "time"
    if isinstance(value, dt.timedelta):
        return "length"
    if isinstance(value, UUID | Enum):
        return "other"
    # told by name: pandas need not be there
    if type(value).__module__.partition(".")[0] == "pandas":
        return {"Interval": "other", "Period": "period"}.get(type(value).__name__)
    return None


def _named(value: object) -> str:
    names: dict[type, str] = {
        list: "lists",
        dict: "objects",
        tuple: "tuples",
        set: "sets",
        bytes: "bytes that are no text",
    }
    if isinstance(value, np.ndarray):
        return "arrays"
    return names.get(type(value), f"values of type {type(value).__name__}")


def _counted(column: Dictionary) -> Iterator[tuple[object, int]]:
    """Yield each present value with the number of its rows."""
    present = column.indices[column.indices >= 0]
    rows = np.bincount(present, minlength=len(column.values))
    for value, count in zip(column.values, rows.tolist(), strict=True):
        if count:
            yield value, count


def _mostly(column: Dictionary) -> bool:
    numbers, others, _ = _sorted_out(column)
    return numbers > 0 and numbers >= NUMBERS_SHARE * (numbers + others)


def _sorted_out(column: Dictionary) -> tuple[int, int, list[str]]:
    """Return how many values are numbers, how many are none and not missing either, and the most frequent of these.

    Texts with a leading zero are codes, and among them nothing is a number.
    """
    numbers, others, found = 0, 0, dict[str, int]()
    for place, (value, count) in enumerate(_counted(column)):
        text = value if isinstance(value, str) else None
        if text is not None and text.strip().lower() in MISSING_WORDS:
            continue
        if text is not None and _CODE.fullmatch(text):
            return 0, len(column), []
        try:
            # numbers in a column of numbers, and no sign that a column is one
            number = number_of("-" if text is not None and text.strip().lower() in TRUTHS else value)
        except (TypeError, ValueError, OverflowError):
            others += count
            found[str(value)] = count
        else:
            numbers += number == number and count
        if place == _LOOKED_AT and not numbers:
            return 0, others, []
    return numbers, others, sorted(found, key=lambda text: (-found[text], text))


def placeholders_of(column: Column) -> Placeholders | None:
    """Return how many values of a column of text or objects are placeholders among numbers, and the most frequent.

    None where at least a twentieth is no number, where there are no placeholders, or where numbers are codes.
    """
    if not isinstance(column, Dictionary):
        return None
    numbers, others, found = _sorted_out(column)
    if not others or numbers < NUMBERS_SHARE * (numbers + others):
        return None
    return others, tuple(found[:_MOST_EXAMPLES])


def placeholders_note(column: Column) -> str | None:
    """Say what the placeholders of a numeric column are, and what becomes of them."""
    found = placeholders_of(column)
    if found is None:
        return None
    count, examples = found
    shown = ", ".join(repr(text[:20]) for text in examples)
    return f"{count:,} {'value is no number' if count == 1 else 'values are no numbers'} ({shown}): unreadable"


def _is_identifier(column: Column) -> bool:
    """Say whether nearly all of some integers differ and most are beyond 2**53, as no quantity needs."""
    if isinstance(column, Dictionary):
        values = [value for value in map(plain, column.values) if isinstance(value, int)]
        present = int(np.count_nonzero(column.indices >= 0))
        large = sum(abs(value) > EXACT for value in values)
        distinct = len(values)
    elif isinstance(column, np.ndarray) and column.dtype.kind in "iu":
        present = len(column)
        distinct = len(np.unique(column))
        signed = column.dtype.kind == "i"
        large = int(np.count_nonzero((column > EXACT) | (column < -EXACT) if signed else column > EXACT))
    else:
        return False
    return present > _FEWEST and distinct >= NUMBERS_SHARE * present and 2 * large > distinct


def as_kind(name: str, series: nw.Series[Any], kind: str) -> Column:
    """Return the column's values, read as that kind; raises ProfileError where they cannot be."""
    dtype = series.dtype
    strange = _strange_type(series)
    if strange is not None:
        raise ProfileError(f"column {name!r}: expected {_EXPECTED[kind]}, got type {strange}")
    column = column_of(series)
    if isinstance(column, Dictionary):
        value = next((value for value in column.values if _group(value) is None), None)
        if value is not None:
            raise ProfileError(f"column {name!r}: expected {_EXPECTED[kind]}, got {_named(value)}")
    if kind in ("hour", "weekday"):
        groups = {_group(value) for value in column.values} if isinstance(column, Dictionary) else {"moment"}
        if groups & _NO_MOMENTS:
            raise ProfileError(f"column {name!r}: its {kind} needs a date-time column, got {dtype}")
    elif kind == "numeric":
        return _as_numbers(name, dtype, column)
    return column


_EXPECTED = {
    "numeric": "numbers",
    "boolean": "true or false",
    "categorical": "categories (texts or numbers)",
    "hour": "date-times",
    "weekday": "date-times",
}
_NO_MOMENTS = frozenset(["boolean", "time", "length", "period", "other"])


def _as_numbers(name: str, dtype: nw.dtypes.DType, column: Column) -> Column:
    """Return numbers as an array; with the placeholders among them, if there are any, as they came."""
    if isinstance(column, list) or isinstance(dtype, nw.Time | nw.Duration):
        raise ProfileError(f"column {name!r}: expected numbers, got {dtype}")
    if isinstance(column, np.ndarray):
        return column if column.dtype.kind == "f" else column.astype(np.float64)
    numbers = np.full(len(column.values) + 1, np.nan)
    some = others = False
    for place, value in enumerate(column.values):
        try:
            numbers[place] = number_of(value)
        except (TypeError, ValueError, OverflowError):
            others = True
        else:
            some = some or numbers[place] == numbers[place]
    if others:
        if some:
            return column
        raise ProfileError(f"column {name!r}: expected numbers, got {dtype}, of which none is one")
    found: np.ndarray[Any, np.dtype[Any]] = numbers[column.indices]
    return found
