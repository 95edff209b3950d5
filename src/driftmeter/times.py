"""Columns of times: whatever a file or frame has, to milliseconds since the epoch."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt

from driftmeter.errors import InputError
from driftmeter.panes import iso, parse_time
from driftmeter.rows import Rejected, describe

Times = npt.NDArray[np.int64]
"""Milliseconds since the epoch, shape (rows,)."""

_SINCE, _UNTIL = 631_152_000, 4_102_444_800
"""1990 and 2100, in seconds: numbers beyond are taken for something else than a time."""


def read_times(column: nw.Series[Any], name: str) -> tuple[Times, list[Rejected]]:
    """Return each row's time, -1 where there is none, and what was there instead.

    Date-times and dates are taken as they are (UTC where they name no zone), numbers as seconds since the epoch, texts
    as ISO 8601. Raises InputError where most numbers mean something else, such as milliseconds.
    """
    if column.dtype.is_numeric():
        return _seconds(column.to_list(), name)
    if not isinstance(column.dtype, nw.Datetime | nw.Date):
        return _parsed(column.to_list(), name)
    if isinstance(column.dtype, nw.Date):
        column = column.cast(nw.Datetime("ms"))
    missing = column.is_null().to_numpy()
    moments = column.dt.timestamp("ms").fill_null(0).cast(nw.Int64).to_numpy()
    times = np.where(missing, -1, moments).astype(np.int64)
    bad = [
        _no_time(int(row), name, "null" if missing[row] else iso(int(moments[row])))
        for row in np.flatnonzero(times < 0)
    ]
    return np.maximum(times, -1), bad


def _seconds(cells: list[Any], name: str) -> tuple[Times, list[Rejected]]:
    """Read seconds since the epoch; numbers of which most mean something else are refused, not read as 1970."""
    given = [cell for cell in cells if cell is not None and cell == cell]
    likely = [cell for cell in given if _SINCE <= cell < _UNTIL]
    if given and 2 * len(likely) <= len(given):
        odd = next(cell for cell in given if not _SINCE <= cell < _UNTIL)
        hint = "; these look like milliseconds" if _SINCE <= odd / 1000 < _UNTIL else ""
        raise InputError(f"time {name!r}", "seconds since the epoch, of 1990 to 2100", f"{odd}{hint}")
    times = np.full(len(cells), -1, dtype=np.int64)
    bad = []
    for row, cell in enumerate(cells):
        if cell is None or not _SINCE <= cell < _UNTIL:
            bad.append(_no_time(row, name, describe(cell)))
        else:
            times[row] = parse_time(cell, name)
    return times, bad


def _parsed(cells: list[Any], name: str) -> tuple[Times, list[Rejected]]:
    times = np.full(len(cells), -1, dtype=np.int64)
    bad = []
    for row, cell in enumerate(cells):
        try:
            times[row] = parse_time(cell, name)
        except InputError:
            bad.append(_no_time(row, name, describe(cell)))
    return times, bad


def _no_time(row: int, name: str, got: str) -> Rejected:
    return Rejected(row, name, "a time since 1970: seconds since the epoch or ISO 8601", got)
