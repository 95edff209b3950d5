"""Values: what one cell means to each kind of feature, the same on every input path.

| cell | a number | true or false | a category of numbers | a category of texts |
|---|---|---|---|---|
| None, NaN, NaT, NA | missing | missing | missing | missing |
| "" and blanks | missing | missing | missing | the text |
| "NaN", "NA", "N/A", "null" … | missing | missing | missing | the text |
| True | 1 | true | 1 | true |
| 1, 1.0, Decimal("1.0") | 1 | true | 1 | 1 |
| "1", " 1.0 " | 1 | true | 1 | the text |
| "true", "TRUE" | 1 | true | 1 | the text |
| 0.1 + 0.2, float32 0.3 | 0.3 to 6 digits | unreadable | 0.3 | 0.3 |
| dates, times, UUIDs, intervals | unreadable | unreadable | their text | their text |
| "unknown" | unreadable | unreadable | the text | the text |
| lists, objects, arrays of several | unreadable | unreadable | unreadable | unreadable |

Wrappers do not matter: an array or series of one value, a 0-d array, an Arrow scalar, a member of an Enum and UTF-8
bytes mean the value that they hold.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import struct
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, Literal
from uuid import UUID

import numpy as np
import numpy.typing as npt

from driftmeter.types import Floats

CategoryType = Literal["string", "integer", "float", "boolean"]

_UNREADABLE_BITS = 0x7FF8_0000_0000_D81F
UNREADABLE: float = struct.unpack("<d", struct.pack("<Q", _UNREADABLE_BITS))[0]
"""Marks a cell of an array of numbers that held something else: a NaN with a special payload, as R marks NA. Low bits
of the payload are set, so that no NaN that was a float32 equals it."""

MISSING_WORDS = frozenset(["", "nan", "na", "n/a", "#n/a", "<na>", "nat", "null", "none"])
"""Texts, in any case and between blanks, that mean a missing number or a missing true or false."""
TRUTHS = frozenset(["true", "false"])
"""Texts, in any case and between blanks, that mean true or false."""
_DIGITS = 6
"""Significant digits of a number that survive a float32 and a sum in another order."""
_EXACT = 2**53
_WHOLE = re.compile(r"-?(?:0|[1-9]\d*)(?:\.0)?", re.ASCII)
_MOST_WRAPPERS = 8


def is_unreadable(numbers: Floats) -> npt.NDArray[np.bool_]:
    """Say which numbers are UNREADABLE, as booleans of the same shape.

    >>> is_unreadable(np.array([UNREADABLE, np.nan, 1.0])).tolist()
    [True, False, False]
    """
    return np.asarray(np.asarray(numbers).view(np.uint64) == _UNREADABLE_BITS)


def surely_finite(numbers: Floats) -> bool:
    """Say whether no number is NaN or infinite, at the cost of one sum.

    False also if the sum of finite numbers overflows.

    >>> surely_finite(np.array([1.0, 2.0])), surely_finite(np.array([1.0, np.nan])), surely_finite(np.full(2, 1e308))
    (True, False, False)
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(numbers.sum()))


def is_missing(value: object) -> bool:
    """Say whether a value stands for a missing one in data frames: None, NaN, NaT, pandas' NA, numpy's masked."""
    if value is None:
        return True
    if isinstance(value, float | np.floating):
        return bool(value != value)
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    if isinstance(value, Decimal):
        return value.is_nan()
    # by name, since pandas may not be installed, and comparing its NA gives NA
    kind = type(value).__name__
    if kind == "MaskedConstant":  # its `item` is 0.0
        return type(value).__module__.startswith("numpy.")
    return kind in ("NAType", "NaTType") and type(value).__module__.startswith("pandas.")


