from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from driftmeter.data.clocks import RowTimes
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import DAY, HOUR

CHANCE = np.random.default_rng(4)
N = 2_000
START = 1_700_006_400_000
TIMES = START + np.arange(N) * 4 * HOUR  # 333 days from November on
DAYS = (TIMES - START) / DAY
YEAR = 1970 + (TIMES / 1000 / 31_556_952).astype(int)


def profile_of(values: Any, times: Any = TIMES, **options: Any) -> Profile:
    frame = pl.DataFrame({"at": times // 1000, "x": CHANCE.normal(size=len(times)), "c": values})
    return Profile.fit(frame, model="m", time="at", **options)


RUNNING = {
    "row ids with gaps": np.cumsum(CHANCE.integers(1, 100, N)),
    "ids that are shared": np.arange(N) // 5,
    "ids that came in nearly this order": np.argsort(np.arange(N) + CHANCE.normal(size=N) * 20),
    "meter": np.cumsum(CHANCE.exponential(size=N)),
    "countdown": 1_000 - DAYS,
    "months": (DAYS // 30).astype(int),
    "seconds": TIMES / 1000 + CHANCE.integers(0, 3_600, N),
    "with gaps": np.where(np.arange(N) % 7 == 0, np.nan, DAYS),
}


@pytest.mark.parametrize("name", RUNNING)
def test_what_runs_with_the_time_is_left_out_and_can_be_included(name: str) -> None:
    why = profile_of(RUNNING[name]).left_out["c"]
    assert "with 'at' all along" in why or "looks like row numbers" in why or "since the epoch" in why
    assert why.endswith("; --include c monitors it")
    included = profile_of(RUNNING[name], include=["c"])
    assert "c" in [feature.name for feature in included.features]


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
def test_moments_about_the_time_are_left_out_in_any_unit(unit: int) -> None:
    created = ((TIMES / 1000 - CHANCE.integers(0, 200 * 86_400, N)) * unit).astype(np.int64)
    assert "since the epoch, most of them within a year of 'at'" in profile_of(created).left_out["c"]


def test_the_year_is_left_out_though_it_is_always_the_same() -> None:
    assert profile_of(YEAR).left_out["c"].startswith("tells the year of 'at'")
    built = CHANCE.integers(1990, 2024, N)
    assert "c" not in profile_of(built).left_out


STAYING = {
    "season": np.sin(DAYS / 58) + CHANCE.normal(size=N) / 10,
    "spring": DAYS + CHANCE.normal(size=N) * 100,
    "walk": np.cumsum(CHANCE.normal(size=N)),
    "hour": (TIMES // HOUR) % 24,
    "switched once": (DAYS > 100).astype(int),
    "switched twice": (DAYS > 100).astype(int) + (DAYS > 200),
    "amounts": CHANCE.lognormal(3, 1, N),
    "bytes": CHANCE.integers(950_000_000, 2_100_000_000, N),
    "constant": np.ones(N),
    "missing": [None] * (N - 1) + [1.0],
}


@pytest.mark.parametrize("name", STAYING)
def test_measurements_stay(name: str) -> None:
    assert "c" not in profile_of(STAYING[name]).left_out


def test_the_order_of_the_rows_does_not_matter_nor_do_those_of_one_time() -> None:
    order = CHANCE.permutation(N)
    times, values = TIMES // DAY * DAY, np.cumsum(CHANCE.exponential(size=N))
    whole, shuffled = RowTimes(times), RowTimes(times[order])
    assert whole.agreement(values) == pytest.approx(shuffled.agreement(values[order]), abs=1e-12)
    assert whole.agreement(values) > 0.999
    assert "c" in profile_of(values[order], times[order]).left_out


def test_a_sorted_column_without_time_stays() -> None:
    frame = pl.DataFrame({"x": CHANCE.normal(size=N), "c": np.sort(CHANCE.lognormal(size=N))})
    assert not Profile.fit(frame, model="m").left_out


def test_nothing_is_regressed_on_a_column_that_mostly_rises() -> None:
    trend = DAYS / 100 + CHANCE.normal(size=N) / 4
    frame = pl.DataFrame(
        {"at": TIMES // 1000, "c": trend, "x": trend + CHANCE.normal(size=N), "y": CHANCE.normal(size=N)}
    )
    order = RowTimes(TIMES)
    assert 0.95 < order.agreement(trend) < 0.99
    profile = Profile.fit(frame, model="m", time="at")
    assert "c" not in profile.left_out
    assert profile.residuals is None or "c" not in profile.residuals.columns


def test_times_that_cannot_be_read_have_no_order() -> None:
    times = TIMES.copy()
    times[::7] = -1
    values = np.where(times < 0, 0.0, DAYS)
    assert RowTimes(times).agreement(values) == pytest.approx(1.0)
