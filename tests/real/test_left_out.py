"""Real ids, clocks and labels, and row numbers, are left out with a reason, and come back if they are included."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl
import pytest

from driftmeter.profile.profile import Profile
from tests.real.sets import bundled, packaged

MOMENT = pl.col("time_hour").str.to_datetime(time_zone="UTC")


def flights() -> pl.DataFrame:
    """Return some flights of all the year."""
    names = ("year", "month", "day", "carrier", "flight", "tailnum", "origin", "distance", "time_hour")
    return packaged("flights.csv.zip", names)[::40].with_columns(MOMENT.alias("at")).drop("time_hour")


def weather() -> pl.DataFrame:
    """Return the weather by the hour."""
    names = ("origin", "year", "month", "day", "hour", "temp", "humid", "visib", "time_hour")
    seconds = MOMENT.dt.epoch("s").alias("seconds")
    return packaged("weather.csv", names).with_columns(MOMENT.alias("at"), seconds).drop("time_hour")


def planes() -> pl.DataFrame:
    """Return all that is known of the aircraft."""
    return packaged("planes.csv", ("tailnum", "year", "type", "manufacturer", "model", "engines", "seats", "engine"))


def airports() -> pl.DataFrame:
    """Return all that is known of the airports."""
    return packaged("airports.csv", ("faa", "name", "lat", "lon", "alt", "tz", "dst", "tzone"))


def with_target(name: str) -> Callable[[], pl.DataFrame]:
    """Return a function that returns a set of scikit-learn's with the column `target`."""

    def table() -> pl.DataFrame:
        given = bundled(name)
        columns = [str(column) for column in given.feature_names]
        return pl.DataFrame(given.data, schema=columns).with_columns(target=given.target)

    return table


TABLES: Mapping[str, tuple[Callable[[], pl.DataFrame], Mapping[str, str]]] = {
    "flights": (flights, {"year": "tells the year of 'at'", "month": "looks like a clock"}),
    "weather": (
        weather,
        {"year": "tells the year of 'at'", "month": "looks like a clock", "seconds": "looks like seconds since the"},
    ),
    "planes": (planes, {"tailnum": "looks like an identifier"}),
    "airports": (airports, {"faa": "looks like an identifier", "name": "looks like an identifier"}),
    "wine": (with_target("wine"), {"target": "looks like the label"}),
    "cancer": (with_target("breast_cancer"), {"target": "looks like the label"}),
    "diabetes": (with_target("diabetes"), {"target": "looks like the label"}),
    "digits": (with_target("digits"), {"target": "looks like the label"}),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_what_is_no_feature_is_left_out_with_a_reason_and_comes_back_if_included(name: str) -> None:
    make, expected = TABLES[name]
    table = make().with_row_index("row")
    time = "at" if "at" in table.columns else None
    wanted = {**expected, "row": "looks like row numbers"}
    profile = Profile.fit(table, model="m", time=time, independent=True, residuals=False)
    assert set(profile.left_out) - {time} == set(wanted)
    for column, reason in wanted.items():
        assert profile.left_out[column].startswith(reason)
        assert profile.left_out[column].endswith(f"--include {column} monitors it")
    assert {feature.column for feature in profile.features} == set(table.columns) - set(wanted) - {time}
    back = Profile.fit(table, model="m", time=time, independent=True, residuals=False, include=list(wanted))
    assert {feature.column for feature in back.features} == set(table.columns) - {time}
    assert all(any(text.startswith(wanted[column]) for text in back.notes[column]) for column in wanted)
