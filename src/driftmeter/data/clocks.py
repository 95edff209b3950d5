"""Clocks and counters: columns that rise or fall with the time of the rows, and moments that are written as numbers.

They differ from any reference for ever, so that they are left out. What else rises for a while, as temperatures do in
spring, also falls.
"""

from __future__ import annotations

import numpy as np

from driftmeter.data.time_columns import Times
from driftmeter.timestamps import DAY
from driftmeter.types import Codes, Floats

RUNNING = 0.99
"""A column with at least this agreement with the time is a clock or a counter."""
MONOTONE = 0.95
"""No other column is regressed on one with at least this agreement: all that moves would seem to move with it."""
TELLING = 0.95
"""A column tells the year where a larger share of it does: zones may differ on the last day of a year."""
FEWEST_TIMES = 20
FEWEST_LEVELS = 5
"""With fewer distinct values a column may be one that was switched, once or more often."""
_BLOCKS = 32
_SINCE, _UNTIL = 946_684_800, 2_208_988_800
"""2000 and 2040, in seconds since the epoch."""
_UNITS = ((1, "seconds"), (1_000, "milliseconds"), (1_000_000, "microseconds"), (1_000_000_000, "nanoseconds"))
_NEAR = 366 * DAY


class RowTimes:
    """The order of rows in time. Rows of one time have no order among them, so that the order of a file never shows.

    >>> order = RowTimes(np.arange(100) * 1000)
    >>> order.agreement(np.arange(100.0) // 10), order.agreement(np.arange(100.0)[::-1]), order.agreement(np.ones(100))
    (1.0, -1.0, 0.0)
    """

    def __init__(self, times: Times) -> None:
        """Take the time of each row in ms, shape (rows,), negative where it is unknown."""
        self._times = times
        self._known = times >= 0
        self._codes: Codes = np.zeros(len(times), dtype=np.intp)
        distinct, codes = np.unique(times[self._known], return_inverse=True)
        self._codes[self._known] = codes.reshape(-1)
        self._distinct = len(distinct)

    def agreement(self, values: Floats) -> float:
        """Return 1 where values (rows,) never fall with the time, −1 where they never rise, near 0 where they mix.

        It is the correlation of their ranks, in the order of time, with the same ranks in ascending or descending
        order: Spearman's, but with ties it still reaches 1. NaN and infinities do not count; 0 where there are fewer
        than 20 distinct times or 2 distinct values.
        """
        rows = np.isfinite(values) & self._known
        present, codes = values[rows], self._codes[rows]
        if self._distinct < FEWEST_TIMES or not len(present) or not self._may_run(present, codes):
            return 0.0
        codes = np.unique(codes, return_inverse=True)[1].reshape(-1)
        _, inverse, counts = np.unique(present, return_inverse=True, return_counts=True)
        middle = np.cumsum(counts) - (counts + 1) / 2 - (len(present) - 1) / 2
        ranks = middle[inverse.reshape(-1)]
        variance = float(np.square(ranks).sum())
        at_once = np.bincount(codes)
        if variance == 0 or len(at_once) < FEWEST_TIMES:
            return 0.0
        starts = np.concatenate([[0], np.cumsum(at_once)[:-1]])
        in_time = np.bincount(codes, ranks) / at_once
        ascending = np.sort(ranks)
        rising = float((in_time * np.add.reduceat(ascending, starts)).sum()) / variance
        falling = float((in_time * np.add.reduceat(ascending[::-1], starts)).sum()) / variance
        return rising if rising >= falling else -falling

    def _may_run(self, values: Floats, codes: Codes) -> bool:
        """Say whether the means of stretches of time go one way only: a quick look, before all rows are sorted."""
        block = codes * min(_BLOCKS, self._distinct) // self._distinct
        rows = np.bincount(block)
        with np.errstate(over="ignore", invalid="ignore"):
            steps = np.diff((np.bincount(block, values) / np.maximum(rows, 1))[rows > 0])
        return bool(len(steps)) and max((steps >= 0).mean(), (steps <= 0).mean()) >= 0.9

    def lasting(self, codes: Codes) -> tuple[Floats, Floats] | None:
        """Return how many rows each value has, and how long they keep coming: 1 on average if they come by chance.

        `codes` (rows,) are the numbers of the values, −1 where there is none. How long a value's rows keep coming is
        their mean distance from its first one, in rows of other times between; NaN where a value has one row. None
        where one time has a twentieth of the rows or more, since rows of one time have no order.

        >>> order = RowTimes(np.arange(200))
        >>> rows, lasting = order.lasting(np.repeat(np.arange(100), 2))
        >>> rows[:2], lasting[:2].round(3)
        (array([2., 2.]), array([0.015, 0.015]))
        >>> order.lasting(np.tile(np.arange(100), 2))[1][:2].round(3)
        array([1.493, 1.493])
        """
        present = (codes >= 0) & self._known
        values = np.unique(codes[present], return_inverse=True)[1].reshape(-1)
        at_once = np.bincount(self._codes[present])
        if at_once.max(initial=0) * FEWEST_TIMES >= len(values):
            return None
        place = (np.cumsum(at_once) - at_once)[self._codes[present]].astype(np.float64)
        rows = np.bincount(values).astype(np.float64)
        first = np.full(len(rows), np.inf)
        np.minimum.at(first, values, place)
        kept = np.bincount(values, place) - rows * first
        by_chance = (len(values) + 1) * rows * (rows - 1) / (2 * (rows + 1))
        return rows, np.divide(kept, by_chance, out=np.full(len(rows), np.nan), where=rows > 1)

    def near(self, moments: Floats) -> float:
        """Return the share of `moments` (rows,), in ms, within a year of the time of their row."""
        rows = np.isfinite(moments) & self._known
        return float((np.abs(moments[rows] - self._times[rows]) <= _NEAR).mean()) if rows.any() else 0.0

    def years(self, values: Floats) -> float:
        """Return the share of values (rows,) that are the year, in UTC, of the time of their row."""
        rows = np.isfinite(values) & self._known
        years = self._times[rows].astype("datetime64[ms]").astype("datetime64[Y]").astype(np.int64) + 1970
        return float((values[rows] == years).mean()) if rows.any() else 0.0


