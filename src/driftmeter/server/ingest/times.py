"""Times of rows: a whole column at once if it holds numbers, else value by value."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from driftmeter.data.columns import Column, Dictionary
from driftmeter.data.rejected import Rejected, describe
from driftmeter.errors import InputError
from driftmeter.timestamps import LATEST, milliseconds_of, parse_time
from driftmeter.types import Milliseconds

TIMESTAMP = "timestamp"
"""The key of a row, or column of a batch, that holds times, unless the profile has a feature there."""


def optional_time(value: object, field: str) -> Milliseconds | None:
    """Read a time that a batch states, None if it states none; raises InputError naming `field`."""
    return None if value is None else parse_time(value, field)


def read_times(column: Column, default: Milliseconds) -> tuple[npt.NDArray[np.int64], list[Rejected]]:
    """Read a column of times as `parse_time` reads each value; a missing value is `default`.

    Returns the times in milliseconds, shape (rows,), and the values that could not be read, by row.
    """
    values = _plain(column)
    if isinstance(values, np.ndarray):
        times = None
        if values.dtype.kind in "fiu":
            times = _from_seconds(values.astype(np.float64, copy=False), default)
        elif values.dtype.kind == "M":
            times = _from_moments(values, default)
        if times is not None:
            return times, []
        values = values.tolist()
    return _one_by_one(values, default)


def _plain(column: Column) -> npt.NDArray[Any] | list[Any]:
    """Return a column as an array if it is one or holds numbers only, else as a list."""
    if isinstance(column, Dictionary):
        column = [None if index < 0 else column.values[index] for index in column.indices]
    if isinstance(column, list) and set(map(type, column)) <= {float, int, type(None)}:
        with suppress(OverflowError):  # an integer beyond float64: refused by parse_time
            return np.array(column, dtype=np.float64)
    return column


def _from_seconds(seconds: npt.NDArray[np.float64], default: Milliseconds) -> npt.NDArray[np.int64] | None:
    """Convert seconds since the epoch, NaN where missing; None if `parse_time` would refuse any of them."""
    missing = np.isnan(seconds)
    if missing.any():
        seconds = np.where(missing, 0.0, seconds)
    if len(seconds) and not (seconds.min() >= 0 and seconds.max() <= LATEST / 1000):
        return None
    times = milliseconds_of(seconds)
    times[missing] = default
    return times


def _from_moments(moments: npt.NDArray[np.datetime64], default: Milliseconds) -> npt.NDArray[np.int64] | None:
    """Convert date-times of numpy, NaT where missing; None if `parse_time` would refuse any of them."""
    missing = np.isnat(moments)
    times: npt.NDArray[np.int64] = moments.astype("datetime64[us]").astype(np.int64) // 1000
    times[missing] = default
    stated = times[~missing]
    if len(stated) and not (stated.min() >= 0 and stated.max() <= LATEST):
        return None
    return times


def _one_by_one(values: list[Any], default: Milliseconds) -> tuple[npt.NDArray[np.int64], list[Rejected]]:
    times = np.full(len(values), default)
    unreadable = []
    for row, value in enumerate(values):
        if value is None or value != value:
            continue
        try:
            times[row] = parse_time(value, TIMESTAMP)
        except InputError as error:
            unreadable.append(Rejected(row, TIMESTAMP, error.expected, describe(value)))
    return times, unreadable
