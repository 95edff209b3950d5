"""Formats of times other than ISO 8601: how they are given, checked, read, and recognised."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from decimal import Decimal

from driftmeter.errors import InputError
from driftmeter.profile.values import plain
from driftmeter.timestamps import read_text

UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""Formats that are a unit since the epoch, and how many of it make a second."""
_SAMPLE = dt.datetime(2031, 11, 28, 13, 46, 59, 123_456, dt.UTC)
_DATES = (
    *("%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y.%m.%d", "%Y%m%d"),
    *("%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d %Y", "%b %d, %Y", "%d/%b/%Y"),
    *("%d %B %Y", "%B %d, %Y", "%a, %d %b %Y", "%b %Y", "%B %Y", "%Y-%m", "%Y/%m", "%m/%Y", "%Y"),
)
_CLOCKS = (
    *("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S", ", %H:%M"),
    *(" %H:%M:%S %z", ":%H:%M:%S %z"),
)
_FORMATS = (*(date + clock for date in _DATES for clock in _CLOCKS), "%a %b %d %H:%M:%S %z %Y")
_LIKELY = re.compile(r"[\w,:/.+ -]{4,40}")
_YEAR = re.compile("%[YyGcx]")
_MOST_LOOKED_AT = 500
_SHARE = 0.95
_YEARS = range(1900, 2101)


def check_format(time_format: str) -> None:
    """Raise InputError on a format that tells no time: not one of Python's `strptime`, or one without a year.

    >>> check_format("%d/%m/%Y %H:%M")
    >>> check_format("%d/%m")
    Traceback (most recent call last):
    driftmeter.errors.InputError: time format: expected s, ms, us, ns, or ... such as %d/%m/%Y %H:%M, got '%d/%m'
    """
    if time_format in UNITS:
        return
    year = 0
    if _YEAR.search(time_format):
        with suppress(ValueError, re.error):
            year = dt.datetime.strptime(_SAMPLE.strftime(time_format), time_format).year
    if year != _SAMPLE.year:
        expected = "s, ms, us, ns, or a format of Python's strptime with a year, such as %d/%m/%Y %H:%M"
        raise InputError("time format", expected, repr(time_format)[:60])


def reader_of(time_format: str) -> Callable[[object], dt.datetime]:
    """Return a function that reads a cell by a format, checked before; it raises ValueError or TypeError.

    Whole numbers are read as their digits, since a column of 20240131 may have become numbers.

    >>> reader_of("%d/%m/%Y")("31/01/2024"), reader_of("%Y")(2012.0), reader_of("ms")("1704700800000").year
    (datetime.datetime(2024, 1, 31, 0, 0), datetime.datetime(2012, 1, 1, 0, 0), 2024)
    """
    per_second = UNITS.get(time_format)

    def read(cell: object) -> dt.datetime:
        cell = plain(cell)
        if isinstance(cell, dt.datetime):
            return cell
        if isinstance(cell, bool) or not isinstance(cell, str | int | float | Decimal):
            raise TypeError(type(cell).__name__)
        if per_second is not None:
            return dt.datetime.fromtimestamp(float(cell) / per_second, dt.UTC)
        text = cell.strip() if isinstance(cell, str) else str(int(cell)) if cell == int(cell) else str(cell)
        return dt.datetime.strptime(text, time_format)

    return read


def formats_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the formats by which nearly all texts are dates or date-times, none of them ISO 8601.

    Two where day and month cannot be told apart. Only the first few hundred texts are looked at.

    >>> formats_of(["05/20/1987", "05/21/1987"]), formats_of(["05/06/1987"]), formats_of(["a", "1.5"])
    (('%m/%d/%Y',), ('%m/%d/%Y', '%d/%m/%Y'), ())
    """
    looked_at = [text.strip() for text, _ in zip(texts, range(_MOST_LOOKED_AT), strict=False)]
    enough = _SHARE * len(looked_at)
    if not looked_at or sum(_may_be_date(text) for text in looked_at) < enough:
        return ()
    found = {form for text in looked_at[:20] for form in _FORMATS if _reads(text, form)}
    return tuple(form for form in _FORMATS if form in found and sum(_reads(text, form) for text in looked_at) >= enough)


def are_iso(texts: Iterable[str]) -> bool:
    """Say whether nearly all texts are dates or date-times in ISO 8601, with hyphens.

    >>> are_iso(["2024-01-31", "2024-01-31T09:00Z"]), are_iso(["20240131"]), are_iso(["5"])
    (True, False, False)
    """
    looked_at = [text.strip() for text, _ in zip(texts, range(_MOST_LOOKED_AT), strict=False)]
    return bool(looked_at) and sum(map(_is_iso, looked_at)) >= _SHARE * len(looked_at)


def option_of(formats: Iterable[str]) -> str:
    """Return the option that reads times by one of some formats.

    >>> option_of(["%d/%m/%Y", "%Y"])
    "--time-format '%d/%m/%Y' or '%Y'"
    """
    return "--time-format " + " or ".join(f"'{form}'" for form in formats)


def _may_be_date(text: str) -> bool:
    return _LIKELY.fullmatch(text) is not None and any(character.isdigit() for character in text)


def _is_iso(text: str) -> bool:
    if len(text) < 10 or text[4] != "-":
        return False
    try:
        return isinstance(read_text(text), dt.datetime)
    except ValueError:
        return False


def _reads(text: str, form: str) -> bool:
    try:
        return dt.datetime.strptime(text, form).year in _YEARS
    except ValueError:
        return False
