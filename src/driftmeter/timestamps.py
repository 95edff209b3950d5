"""Times, lengths of time and zones: how values express them, and how they are written.

One value is parsed here and nowhere else. Which range of times is accepted depends on where the value comes from:

| value | accepted | because |
|---|---|---|
| a number in a column of times, and a text of digits anywhere but in a URL | 1990 to 2100 | else: ms, 20240131 |
| a number in JSON, msgpack, Arrow rows or a URL | 1970 to 9999 | the contract says that it is seconds |
| ISO 8601, a date-time or a date in a request, or given to the SDK | 1970 to 9999 | Python's calendar ends there |
| anything in the time column of a file or frame (`--time`) | 1971 to 2100 | 0, 0001-01-01, 9999-12-31 mean no time |
| a date-time or ISO 8601 of which only the hour or weekday counts | any | the clock is the same in every year |
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from driftmeter.errors import InputError
from driftmeter.types import Floats, Milliseconds

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
"""In milliseconds."""
READABLE = ((DAY, DAY, "d"), (HOUR, HOUR, "h"), (MINUTE, MINUTE, "min"))
"""Units for `length_text`."""
LATEST: Milliseconds = 253_402_300_799_000
"""The last second of the year 9999, where Python's calendar ends."""
SINCE, UNTIL = 631_152_000, 4_102_444_800
"""1990 and 2100, in seconds since the epoch: other numbers are most likely no seconds."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:e[+-]?\d+)?", re.IGNORECASE)
_TAIL = re.compile(r"\s*(?:UTC|GMT|z)$|\s+(?=[+-]\d\d(?::?\d\d)?$)", re.IGNORECASE)
"""Zones that are written in other ways than ISO 8601: ` UTC` (BigQuery), ` +0100` (Snowflake), a lower-case z."""
_OFFSET = re.compile(r"([+-])([01]\d|2[0-3]):?([0-5]\d)")
_UNITS: dict[str, Milliseconds] = {"d": DAY, "h": HOUR, "m": MINUTE, "s": 1_000, "ms": 1}
_DURATION = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*(ms|s|m|h|d)")


def moment_of(value: object) -> dt.datetime:
    """Return the time that a value expresses: aware where the value names its zone, else naive.

    A date-time stays as it is, a date is its midnight, a number is seconds since the epoch in UTC, a text is ISO 8601
    or such a number. Raises ValueError, TypeError or OverflowError on anything else, and on numbers before 1990 or
    after 2100, which mean something else, such as milliseconds.

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
    """Return the time or the number that a text expresses: a text of digits is a number, as in a file with types.

    Raises ValueError on anything else, and on numbers before 1990 or after 2100.

    >>> read_text("2024-01-08 09:00 UTC").utcoffset(), read_text(" 1704700800 ")
    (datetime.timedelta(0), 1704700800.0)
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return _seconds(float(text))
    # the standard library accepts any character between date and time
    tail = _TAIL.search(text)
    if tail is None:
        return dt.datetime.fromisoformat(text)
    offset = text[tail.end() :]
    return dt.datetime.fromisoformat(text[: tail.start()] + (offset or "Z"))


def zone_named(name: str) -> dt.tzinfo:
    """Return a zone of the IANA database.

    Raises InputError that says what to do where the database, or the name in it, does not exist.

    >>> zone_named("Asia/Kolkata").utcoffset(dt.datetime(2024, 1, 1))
    datetime.timedelta(seconds=19800)
    """
    zone = find_zone(name)
    if zone is None:
        if not zoneinfo.available_timezones():
            expected = "a database of time zones on this machine: pip install tzdata"
            raise InputError(f"zone {name!r}", expected, "none")
        raise InputError("zone", "a name of the IANA database, such as Europe/Berlin or UTC", repr(name)[:60])
    return zone


@lru_cache(maxsize=256)
def find_zone(name: str) -> dt.tzinfo | None:
    """Return a zone of the IANA database, None where no zone has that name."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder
        return None


