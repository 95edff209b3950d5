"""A rising rate of missing values in real columns is found nearly as soon as any test could find it.

A test with at most one false alarm in so many panes needs ln(panes) / KL(q ‖ p) rows on average at least to tell the
rate q from p (Lorden 1971); p is here the largest rate that is tolerated, a point above the reference's.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from driftmeter.backtest import backtest
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import DAY, HOUR
from tests.real.sets import ROWS_AN_HOUR, TIME, real_set

BUDGET, TOLERATED = 30 * DAY, 0.01


def least_rows(before: float, after: float, features: int) -> float:
    """Return the fewest rows, on average, by which any test may tell the rates apart at the default budget."""
    p, q = before + TOLERATED, after
    divergence = q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p))
    return float(np.log(features * BUDGET / HOUR) / divergence)


def emptied(rows: pl.DataFrame, share: np.ndarray, seed: int) -> pl.DataFrame:
    """Return the rows with some values of each column missing: a share of them, given for each row."""
    chance = np.random.default_rng(seed)
    return rows.with_columns(
        rows[name].scatter(np.flatnonzero(chance.random(len(rows)) < share), None)
        for name in rows.columns
        if name != TIME
    )


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.04), (0.02, 0.1), (0.1, 0.22)])
@pytest.mark.parametrize("name", ["airports", "cancer", "wine", "diabetes"])
def test_a_rising_rate_is_found_within_twice_the_rows_that_any_test_needs(
    name: str, before: float, after: float
) -> None:
    rows = real_set(name)
    reference = emptied(rows.reference, np.full(len(rows.reference), before), 3)
    first = 3 * 24 * ROWS_AN_HOUR
    live = rows.live[: first + 1_500]
    changed = emptied(live, np.where(np.arange(len(live)) < first, before, after), 4)
    columns = [column for column in changed.columns if column != TIME]
    profile = Profile.fit(reference.drop(TIME), model="m", only=columns, independent=True, residuals=False)
    found = {column: len(live) - first for column in columns}
    for event in backtest(profile, changed, live[TIME].to_numpy(), pane=HOUR):
        assert event.at > live[TIME][first]
        if event.event == "alarm" and (event.why or "").startswith("Missing values rose"):
            found[event.feature] = int(np.searchsorted(live[TIME].to_numpy(), event.at)) - first
    assert np.median(list(found.values())) <= 2 * least_rows(before, after, len(columns))
