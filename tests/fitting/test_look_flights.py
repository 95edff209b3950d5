"""Flights with the columns that tables have beside features: nothing is lost, and nothing else drifts for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from driftmeter.demo import data
from driftmeter.profile.profile import Profile

NOT_FEATURES = ("row", "flight_id", "created", "month", "year", "booked", "late")


@pytest.fixture(scope="module")
def flights() -> pl.DataFrame:
    """The flights of the demo with a row number, ids that grow, moments, calendar columns, dates as text, a label."""
    table = pl.from_arrow(data.reference())
    assert isinstance(table, pl.DataFrame)
    chance = np.random.default_rng(8)
    at = pl.col(data.TIME)
    table = table.sort(data.TIME)
    return table.with_columns(
        row=pl.int_range(pl.len()),
        flight_id=pl.Series(np.cumsum(chance.integers(1, 50, len(table)))),
        created=at.dt.epoch("ms") - pl.Series(chance.integers(0, 60 * 86_400_000, len(table))),
        month=at.dt.month(),
        year=at.dt.year(),
        booked=at.dt.strftime("%m/%d/%Y"),
        late=pl.Series(table[data.PREDICTION].to_numpy() > chance.random(len(table))),
    ).sample(fraction=1.0, shuffle=True, seed=1)


@pytest.fixture(scope="module")
def options() -> dict[str, Any]:
    return {"model": "flights", "prediction": data.PREDICTION, "time": data.TIME}


def test_what_is_no_feature_is_left_out_and_all_features_stay(flights: pl.DataFrame, options: Any) -> None:
    profile = Profile.fit(flights, **options)
    assert set(profile.left_out) == {data.TIME, *NOT_FEATURES}
    assert {feature.column for feature in profile.features} == {*data.FEATURES, data.PREDICTION}
    assert profile.residuals is not None
    plain = Profile.fit(flights.drop(NOT_FEATURES), **options)
    assert profile.features == plain.features
    assert profile.calibration == plain.calibration


def test_included_columns_explain_no_other(flights: pl.DataFrame, options: Any) -> None:
    some = flights.select(data.TIME, *data.NUMERIC[:6], data.PREDICTION, "row", "flight_id", "created", "month")
    profile = Profile.fit(some, **options, include=["row", "flight_id", "created", "month"])
    assert {"row", "flight_id", "created", "month"} <= {feature.name for feature in profile.features}
    assert profile.residuals is not None
    assert set(profile.residuals.columns) == {*data.NUMERIC[:6]}
