"""What of a file is replayed: the columns that the profile knows, in order of time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from driftmeter.errors import InputError
from driftmeter.panes import iso, parse_time
from driftmeter.profile import Profile
from driftmeter.reading import number_of, read_data
from driftmeter.rows import Rejected, describe
from driftmeter.types import Codes

if TYPE_CHECKING:
    import pyarrow as pa

TIMESTAMP = "timestamp"

_SINCE, _UNTIL = 631_152_000, 4_102_444_800
"""1990 and 2100, in seconds: numbers beyond are taken for something else than a time."""

Times = npt.NDArray[np.int64]
"""Milliseconds since the epoch, shape (rows,)."""


@dataclass(frozen=True)
class Trace:
    """Rows to send, in order of time; `times` is None where the file has none.

    `places` (rows,) is where each row stood in the file, from 0. Rows with a value in `rejected` are left out.
    """

    rows: pa.Table
    times: Times | None
    places: Codes
    rejected: tuple[Rejected, ...] = ()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.places)


def load_trace(path: str | Path, profile: Profile, *, time: str | None = None, limit: int | None = None) -> Trace:
    """Read a file, or its first `limit` rows, in the order of its column `time`.

    By default `time` is the first of these that the file has: the column that the profile was told holds the
    time, one whose hour or weekday is a feature, `timestamp`. Rows whose time or numbers cannot be read are left
    out. Raises InputError where the file cannot be read at all, has none of the columns, or where the numbers in
    `time` are no seconds since the epoch.
    """
    table = read_data(path, profile)
    table = table if limit is None else table.slice(0, limit)
    names = tuple(dict.fromkeys(feature.column for feature in profile.features))
    if not set(names) & set(table.column_names):
        raise InputError(str(path), f"columns of the profile ({', '.join(names[:8])})", ", ".join(table.column_names))
    if time is None:
        guesses = [name for name, why in profile.left_out.items() if why == "the time"]
        guesses += [feature.column for feature in profile.features if feature.part] + [TIMESTAMP]
        time = next((name for name in guesses if name in table.column_names), None)
    elif time not in table.column_names:
        raise InputError(str(path), f"a column {time!r}", ", ".join(table.column_names))
    bad: list[Rejected] = []
    times = None if time is None else _times(table[time], time, bad)
    table = table.select([name for name in names if name in table.column_names])
    for feature in profile.features:
        if feature.kind == "numeric" and feature.column in table.column_names:
            table = _with_numbers(table, feature.column, bad)
    bad.sort(key=lambda each: each.row)
    keep = np.ones(len(table), dtype=bool)
    keep[[each.row for each in bad]] = False
    places = np.flatnonzero(keep)
    if times is not None:
        places = places[np.argsort(times[places], kind="stable")]
    return Trace(table.take(places), None if times is None else times[places], places, tuple(bad))


def _with_numbers(table: pa.Table, name: str, bad: list[Rejected]) -> pa.Table:
    """Read a column of text as numbers, cell by cell."""
    import pyarrow as pa

    column = table[name]
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return table
    numbers: list[float | None] = []
    for row, cell in enumerate(column.to_pylist()):
        number = None if cell is None else number_of(cell)
        if isinstance(number, str):
            bad.append(Rejected(row, name, "a number", describe(cell)))
            number = None
        numbers.append(number)
    return table.set_column(table.schema.get_field_index(name), name, pa.array(numbers, pa.float64()))


def _times(column: Any, name: str, bad: list[Rejected]) -> Times:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _seconds(column.to_pylist(), name, bad)
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return _parsed(column.to_pylist(), name, bad)
    zone = kind.tz if pa.types.is_timestamp(kind) else None
    moments = column.cast(pa.timestamp("ms", zone), safe=False).cast(pa.int64())
    missing = moments.is_null().to_numpy()
    times: Times = moments.fill_null(0).to_numpy().astype(np.int64)
    for row in np.flatnonzero(missing | (times < 0)):
        bad.append(_no_time(int(row), name, "null" if missing[row] else iso(int(times[row]))))
    return times


def _seconds(cells: list[Any], name: str, bad: list[Rejected]) -> Times:
    """Read seconds since the epoch; numbers of which most mean something else are refused, not read as 1970."""
    given = [cell for cell in cells if cell is not None and cell == cell]
    likely = [cell for cell in given if _SINCE <= cell < _UNTIL]
    if given and 2 * len(likely) <= len(given):
        odd = next(cell for cell in given if not _SINCE <= cell < _UNTIL)
        hint = "; these look like milliseconds" if _SINCE <= odd / 1000 < _UNTIL else ""
        raise InputError(f"time {name!r}", "seconds since the epoch, of 1990 to 2100", f"{odd}{hint}")
    times = np.zeros(len(cells), dtype=np.int64)
    for row, cell in enumerate(cells):
        if cell is None or not _SINCE <= cell < _UNTIL:
            bad.append(_no_time(row, name, describe(cell)))
        else:
            times[row] = parse_time(cell, name)
    return times


def _parsed(cells: list[Any], name: str, bad: list[Rejected]) -> Times:
    times = np.zeros(len(cells), dtype=np.int64)
    for row, cell in enumerate(cells):
        try:
            time = parse_time(cell, name)
        except InputError:
            time = -1
        if time < 0:
            bad.append(_no_time(row, name, describe(cell)))
        times[row] = time
    return times


def _no_time(row: int, name: str, got: str) -> Rejected:
    return Rejected(row, name, "a time since 1970: seconds since the epoch or ISO 8601", got)
