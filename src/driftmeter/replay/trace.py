"""The trace: the rows of a file that are replayed, in the order of their time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np

from driftmeter.data.files.for_profile import read_data
from driftmeter.data.rejected import Rejected
from driftmeter.data.time_columns import Times, note_on_unreadable, read_times
from driftmeter.data.time_formats import check_format
from driftmeter.errors import InputError
from driftmeter.logs.columns import LogColumns
from driftmeter.logs.read import AS_RECOGNISED, LogOptions, open_log
from driftmeter.profile.profile import Profile
from driftmeter.types import Codes

if TYPE_CHECKING:
    import pyarrow as pa

TIMESTAMP = "timestamp"


@dataclass(frozen=True)
class Trace:
    """Rows to send, with the profile's columns, in the order of their `times`; these are None if the file has none.

    `file_rows` (rows,) are the rows' numbers in the file, from 0. Rows whose time is `rejected` are left out.
    """

    rows: pa.Table
    times: Times | None
    file_rows: Codes
    rejected: tuple[Rejected, ...] = ()
    note: str | None = None
    """A sentence about times that cannot be read; None if all can."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.file_rows)


def columns_of_times(
    profile: Profile, time: str | None = None, time_format: str | None = None
) -> tuple[list[str], list[str]]:
    """Return the columns that may hold the times, the likeliest first, and those of them that are read by a format."""
    parts = [feature.column for feature in profile.features if feature.part]
    guesses = [*([] if profile.time is None else [profile.time]), *parts, TIMESTAMP] if time is None else [time]
    return guesses, guesses if time_format is not None else guesses[:1] if profile.time_format is not None else []


def load_trace(
    path: str | Path,
    profile: Profile,
    *,
    time: str | None = None,
    time_format: str | None = None,
    limit: int | None = None,
    zone: str | None = None,
    allow_unreadable_times: bool = False,
    encoding: str | None = None,
    log: LogOptions = AS_RECOGNISED,
    say: Callable[[str], None] = lambda note: None,
) -> Trace:
    """Read a file or a log, or its first `limit` rows, in the order of its column `time`.

    By default `time` is that of a log's records, or else the first of these columns that there is: the profile's time
    column, a column whose hour or weekday is a feature, `timestamp`. Rows whose time cannot be read are left out. Times
    that name no zone are in `zone`, by default the profile's; `time_format` is that of the texts or numbers in `time`,
    by default that of the profile's time column. `log` says how a log is read. `say` is called with notes on how the
    file was read.

    Raises InputError if the file cannot be read or has none of the columns, if the numbers in `time` are not
    seconds since the epoch, and, unless that is allowed, if over a hundredth of the times cannot be read.
    """
    if time_format is not None:
        check_format(time_format)
    guesses, formatted = columns_of_times(profile, time, time_format)
    columns = LogColumns.of(profile, log.order, time=True, zone=zone, also=guesses, as_text=formatted, label=log.label)
    opened = open_log(path, columns, log, say=say)
    if opened is None:
        table = read_data(path, profile, as_text=formatted, encoding=encoding, say=say)
    else:
        table = opened.table()
        time = time or opened.time
    table = table if limit is None else table.slice(0, limit)
    names = tuple(dict.fromkeys(feature.column for feature in profile.features))
    if not set(names) & set(table.column_names):
        raise InputError(str(path), f"columns of the profile ({', '.join(names[:8])})", ", ".join(table.column_names))
    if time is None:
        time = next((name for name in guesses if name in table.column_names), None)
    elif time not in table.column_names:
        raise InputError(str(path), f"a column {time!r}", ", ".join(table.column_names))
    rejected: list[Rejected] = []
    times, note = None, None
    if time is not None:
        time_format = time_format or (profile.time_format if time == profile.time else None)
        series = nw.from_native(table[time], series_only=True)
        times, rejected = read_times(series, time, zone or profile.zone, time_format)
        note = note_on_unreadable(rejected, len(times), allow=allow_unreadable_times and len(rejected) < len(times))
    table = table.select([name for name in names if name in table.column_names])
    rejected.sort(key=lambda value: value.row)
    kept = np.ones(len(table), dtype=bool)
    kept[[value.row for value in rejected]] = False
    file_rows = np.flatnonzero(kept)
    if times is not None:
        file_rows = file_rows[np.argsort(times[file_rows], kind="stable")]
    return Trace(table.take(file_rows), None if times is None else times[file_rows], file_rows, tuple(rejected), note)