def plain(value: Any) -> object:
    """Unwrap a value from arrays and series of one value, numpy's and Arrow's scalars, enums and UTF-8 bytes.

    A missing value gives None; a value that cannot be unwrapped stays as it is.

    >>> plain(np.array([0.3])), plain(b"Ulm"), plain(np.float32(0.5)), plain(np.datetime64("2024-01-05"))
    (0.3, 'Ulm', 0.5, datetime.date(2024, 1, 5))
    """
    for _ in range(_MOST_WRAPPERS):
        if is_missing(value):
            return None
        if isinstance(value, Enum):
            value = value.value
        elif isinstance(value, bytes | bytearray | memoryview):
            try:
                return bytes(value).decode()
            except UnicodeDecodeError:
                return value
        elif isinstance(value, np.datetime64 | np.timedelta64):
            unit = "us" if np.datetime_data(value.dtype)[0] in ("ns", "ps", "fs", "as") else None
            value = (value if unit is None else value.astype(f"{value.dtype.kind}8[us]")).item()
        elif isinstance(value, np.ndarray) and value.size == 1:
            value = value.flat[0]  # not `item`, which makes nanoseconds integers and unmasks masked values
        elif hasattr(value, "as_py"):
            value = value.as_py()  # an Arrow scalar
        elif hasattr(value, "item") and not isinstance(value, type):
            # numpy, pandas, polars, torch and others have `item`, which raises where there are several values
            try:
                value = value.item()
            except Exception:
                return value
        elif hasattr(value, "__array__") and not isinstance(value, type):
            value = np.asarray(value)  # a TensorFlow tensor has no `item`
            if value.size != 1:
                return value
        else:
            return value
    return value


def number_of(value: object) -> float:
    """Return a value as a number, NaN where it is missing.

    Raises TypeError or ValueError where it is no number, OverflowError where it is too large for float64.

    >>> number_of(" 1.5e3 "), number_of(True), number_of("n/a")
    (1500.0, 1.0, nan)
    """
    if type(value) is not str:
        value = plain(value)
    if value is None:
        return math.nan
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in MISSING_WORDS:
            return math.nan
        if text.lower() in TRUTHS:
            return float(text.lower() == "true")
        if "_" in text:  # 1_000 is a number in Python's source code only
            raise ValueError(value)
        return float(text)
    if isinstance(value, int | float | Decimal | Fraction):
        return float(value)
    raise TypeError(type(value).__name__)


def texts_of(value: object, dtype: CategoryType) -> tuple[str, ...]:
    """Return the texts that a category may have, the canonical one first; no text where the value is missing.

    A whole number has the same canonical text as an int and as a float, so that 1 and 1.0 meet in JSON, msgpack and
    Arrow. The text "1" is the number 1 only where the categories of the reference are numbers. The further texts are
    for references that wrote the value in another way, such as "1.0", "True" or a time without seconds. Raises
    TypeError on lists, objects and other values that are no category, and ValueError where a boolean is expected and
    the value is neither true nor false.

    >>> texts_of(1.0, "integer"), texts_of(" 1", "integer"), texts_of(True, "boolean"), texts_of(0.1 + 0.2, "float")
    (('1',), ('1',), ('true',), ('0.3',))
    >>> texts_of(1.0, "string")
    ('1', '1.0')
    """
    if type(value) is not str:
        value = plain(value)
    if value is None:
        return ()
    if dtype == "boolean":
        return _boolean(value)
    if isinstance(value, str):
        return (value,) if dtype == "string" else _text_of_number(value)
    if isinstance(value, bool):
        if dtype != "string":
            return ("1" if value else "0",)
        return ("true", "True", "TRUE", "1") if value else ("false", "False", "FALSE", "0")
    if isinstance(value, int | float | Decimal | Fraction):
        return _number(value, several=dtype == "string")
    if isinstance(value, dt.date | dt.time | dt.timedelta):
        return _moment(value)
    # by name, since pandas may not be installed; the intervals of pandas.cut have the same text in every file
    if isinstance(value, UUID) or (type(value).__name__, type(value).__module__.partition(".")[0]) in (
        ("Interval", "pandas"),
        ("Period", "pandas"),
    ):
        return (str(value),)
    raise TypeError(f"a {type(value).__name__}")


