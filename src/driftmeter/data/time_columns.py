"""Columns of times: the times in a file or frame as milliseconds since the epoch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt

from driftmeter.data.rejected import Rejected, describe
from driftmeter.data.time_formats import formats_of, option_of, reader_of
from driftmeter.errors import InputError
from driftmeter.profile.values import is_missing
from driftmeter.timestamps import DAY, HOUR, SINCE, UNTIL, milliseconds_of, moment_of, since_epoch, zone_named
from driftmeter.types import Milliseconds

Times = npt.NDArray[np.int64]
"""Milliseconds since the epoch, shape (rows,)."""

MOST_UNREADABLE = 0.01
"""A larger share of unreadable times is an error: too many rows would be left out."""
ALLOWING = "--allow-unreadable-times (allow_unreadable_times=True)"
_EXPECTED = "a time of 1971 to 2100: ISO 8601, such as 2024-01-31T09:00, or seconds since the epoch"
_FIRST, _END = 365 * DAY, 1000 * UNTIL
"""1971 and 2100, in ms: times outside, such as 0, 0001-01-01 and 9999-12-31, are placeholders for no time."""
_UNITS = ((1_000, "milliseconds", "ms"), (1_000_000, "microseconds", "us"), (1_000_000_000, "nanoseconds", "ns"))
_MOST_KNOWN = 100_000
_EXCEL = 25_569
"""1 January 1970 in days since 30 December 1899, from which spreadsheets count."""
_NAMED = 3


def read_times(
    column: nw.Series[Any], name: str, zone: str | None = None, time_format: str | None = None
) -> tuple[Times, list[Rejected]]:
    """Return the time of each row in ms, shape (rows,), -1 for a missing or unreadable one, and the unreadable values.

    Numbers are seconds since the epoch, texts are ISO 8601 or such numbers, dates are their midnight. A time that names
    no zone is of `zone`, or of UTC where that is None. Where clocks are put back, an hour that occurs twice is the
    first one; where they are put forward, a time in the skipped hour is an hour later. With a `time_format`, texts and
    numbers are read by it alone. Raises InputError where most numbers are no seconds, for example milliseconds.
    """
    clocks = dt.UTC if zone is None else zone_named(zone)
    if time_format is not None and not isinstance(column.dtype, nw.Datetime | nw.Date):
        expected = f"a time of 1971 to 2100 by the format {time_format!r}"
        return _proposing(_cells(column.to_list(), name, clocks, reader_of(time_format), expected), column, time_format)
    if column.dtype.is_numeric():
        return _seconds(column, name)
    if isinstance(column.dtype, nw.Datetime | nw.Date):
        return _moments(column, name, clocks)
    return _proposing(_cells(column.to_list(), name, clocks, moment_of, _EXPECTED), column, None)


def note_on_unreadable(unreadable: Sequence[Rejected], rows: int, *, allow: bool) -> str | None:
    """Return a sentence on how many of the times of `rows` rows cannot be read, with examples; None if all can.

    Raises InputError where they are more than MOST_UNREADABLE, unless `allow`.
    """
    if not unreadable:
        return None
    first = unreadable[0]
    share = 100 * len(unreadable) / rows
    examples = "; ".join(f"row {cell.row}: {cell.got}" for cell in unreadable[:_NAMED])
    summary = f"{len(unreadable):,} of {rows:,} ({share:.3g} %) cannot be read, such as {examples}"
    if len(unreadable) > MOST_UNREADABLE * rows and not allow:
        raise InputError(f"time {first.field!r}", first.expected, f"{summary}. To leave these rows out: {ALLOWING}")
    return f"Time {first.field!r}: {summary}; expected {first.expected}."


def _moments(column: nw.Series[Any], name: str, clocks: dt.tzinfo) -> tuple[Times, list[Rejected]]:
    aware = isinstance(column.dtype, nw.Datetime) and column.dtype.time_zone is not None
    if isinstance(column.dtype, nw.Date):
        column = column.cast(nw.Datetime("ms"))
    missing = column.is_null().to_numpy()
    moments = column.dt.timestamp("ms").fill_null(0).cast(nw.Int64).to_numpy().astype(np.int64)
    sound = ~missing & (moments >= _FIRST) & (moments < _END)
    bad = [
        Rejected(int(row), name, _EXPECTED, "nothing" if missing[row] else _written(int(moments[row])))
        for row in np.flatnonzero(~sound)
    ]
    times = np.where(sound, moments, _FIRST)
    if not aware:
        times = times - _offsets(times, clocks)
    return np.where(sound, times, -1), bad


def _offsets(local: Times, clocks: dt.tzinfo) -> Times:
    """Return how far the clocks of a zone are ahead of UTC when they show the times `local`, in ms, shape (rows,)."""
    if clocks is dt.UTC:
        return np.zeros(len(local), dtype=np.int64)
    # offsets change on a quarter of an hour, never within one
    quarters, inverse = np.unique(local // (HOUR // 4), return_inverse=True)
    starts = [dt.datetime(1970, 1, 1) + dt.timedelta(minutes=15 * quarter) for quarter in quarters.tolist()]
    ahead = [start.replace(tzinfo=clocks).utcoffset() or dt.timedelta() for start in starts]
    lengths = np.array([offset // dt.timedelta(milliseconds=1) for offset in ahead], dtype=np.int64)
    offsets: Times = lengths[inverse.reshape(-1)]
    return offsets


def _seconds(column: nw.Series[Any], name: str) -> tuple[Times, list[Rejected]]:
    """Read seconds since the epoch; raises InputError where most of the numbers mean something else."""
    seconds = np.asarray(column.cast(nw.Float64).to_numpy(), dtype=np.float64)
    likely = (seconds >= SINCE) & (seconds < UNTIL)
    given = np.flatnonzero(~np.isnan(seconds))
    if len(given) and 2 * np.count_nonzero(likely) <= len(given):
        odd = float(seconds[given][~likely[given]][0])
        got = f"{odd:.0f}" if odd.is_integer() else f"{odd}"
        raise InputError(f"time {name!r}", "seconds since the epoch, of 1990 to 2100", got + _hint(odd))
    cells = column.to_list() if not likely.all() else []
    bad = [_no_time(row, name, cells[row]) for row in np.flatnonzero(~likely).tolist()]
    return np.where(likely, milliseconds_of(np.where(likely, seconds, 0.0)), -1), bad


def _cells(
    cells: list[Any], name: str, clocks: dt.tzinfo, read: Callable[[object], dt.datetime], expected: str
) -> tuple[Times, list[Rejected]]:
    times = np.full(len(cells), -1, dtype=np.int64)
    bad = []
    known: dict[object, Milliseconds] = {}
    for row, cell in enumerate(cells):
        time = known.get(cell, -1) if isinstance(cell, str) else -1
        if time < 0:
            try:
                time = since_epoch(read(cell), clocks)
            except (ValueError, TypeError, ArithmeticError, OSError):  # OSError: beyond the machine's clock
                time = -1
            if isinstance(cell, str) and len(known) < _MOST_KNOWN:
                known[cell] = time
        if _FIRST <= time < _END:
            times[row] = time
        else:
            bad.append(_no_time(row, name, cell, expected))
    return times, bad


def _proposing(
    read: tuple[Times, list[Rejected]], column: nw.Series[Any], time_format: str | None
) -> tuple[Times, list[Rejected]]:
    """Say with unreadable times, if they are many, by which other format than `time_format` they could be read."""
    times, bad = read
    if len(bad) <= MOST_UNREADABLE * len(times):
        return read
    cells = column.to_list()
    texts = dict.fromkeys(cells[value.row] for value in bad if isinstance(cells[value.row], str))
    formats = formats_of(texts)
    if not formats or time_format in formats:  # then the times are beyond what counts as one
        return read
    hint = f"; these look like dates: {option_of(formats)}"
    return times, [replace(cell, expected=f"{cell.expected}{hint}") for cell in bad]


def _no_time(row: int, name: str, cell: object, expected: str = _EXPECTED) -> Rejected:
    if is_missing(cell):
        return Rejected(row, name, expected, "nothing")
    if expected is not _EXPECTED:
        return Rejected(row, name, expected, describe(cell))
    try:
        hint = _hint(float(cell))  # type: ignore[arg-type]  # raises TypeError where the cell is no number
    except (TypeError, ValueError, OverflowError):
        hint = ""
    return Rejected(row, name, _EXPECTED, describe(cell) + hint)


def _hint(number: float) -> str:
    """Return a hint at what a number that is no time in seconds may mean."""
    for factor, unit, form in _UNITS:
        if SINCE <= number / factor < UNTIL:
            return f"; these look like {unit}: --time-format {form}"
    if SINCE <= (number - _EXCEL) * (DAY // 1000) < UNTIL:
        return "; these look like the days that spreadsheets count"
    if number == int(number) and 1990_01_01 <= number < 2100_01_01:
        return "; these look like dates: --time-format '%Y%m%d'"
    if number == int(number) and 1900 <= number < 2100:
        return "; these look like years: --time-format '%Y'"
    return ""


def _written(time: Milliseconds) -> str:
    """Write a time in ISO 8601, also before 1970; as a number where it is outside Python's calendar."""
    try:
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=time)
    except OverflowError:
        return f"{time} ms since the epoch"
    return f"{moment.isoformat(timespec='milliseconds')}Z"