def clock(numbers: Floats, agreement: float, order: RowTimes | None, time: str | None) -> str | None:
    """Return why a column of numbers is a clock or a counter, None where it is none.

    `numbers` (rows,) hold NaN where there is no number; `order` is that of the rows in time, by the column `time`, and
    `agreement` that of the numbers with it.

    >>> times = 1_700_000_000_000 + np.arange(100) * 3_600_000
    >>> clock(np.sqrt(np.arange(100.0)), 1.0, RowTimes(times), "at")
    "looks like a clock or a counter: it rises with 'at' all along, and would drift for ever"
    >>> clock(times / 1000 - np.arange(100) % 7 * 40_000, 0.9, RowTimes(times), "at")
    "looks like seconds since the epoch, most of them within a year of 'at'"
    >>> clock(np.full(100, 2023.0), 0.0, RowTimes(times), "at")
    "tells the year of 'at': with the next one it would drift for ever"
    """
    if order is None:
        return None
    present = numbers[np.isfinite(numbers)]
    if len(present) <= FEWEST_TIMES:
        return None
    unit = unit_of_moments(present)
    if unit is not None and order.near(numbers / (unit[0] / 1000)) >= 0.5:
        return f"looks like {unit[1]} since the epoch, most of them within a year of {time!r}"
    if order.years(numbers) > TELLING:
        return f"tells the year of {time!r}: with the next one it would drift for ever"
    if abs(agreement) < RUNNING:
        return None
    if len(np.unique(present)) < FEWEST_LEVELS:
        return None
    way = "rises" if agreement > 0 else "falls"
    return f"looks like a clock or a counter: it {way} with {time!r} all along, and would drift for ever"


def unit_of_moments(present: Floats) -> tuple[int, str] | None:
    """Return how many make a second, and the name, of the unit since the epoch that would put all within 2000 to 2040.

    >>> unit_of_moments(np.array([1.6e12, 1.7e12])), unit_of_moments(np.array([3.0, 1.6e12]))
    ((1000, 'milliseconds'), None)
    """
    low, high = float(present.min()), float(present.max())
    return next(((per, unit) for per, unit in _UNITS if low / per >= _SINCE and high / per < _UNTIL), None)
