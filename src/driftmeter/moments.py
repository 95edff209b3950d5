"""Moments: the time that a value is, through whichever door it came, and the zone whose clock says the hour."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from decimal import Decimal
from functools import lru_cache

import numpy as np

from driftmeter.errors import InputError
from driftmeter.types import Milliseconds

SINCE, UNTIL = 631_152_000, 4_102_444_800
"""1990 and 2100, in seconds since the epoch: numbers beyond are taken for something else than a time."""
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:e[+-]?\d+)?", re.IGNORECASE)
_TAIL = re.compile(r"\s*(?:UTC|GMT|z)$|\s+(?=[+-]\d\d(?::?\d\d)?$)", re.IGNORECASE)
"""How zones are written besides ISO 8601: ` UTC` (BigQuery), ` +0100` (Snowflake), a small z."""
_OFFSET = re.compile(r"([+-])([01]\d|2[0-3]):?([0-5]\d)")


def moment_of(value: object) -> dt.datetime:
    """Return the time that a value is: aware where it says its zone, else naive.

    Date-times are taken as they are, dates as their midnight, numbers as seconds since the epoch, in UTC, texts as ISO
    8601 or as such a number. Raises ValueError, TypeError or OverflowError where it is none; numbers that would be
    before 1990 or after 2100 mean something else, such as milliseconds.

    >>> moment_of("2024-01-08T09:00:00+01:00").hour, moment_of(1_704_700_800).tzinfo
    (9, datetime.timezone.utc)
    """
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    elif isinstance(value, np.number):
        value = value.item()
    if isinstance(value, str):
        value = read_text(value)
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return dt.datetime.fromtimestamp(_seconds(float(value)), dt.UTC)
    raise TypeError(f"a {type(value).__name__}")


def _seconds(number: float) -> float:
    if not SINCE <= number < UNTIL:
        raise ValueError(f"expected seconds since the epoch, of 1990 to 2100, got {number}")
    return number


def read_text(text: str) -> dt.datetime | float:
    """Return the time that a text is, or the number: digits alone are one, as they are where a file has types.

    Raises ValueError where it is neither.

    >>> read_text("2024-01-08 09:00 UTC").utcoffset(), read_text(" 1704700800 ")
    (datetime.timedelta(0), 1704700800.0)
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return _seconds(float(text))
    # the standard library takes any character between date and time
    tail = _TAIL.search(text)
    if tail is None:
        return dt.datetime.fromisoformat(text)
    rest = text[tail.end() :]
    return dt.datetime.fromisoformat(text[: tail.start()] + (rest or "Z"))


def zone_named(name: str) -> dt.tzinfo:
    """Return a zone of the IANA database; raises InputError that says what to do where there is none of that name.

    >>> zone_named("Asia/Kolkata").utcoffset(dt.datetime(2024, 1, 1))
    datetime.timedelta(seconds=19800)
    """
    found = find_zone(name)
    if found is None:
        if not zoneinfo.available_timezones():
            expected = "a database of time zones on this machine: pip install tzdata"
            raise InputError(f"zone {name!r}", expected, "none")
        raise InputError("zone", "a name of the IANA database, such as Europe/Berlin or UTC", repr(name)[:60])
    return found


@lru_cache(maxsize=256)
def find_zone(name: str) -> dt.tzinfo | None:
    """Return a zone of the IANA database, None where there is none of that name."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder
        return None


def zone_of_column(name: str) -> dt.tzinfo | None:
    """Return the zone that a column of times names, which may be a bare offset; None where there is none such.

    >>> zone_of_column("-03:30"), zone_of_column("Europe/Ulm")
    (datetime.timezone(datetime.timedelta(days=-1, seconds=73800)), None)
    """
    offset = _OFFSET.fullmatch(name)
    if offset is None:
        return find_zone(name)
    sign, hours, minutes = offset.groups()
    length = dt.timedelta(hours=int(hours), minutes=int(minutes))
    return dt.timezone(-length if sign == "-" else length)


def hour_at(time: Milliseconds, zone: dt.tzinfo | None) -> int:
    """Return the hour of the day that a zone's clocks show, those of UTC where there is none.

    >>> hour_at(0, None), hour_at(0, zone_named("Asia/Kolkata"))
    (0, 5)
    """
    return dt.datetime.fromtimestamp(time // 1000, zone or dt.UTC).hour


def on_clock(moment: dt.datetime, zone: dt.tzinfo | None) -> dt.datetime:
    """Return what a zone's clocks showed; without a zone, and for a time that names none, it is as written.

    >>> on_clock(moment_of("2024-07-08T07:00:00Z"), zone_named("Europe/Berlin")).hour
    9
    """
    return moment if zone is None or moment.tzinfo is None else moment.astimezone(zone)
