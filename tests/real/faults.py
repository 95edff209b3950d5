"""Lasting faults of real columns, each from one moment to another."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from driftmeter.timestamps import DAY, HOUR, MINUTE
from driftmeter.types import Milliseconds
from tests.real.sets import LIVE_DAYS, START, TIME, RealSet, real_set

BEGIN = 9 * HOUR + 20 * MINUTE
"""Faults begin and end within a pane."""
IN_TIME, OF_DRAWN = (15, 29), (3, 9)
"""From which day on, and until which, columns are at fault: of sets in order of time, and of the others."""

Change = Callable[[pl.Series, np.random.Generator], pl.Series]


def moved(amount: float, factor: float = 1.0) -> Change:
    """Return a change of all numbers by a factor, as of another unit, and an amount."""
    return lambda values, chance: values * factor + amount


def missing(share: float) -> Change:
    """Return the loss of a share of the values."""
    return _replaced(share, None)


def called(name: str, share: float) -> Change:
    """Return a change of a share of the values into one category."""
    return _replaced(share, name)


def _replaced(share: float, value: str | None) -> Change:
    def changed(values: pl.Series, chance: np.random.Generator) -> pl.Series:
        return values.scatter(np.flatnonzero(chance.random(len(values)) < share), value)

    return changed


def stuck(values: pl.Series, chance: np.random.Generator) -> pl.Series:
    """Repeat the first value there is."""
    return pl.Series([values.drop_nulls()[0]] * len(values), dtype=values.dtype)


@dataclass(frozen=True)
class Fault:
    """A change of a column of a set.

    `found` is by how many rows it is to be found, and `closed` within how many days of its repair its incident is to
    be: the days that the rows need which are to show it, where those are more than two.
    """

    of: str
    column: str
    change: Change
    found: int
    closed: float = 2.1

    @property
    def set(self) -> RealSet:
        """The set without the fault."""
        return real_set(self.of)

    @property
    def bounds(self) -> tuple[Milliseconds, Milliseconds]:
        """The moments from which on and up to which the column is at fault."""
        begin, end = OF_DRAWN if self.set.independent else IN_TIME
        first = START + LIVE_DAYS[0] * DAY + BEGIN
        return first + begin * DAY, first + end * DAY

    @functools.cached_property
    def live(self) -> pl.DataFrame:
        """The live rows with the fault."""
        column, during = self.set.live[self.column], self.during(self.set.live).arg_true()
        changed = self.change(column.gather(during), np.random.default_rng(17)).cast(column.dtype)
        return self.set.live.with_columns(column.scatter(during, changed))

    def during(self, rows: pl.DataFrame) -> pl.Series:
        """Return which rows are of the time of the fault."""
        begin, end = self.bounds
        return rows[TIME].is_between(begin, end - 1)

    @property
    def first(self) -> Milliseconds:
        """The time of the first row that the fault really changes."""
        was, now = self.set.live[self.column], self.live[self.column]
        changed: Milliseconds = self.live[TIME].filter(was.ne_missing(now))[0]
        return changed


FAULTS: Mapping[str, Fault] = {
    "flights: longer in the air": Fault("flights", "air_time", moved(60), 160, 15),
    "flights: distance in km": Fault("flights", "distance", moved(0, 1.609), 60),
    "flights: distance missing": Fault("flights", "distance", missing(0.1), 60),
    "flights: one carrier grows": Fault("flights", "carrier", called("WN", 0.2), 300),
    "flights: a new carrier": Fault("flights", "carrier", called("ZZ", 0.1), 60, 9),
    "flights: distance stuck": Fault("flights", "distance", stuck, 60),
    "weather: temperature in Celsius": Fault("weather", "temp", moved(-32 / 1.8, 1 / 1.8), 50),
    "weather: stormy": Fault("weather", "wind_speed", moved(15), 50, 3),
    "weather: pressure too low": Fault("weather", "pressure", moved(-12), 450, 5),
    "weather: humidity missing": Fault("weather", "humid", missing(0.6), 100, 8),
    "weather: humidity stuck": Fault("weather", "humid", stuck, 100),
    "weather: one airport grows": Fault("weather", "origin", called("LGA", 0.5), 100, 4),
    "weather: a new airport": Fault("weather", "origin", called("SWF", 0.25), 25),
    "weather: pressure stuck": Fault("weather", "pressure", stuck, 100),
    "planes: larger": Fault("planes", "seats", moved(40), 150),
    "planes: year missing": Fault("planes", "year", missing(0.1), 200),
    "planes: one maker grows": Fault("planes", "manufacturer", called("EMBRAER", 0.25), 200),
    "planes: a new engine": Fault("planes", "engine", called("Electric", 0.1), 100),
    "planes: year stuck": Fault("planes", "year", stuck, 60),
    "airports: altitude in metres": Fault("airports", "alt", moved(0, 0.3048), 150),
    "airports: zone missing": Fault("airports", "tzone", missing(0.1), 100),
    "airports: one kind of zone grows": Fault("airports", "dst", called("U", 0.15), 300),
    "airports: a new kind of zone": Fault("airports", "dst", called("E", 0.1), 100),
    "cancer: coarser": Fault("cancer", "mean texture", moved(3), 150),
    "cancer: more are benign": Fault("cancer", "kind", called("benign", 0.6), 100),
    "cancer: a new kind": Fault("cancer", "kind", called("unclear", 0.1), 100),
    "wine: sourer": Fault("wine", "malic_acid", moved(0.8), 150),
    "wine: ash missing": Fault("wine", "ash", missing(0.1), 100),
    "wine: hue stuck": Fault("wine", "hue", stuck, 100),
    "diabetes: more sugar": Fault("diabetes", "s6", moved(8), 150),
    "diabetes: pressure missing": Fault("diabetes", "bp", missing(0.06), 150),
    "digits: one digit grows": Fault("digits", "digit", called("seven", 0.25), 250),
    "digits: a pixel stuck": Fault("digits", "pixel_3_3", stuck, 60),
}
