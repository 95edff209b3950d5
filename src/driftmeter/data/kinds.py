"""Kinds: whether a column holds numbers, categories or true and false, or is not monitored.

The type of a column decides where it is specific enough. Columns of objects, and of types that only one library has,
are decided by their values.
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

from driftmeter.data.columns import Column, Dictionary, Source
from driftmeter.data.written_numbers import written_numbers
from driftmeter.errors import ProfileError
from driftmeter.profile.values import MISSING_WORDS, TRUTHS, number_of, plain

NUMBERS_SHARE = 0.95
"""Share of the present values that must be numbers for a column to be numeric: the others are its placeholders."""
_MOMENT = "a date-time; ask for its hour or weekday"
_TIME = "a time of day, which is not monitored; ask for it as categories"
_MOST_EXAMPLES = 5
_CODE = re.compile(r"\s*[+-]?0[0-9]+\s*")
_LOOKED_AT = 1_000
"""The distinct texts that are looked at where none of them is a number."""
_EXPECTED = {
    "numeric": "numbers",
    "boolean": "true or false",
    "categorical": "categories (texts or numbers)",
    "hour": "date-times",
    "weekday": "date-times",
}
_NO_MOMENTS = frozenset(["boolean", "time", "length", "period", "other"])

Placeholders = tuple[int, tuple[str, ...]]
"""How many values are placeholders, and the most frequent of them."""


def kind_of(source: Source) -> tuple[str | None, str]:
    """Return the kind of a column and "", or None and the reason why it is not monitored.

    >>> import polars
    >>> texts = polars.Series(["1.5", "2", "?"] * 30 + ["3"] * 900)
    >>> kind_of(Source(nw.from_native(texts, series_only=True)))
    ('numeric', '')
    """
    series = source.series
    dtype = series.dtype
    if dtype == nw.Boolean:
        return "boolean", ""
    if dtype.is_numeric():
        return "numeric", ""
    for types, reason in (
        ((nw.Datetime, nw.Date), _MOMENT),
        ((nw.Time,), _TIME),
        ((nw.Duration,), "a length of time, which is not monitored; as a number of seconds it is"),
    ):
        if isinstance(dtype, types):
            return None, reason
    unmonitored = _unmonitored_type(series)
    if unmonitored is not None:
        return None, f"of type {unmonitored}, which is not monitored"
    column = source.column
    assert isinstance(column, Dictionary)
    if isinstance(dtype, nw.String):
        return ("numeric" if placeholders_of(column) else "categorical"), ""
    return _kind_of_values(dtype, series, column)


def _unmonitored_type(series: nw.Series[Any]) -> str | None:
    """Return the name of a type that no kind can be made of (lists, structs, bytes that are no text), else None."""
    dtype = series.dtype
    if dtype.is_nested() or type(dtype).__name__ == "Map":
        return str(dtype)
    native = getattr(series.to_native(), "type", None)
    if dtype in (nw.Unknown, nw.Binary) and native is not None:  # Arrow, all of whose plain types narwhals knows
        return None if str(native) == "null" else str(native)
    if isinstance(dtype, nw.Binary):
        first = series.drop_nulls().head(_LOOKED_AT).to_list()
        return str(dtype) if not first or any(isinstance(plain(value), bytes) for value in first) else None
    return None


def _kind_of_values(dtype: nw.dtypes.DType, series: nw.Series[Any], column: Dictionary) -> tuple[str | None, str]:
    """Decide by the values where the type is not specific: objects, extension types, categories of any values."""
    unmonitored = next((value for value in column.values if _group(value) is None), None)
    if unmonitored is not None:
        got = f"{_type_in_plural(unmonitored)}, such as {str(unmonitored)[:40]!r}"
        return None, f"holds {got}, which are not monitored"
    groups = {_group(value) for value in column.values} - {"none"}
    if isinstance(dtype, nw.Categorical | nw.Enum):
        return "categorical", ""
    if not groups:
        return "categorical", ""
    if groups == {"boolean"}:
        return "boolean", ""
    if groups == {"number"} or (
        "number" in groups and groups <= {"number", "text", "boolean"} and _are_mostly_numbers(column)
    ):
        return "numeric", ""
    if groups == {"text"}:
        return ("numeric" if placeholders_of(column) else "categorical"), ""
    for group, reason in (("moment", _MOMENT), ("time", _TIME)):
        if groups == {group}:
            return None, reason
    if groups & {"length", "period"}:
        return None, f"of type {_type_of(dtype, series)}, which is not monitored"
    return "categorical", ""


def _type_of(dtype: nw.dtypes.DType, series: nw.Series[Any]) -> str:
    """Return the name of a type: by its own library where narwhals has no name for it."""
    native = series.to_native()
    return str(getattr(native, "dtype", getattr(native, "type", dtype))) if dtype == nw.Unknown else str(dtype)


def _group(value: object) -> str | None:
    """Return the group of a value by its type, None where no feature can hold it."""
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


def _type_in_plural(value: object) -> str:
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


def _values_with_rows(column: Dictionary) -> Iterator[tuple[object, int]]:
    """Yield each present value with the number of its rows."""
    present = column.indices[column.indices >= 0]
    rows = np.bincount(present, minlength=len(column.values))
    for value, count in zip(column.values, rows.tolist(), strict=True):
        if count:
            yield value, count


def _are_mostly_numbers(column: Dictionary) -> bool:
    numbers, others, _ = _numbers_and_others(column)
    return numbers > 0 and numbers >= NUMBERS_SHARE * (numbers + others)


def _numbers_and_others(column: Dictionary) -> tuple[int, int, list[str]]:
    """Return how many values are numbers, how many are neither numbers nor missing, and the latter by frequency.

    A text with a leading zero is a code: in a column that holds one, no value counts as a number.
    """
    numbers, others, counts = 0, 0, dict[str, int]()
    for index, (value, count) in enumerate(_values_with_rows(column)):
        text = value if isinstance(value, str) else None
        if text is not None and text.strip().lower() in MISSING_WORDS:
            continue
        if text is not None and _CODE.fullmatch(text):
            return 0, len(column), []
        try:
            # "true" is a number in a numeric column, but does not make a column numeric
            number = number_of("-" if text is not None and text.strip().lower() in TRUTHS else value)
        except (TypeError, ValueError, OverflowError):
            others += count
            counts[str(value)] = count
        else:
            numbers += number == number and count
        if index == _LOOKED_AT and not numbers:
            return 0, others, []
    return numbers, others, sorted(counts, key=lambda text: (-counts[text], text))


def placeholders_of(column: Column) -> Placeholders | None:
    """Return the placeholders among the numbers of a column of text or objects.

    None where all values are numbers, where more than a twentieth of them are not, or where the numbers are codes.
    """
    if not isinstance(column, Dictionary):
        return None
    numbers, others, texts = _numbers_and_others(column)
    if not others or numbers < NUMBERS_SHARE * (numbers + others):
        return None
    return others, tuple(texts[:_MOST_EXAMPLES])


def placeholders_note(column: Column) -> str | None:
    """Describe the placeholders of a numeric column in a sentence, None where it has none."""
    placeholders = placeholders_of(column)
    if placeholders is None:
        return None
    count, examples = placeholders
    shown = ", ".join(repr(text[:20]) for text in examples)
    return f"{count:,} {'value is no number' if count == 1 else 'values are no numbers'} ({shown}): unreadable"


def as_kind(name: str, source: Source, kind: str) -> Column:
    """Return the values of a column as that kind; raises ProfileError naming the column where they are of another."""
    dtype = source.series.dtype
    unmonitored = _unmonitored_type(source.series)
    if unmonitored is not None:
        raise ProfileError(f"column {name!r}: expected {_EXPECTED[kind]}, got type {unmonitored}")
    column = source.column
    if isinstance(column, Dictionary):
        value = next((value for value in column.values if _group(value) is None), None)
        if value is not None:
            raise ProfileError(f"column {name!r}: expected {_EXPECTED[kind]}, got {_type_in_plural(value)}")
    if kind in ("hour", "weekday"):
        groups = {_group(value) for value in column.values} if isinstance(column, Dictionary) else {"moment"}
        if groups & _NO_MOMENTS:
            raise ProfileError(f"column {name!r}: its {kind} needs a date-time column, got {dtype}")
    elif kind == "numeric":
        return _as_numbers(name, dtype, column)
    return column


def _as_numbers(name: str, dtype: nw.dtypes.DType, column: Column) -> Column:
    """Return numbers as an array, or the column as it is where some of its values are placeholders."""
    if isinstance(column, list) or isinstance(dtype, nw.Time | nw.Duration):
        raise ProfileError(f"column {name!r}: expected numbers, got {dtype}")
    if isinstance(column, np.ndarray):
        return column if column.dtype.kind == "f" else column.astype(np.float64)
    numbers = np.full(len(column.values) + 1, np.nan)
    some_numbers = some_others = False
    for index, value in enumerate(column.values):
        try:
            numbers[index] = number_of(value)
        except (TypeError, ValueError, OverflowError):
            some_others = True
        else:
            some_numbers = some_numbers or numbers[index] == numbers[index]
    if some_others:
        if some_numbers:
            return column
        written = written_numbers(value for value in column.values if isinstance(value, str))
        hint = "" if written is None else f": {written}"
        raise ProfileError(f"column {name!r}: expected numbers, got {dtype}, of which none is one{hint}")
    decoded: np.ndarray[Any, np.dtype[Any]] = numbers[column.indices]
    return decoded
