"""Times, lengths of time and zones: how values say them, and how they are written."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from decimal import Decimal
from functools import lru_cache

import numpy as np

from driftmeter.errors import InputError
from driftmeter.types import Milliseconds

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
"""In milliseconds."""
LATEST: Milliseconds = 253_402_300_799_000
"""The end of the year 9999: no calendar goes further."""
SINCE, UNTIL = 631_152_000, 4_102_444_800
"""1990 and 2100, in seconds since the epoch: numbers beyond are taken for something else than a time."""
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:e[+-]?\d+)?", re.IGNORECASE)
_TAIL = re.compile(r"\s*(?:UTC|GMT|z)$|\s+(?=[+-]\d\d(?::?\d\d)?$)", re.IGNORECASE)
"""How zones are written besides ISO 8601: ` UTC` (BigQuery), ` +0100` (Snowflake), a small z."""
_OFFSET = re.compile(r"([+-])([01]\d|2[0-3]):?([0-5]\d)")
_UNITS: dict[str, Milliseconds] = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_DURATION = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*(ms|s|m|h|d)")


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


def iso(time: Milliseconds) -> str:
    """Write a time as ISO 8601 in UTC with milliseconds.

    >>> iso(1_700_000_000_500)
    '2023-11-14T22:13:20.500Z'
    """
    moment = dt.datetime.fromtimestamp(time // 1000, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time % 1000:03d}Z"


def parse_time(value: object, field: str = "timestamp") -> Milliseconds:
    """Read a time given as seconds since the epoch, ISO 8601 (UTC where it names no zone), a datetime or a date.

    A text may also be a number of seconds, of 1990 to 2100. Raises InputError naming `field` on anything else, and on
    times before 1970 or after the year 9999.

    >>> parse_time("2023-11-14T22:13:20.5Z"), parse_time(1_700_000_000.5)
    (1700000000500, 1700000000500)
    """
    try:
        if isinstance(value, str):
            value = read_text(value)
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            value = dt.datetime(value.year, value.month, value.day)  # its midnight, as the text of it is
        time = -1
        if isinstance(value, dt.datetime):
            moment = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
            time = (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            # by way of whole microseconds: 1.001 * 1000 is a little less than 1001
            time = round(value * 1_000_000) // 1000
        if 0 <= time <= LATEST:
            return time
    except (ValueError, OverflowError):
        pass
    raise InputError(field, "seconds since the epoch or ISO 8601", repr(value)[:60])


def parse_duration(value: object, field: str) -> Milliseconds:
    """Read a number with a unit; raises InputError naming `field` on anything else.

    >>> parse_duration("1.5 h", "window")
    5400000
    """
    found = _DURATION.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        expected = "a number with ms, s, m, h or d, such as 500ms, 10s or 1h"
        raise InputError(field, expected, repr(value)[:60])
    return round(float(found[1]) * _UNITS[found[2]])


def duration_text(length: Milliseconds) -> str:
    """Write a length so that `parse_duration` reads it back, in the largest unit that takes no fraction.

    >>> duration_text(2_592_000_000), duration_text(90_000), duration_text(0)
    ('30d', '90s', '0s')
    """
    unit = next(name for name, size in _UNITS.items() if length % size == 0) if length else "s"
    return f"{length // _UNITS[unit]}{unit}"
