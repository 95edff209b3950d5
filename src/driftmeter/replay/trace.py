"""What of a file is replayed: the columns that the profile knows, in order of time."""

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
from driftmeter.errors import InputError
from driftmeter.profile.profile import Profile
from driftmeter.types import Codes

if TYPE_CHECKING:
    import pyarrow as pa

TIMESTAMP = "timestamp"


@dataclass(frozen=True)
class Trace:
    """Rows to send, in order of time; `times` is None where the file has none.

    `places` (rows,) is where each row stood in the file, from 0. Rows whose time is in `rejected` are left out.
    """

    rows: pa.Table
    times: Times | None
    places: Codes
    rejected: tuple[Rejected, ...] = ()
    note: str | None = None
    """What there is to say of times that cannot be read."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.places)


def load_trace(
    path: str | Path,
    profile: Profile,
    *,
    time: str | None = None,
    limit: int | None = None,
    zone: str | None = None,
    allow_unreadable_times: bool = False,
    encoding: str | None = None,
    say: Callable[[str], None] = lambda note: None,
) -> Trace:
    """Read a file, or its first `limit` rows, in the order of its column `time`.

    By default `time` is the first of these that the file has: the column that the profile was told holds the
    time, one whose hour or weekday is a feature, `timestamp`. Rows whose time cannot be read are left out. Times that
    name no zone are of `zone`, by default the profile's. Raises InputError where the file cannot be read at all, has
    none of the columns, where the numbers in `time` are no seconds since the epoch, or where over a hundredth of the
    times cannot be read, unless that is allowed.
    """
    table = read_data(path, profile, encoding=encoding, say=say)
    table = table if limit is None else table.slice(0, limit)
    names = tuple(dict.fromkeys(feature.column for feature in profile.features))
    if not set(names) & set(table.column_names):
        raise InputError(str(path), f"columns of the profile ({', '.join(names[:8])})", ", ".join(table.column_names))
    if time is None:
        parts = [feature.column for feature in profile.features if feature.part]
        guesses = [*([] if profile.time is None else [profile.time]), *parts, TIMESTAMP]
        time = next((name for name in guesses if name in table.column_names), None)
    elif time not in table.column_names:
        raise InputError(str(path), f"a column {time!r}", ", ".join(table.column_names))
    bad: list[Rejected] = []
    times, note = None, None
    if time is not None:
        times, bad = read_times(nw.from_native(table[time], series_only=True), time, zone or profile.zone)
        note = note_on_unreadable(bad, len(times), allow=allow_unreadable_times and len(bad) < len(times))
    table = table.select([name for name in names if name in table.column_names])
    bad.sort(key=lambda each: each.row)
    keep = np.ones(len(table), dtype=bool)
    keep[[each.row for each in bad]] = False
    places = np.flatnonzero(keep)
    if times is not None:
        places = places[np.argsort(times[places], kind="stable")]
    return Trace(table.take(places), None if times is None else times[places], places, tuple(bad), note)