def zone_of_column(name: str) -> dt.tzinfo | None:
    """Return the zone that the type of a column names, which may be a bare offset; None where no zone has that name.

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
    """Return the hour of the day, 0 to 23, that the clocks of a zone show; None is UTC.

    >>> hour_at(0, None), hour_at(0, zone_named("Asia/Kolkata"))
    (0, 5)
    """
    return dt.datetime.fromtimestamp(time // 1000, zone or dt.UTC).hour


def on_clock(moment: dt.datetime, zone: dt.tzinfo | None) -> dt.datetime:
    """Return a time as the clocks of a zone showed it.

    Without a zone, and for a time that names none, the time stays as written.

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
    """Read a time in milliseconds from seconds since the epoch, ISO 8601, a date-time or a date.

    Without a zone it is UTC. A text may also be a number of seconds, of 1990 to 2100. Raises InputError naming `field`
    on anything else, and on times before 1970 or after the year 9999.

    >>> parse_time("2023-11-14T22:13:20.5Z"), parse_time(1_700_000_000.5)
    (1700000000500, 1700000000500)
    """
    try:
        if isinstance(value, str):
            value = read_text(value)
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            value = dt.datetime(value.year, value.month, value.day)  # midnight, as where the date comes as text
        time = -1
        if isinstance(value, dt.datetime):
            time = since_epoch(value, dt.UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            # by way of whole microseconds: 1.001 * 1000 is a little less than 1001
            time = round(value * 1_000_000) // 1000
        if 0 <= time <= LATEST:
            return time
    except (ValueError, OverflowError):
        pass
    raise InputError(field, "seconds since the epoch or ISO 8601", repr(value)[:60])


def time_of_text(text: str, field: str) -> Milliseconds:
    """Read a time from a URL's query: seconds since the epoch or ISO 8601; raises InputError naming `field`.

    >>> time_of_text("1.5", "from"), time_of_text("1970-01-01T01:00:00 01:00", "from")
    (1500, 0)
    """
    try:
        return parse_time(float(text), field)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
    # a + that was not escaped in the address came as a space
    return parse_time(re.sub(r" (\d\d:?\d\d)$", r"+\1", text.strip()), field)


def since_epoch(moment: dt.datetime, zone: dt.tzinfo) -> Milliseconds:
    """Return a date-time in milliseconds since the epoch, rounded down; of `zone` where it names none.

    >>> one = dt.datetime(1970, 1, 1, 1)
    >>> since_epoch(one, dt.UTC), since_epoch(one, zone_named("Europe/Berlin"))
    (3600000, 0)
    """
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return (aware - _EPOCH) // dt.timedelta(milliseconds=1)


def milliseconds_of(seconds: Floats) -> npt.NDArray[np.int64]:
    """Convert finite seconds, any shape, to milliseconds as `parse_time` does: by way of whole microseconds.

    >>> milliseconds_of(np.array([1.001, 0.0009])).tolist()
    [1001, 0]
    """
    milliseconds: npt.NDArray[np.int64] = np.rint(seconds * 1_000_000).astype(np.int64) // 1000
    return milliseconds


def common_step(times: npt.NDArray[np.int64]) -> Milliseconds:
    """Return the longest step of which all times, counted from the epoch, are multiples; 0 of no times.

    >>> common_step(np.array([3_600_000, 10_800_000])), common_step(np.array([1, 3_600_000]))
    (3600000, 1)
    """
    return int(np.gcd.reduce(times)) if len(times) else 0


def parse_duration(value: object, field: str) -> Milliseconds:
    """Read a length of time in milliseconds from a number with a unit; raises InputError naming `field` otherwise.

    >>> parse_duration("1.5 h", "window")
    5400000
    """
    match = _DURATION.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if match is None:
        expected = "a number with ms, s, m, h or d, such as 500ms, 10s or 1h"
        raise InputError(field, expected, repr(value)[:60])
    return round(float(match[1]) * _UNITS[match[2]])


def duration_text(length: Milliseconds) -> str:
    """Write a length exactly, so that `parse_duration` reads it back, in the largest unit that needs no fraction.

    >>> duration_text(2_592_000_000), duration_text(90_000), duration_text(0)
    ('30d', '90s', '0s')
    """
    unit = next(name for name, size in _UNITS.items() if length % size == 0) if length else "s"
    return f"{length // _UNITS[unit]}{unit}"


def length_text(length: Milliseconds, units: Sequence[tuple[Milliseconds, Milliseconds, str]] = READABLE) -> str:
    """Write a length to three digits, or in whole units, for reading, in seconds below all `units`.

    `units` are, from the longest on, (least length that takes the unit, length of the unit, name).

    >>> length_text(90_000), length_text(5_400_000), length_text(400_000_000), length_text(250)
    ('1.5 min', '1.5 h', '4.63 d', '0.25 s')
    >>> length_text(90_000, [(2 * MINUTE, MINUTE, "minutes")])
    '90 s'
    """
    for least, size, name in units:
        if length >= least:
            number = length / size
            return f"{number:,.0f} {name}" if number >= 100 else f"{number:.3g} {name}"
    return f"{length / 1000:.3g} s"
