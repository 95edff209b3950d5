"""Real ids, tail numbers, free text and columns of mostly one value never alarm on the same rows, shuffled."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
import pytest

from driftmeter.backtest import backtest
from driftmeter.profile.profile import Profile
from driftmeter.report import compare
from driftmeter.timestamps import DAY, MINUTE
from tests.real.sets import START, TIME, bundled, packaged

DAYS = 20
PANE = 20 * MINUTE


def pixels() -> pl.DataFrame:
    """Return the pixels of digits that are hardly ever lit, some of them never."""
    given = bundled("digits")
    table = pl.DataFrame(given.data, schema=[str(name) for name in given.feature_names])
    return table.select(name for name in table.columns if name.endswith(("_0", "_7")))


TABLES: Mapping[str, Callable[[], pl.DataFrame]] = {
    "flights": lambda: packaged("flights.csv.zip", ("tailnum", "flight", "dest", "year"))[::20],
    "weather": lambda: packaged("weather.csv", ("precip", "visib", "wind_gust", "year", "time_hour")),
    "planes": lambda: packaged("planes.csv", ("tailnum", "type", "manufacturer", "model", "speed", "engine")),
    "airports": lambda: packaged("airports.csv", ("faa", "name", "dst", "tzone")),
    "pixels": pixels,
}


def halves(name: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a table's rows in two halves at random, each over DAYS."""
    table = TABLES[name]()
    table = table[np.random.default_rng(1).permutation(len(table))]
    reference, live = table[::2], table[1::2]
    at = [START + pl.int_range(pl.len()) * (DAYS * DAY) // pl.len() + days * DAY for days in (0, DAYS)]
    return reference.with_columns(at[0].alias(TIME)), live.with_columns(at[1].alias(TIME))


@pytest.mark.parametrize("ordered", [False, True], ids=["independent", "in order of time"])
@pytest.mark.parametrize("name", TABLES)
def test_shuffled_rows_never_alarm(name: str, ordered: bool) -> None:
    reference, live = halves(name)
    columns = [column for column in live.columns if column != TIME]
    moment = pl.from_epoch(TIME, time_unit="ms").dt.replace_time_zone("UTC")
    profile = Profile.fit(reference.with_columns(moment), model="m", only=columns, time=TIME, independent=not ordered)
    assert {feature.column for feature in profile.features} == set(columns)
    assert list(backtest(profile, live, live[TIME].to_numpy(), pane=PANE)) == []
    assert not compare(profile, live.drop(TIME)).drifting