def other_ways(text: str) -> tuple[str, ...]:
    """Return other ways to write the value of a text: whole numbers with or without ".0", true and false in any case,
    dates and times to another precision.

    They are tried where the text itself is no category of the reference. 1.10 and 1.1 stay two values, and so do 01
    and 1.

    >>> other_ways("3.0"), other_ways("TRUE"), other_ways("2024-01-05 00:00:00")[0], other_ways("1.10")
    (('3',), ('true', 'True'), '2024-01-05', ())
    """
    if _WHOLE.fullmatch(text):
        return (text.removesuffix(".0"),) if text.endswith(".0") else (f"{text}.0",)
    if (lowered := text.lower()) in TRUTHS:
        return tuple(way for way in (lowered, lowered.capitalize(), lowered.upper()) if way != text)
    if text[:1].isdigit() and ("-" in text or ":" in text):
        for kind in (dt.datetime, dt.time):
            try:
                moment = kind.fromisoformat(text)
            except ValueError:
                continue
            return tuple(way for way in _moment(moment) if way != text)
    return ()


def canonical(value: object, dtype: CategoryType) -> str | None:
    """Return the canonical text of a category, None where it is missing; raises what `texts_of` raises."""
    texts = texts_of(value, dtype)
    return texts[0] if texts else None


def _boolean(value: object) -> tuple[str, ...]:
    number = number_of(value)  # accepts "+1" and "1.00", which are numbers in a CSV column of such texts
    if number != number:
        return ()
    if number not in (0, 1):
        raise ValueError(f"the number {number}")
    return ("true" if number else "false",)


def _text_of_number(text: str) -> tuple[str, ...]:
    """Return the texts of a text where the categories of the reference are numbers."""
    stripped = text.strip()
    if stripped.lower() in MISSING_WORDS:
        return ()
    if stripped.lower() in TRUTHS:
        return ("1" if stripped.lower() == "true" else "0",)
    if stripped.lstrip("+-").isdecimal() and stripped.isascii():
        return (str(int(stripped)),)  # as floats, neighbours beyond 2**53 would be equal
    try:
        return _number(math.nan if "_" in stripped else float(stripped), several=False)
    except ValueError:
        return (text,)


def _number(number: int | float | Decimal | Fraction, *, several: bool) -> tuple[str, ...]:
    """Write a number: a whole one without a point, others with as many digits as survive a float32."""
    if isinstance(number, float) and not math.isfinite(number):
        if number != number:
            raise ValueError(str(number))
        return (str(number),)
    if isinstance(number, Decimal) and not number.is_finite():
        return (str(float(number)),)
    if number == int(number):
        whole = str(int(number))
        return (whole, f"{whole}.0") if several else (whole,)
    exact = repr(float(number))
    short = float(f"{float(number):.{_DIGITS}g}")
    text = str(int(short)) if short.is_integer() and abs(short) < _EXACT else repr(short)
    return tuple(dict.fromkeys((text, exact))) if several else (text,)


def _moment(value: dt.date | dt.time | dt.timedelta) -> tuple[str, ...]:
    """Write a date or a time as ISO 8601, and in the other ways in which files hold it."""
    if isinstance(value, dt.timedelta):
        return (str(value),)
    if isinstance(value, dt.datetime):
        texts = [
            value.isoformat(" "),
            value.isoformat(),
            value.isoformat(" ", "seconds"),
            value.isoformat("T", "seconds"),
        ]
        texts += [
            value.isoformat(separator, unit) for unit in ("milliseconds", "microseconds") for separator in (" ", "T")
        ]
        if value.tzinfo is None and value.time() == dt.time(0):
            texts.insert(0, value.date().isoformat())
        return tuple(dict.fromkeys(texts))
    if isinstance(value, dt.time):
        units = ("auto", "minutes", "milliseconds", "microseconds")
        return tuple(dict.fromkeys(value.isoformat(unit) for unit in units if unit != "minutes" or not value.second))
    return (value.isoformat(), f"{value.isoformat()} 00:00:00")
