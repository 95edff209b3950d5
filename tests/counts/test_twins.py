"""The same numbers, as model servers and files round them, are no drift."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.report import compare
from driftmeter.types import Floats

AnyFloats = npt.NDArray[np.floating[Any]]


def float32(values: Floats) -> Floats:
    return values.astype(np.float32).astype(np.float64)


def six_digits(values: Floats) -> Floats:
    return np.array([float(f"{value:.6g}") for value in values])


def added_up(values: Floats) -> Floats:
    return (values / 3 + values / 3) + values / 3


def scaled(values: Floats) -> Floats:
    return values * 0.1 * 10


TWINS = [float32, six_digits, added_up, scaled]
SHAPES: dict[str, Callable[[np.random.Generator, int], AnyFloats]] = {
    "few": lambda rng, rows: rng.choice(rng.normal(size=rng.integers(2, 40)), rows),
    "few steps": lambda rng, rows: rng.integers(-5, rng.integers(2, 60), rows) * 0.1,
    "constant": lambda rng, rows: np.full(rows, rng.normal()),
    "zero-inflated": lambda rng, rows: np.where(rng.random(rows) < rng.random(), 0.0, rng.gamma(2, size=rows)),
    "prices": lambda rng, rows: np.floor(rng.lognormal(3, 1, rows)) + rng.choice([0.0, 0.49, 0.95, 0.99], rows),
    "cents": lambda rng, rows: np.round(rng.lognormal(6, 2, rows), 2),
    "far from zero": lambda rng, rows: 1000 + rng.integers(0, 40, rows) * 0.01,
    "close together": lambda rng, rows: 1 + rng.integers(0, 30, rows) * 10.0 ** -rng.integers(4, 12),
    "normal": lambda rng, rows: rng.normal(size=rows),
    "uniform": lambda rng, rows: rng.random(rows),
    "Cauchy": lambda rng, rows: np.clip(rng.standard_cauchy(rows), -1e6, 1e6),
    "whole": lambda rng, rows: rng.poisson(5, rows) * 1.0,
}


def drifting(profile: Profile, values: AnyFloats | pl.Series) -> list[str]:
    report = compare(profile, pl.DataFrame({"x": values}))
    return [feature.why for feature in report.verdict.features if feature.drifting]


@given(
    st.sampled_from(sorted(SHAPES)),
    st.integers(200, 5000),
    st.integers(-30, 30),
    st.integers(0, 2**32 - 1),
)
@example("few", 200, 0, 0)
@example("few steps", 5000, 0, 1)
@example("prices", 5000, 0, 1)
@example("close together", 1000, 20, 3)
@example("far from zero", 5000, 0, 1)
def test_the_same_numbers_rounded_or_added_up_otherwise_are_no_drift(
    shape: str, rows: int, magnitude: int, seed: int
) -> None:
    values = np.asarray(SHAPES[shape](np.random.default_rng(seed), rows) * 10.0**magnitude, np.float64)
    profile = Profile.fit(pl.DataFrame({"x": values}), model="m")
    for twin in TWINS:
        assert drifting(profile, twin(values)) == [], twin.__name__
    assert drifting(profile, pl.Series(values, dtype=pl.Float32)) == []


finite = st.floats(-1e30, 1e30).map(lambda value: 0.0 if abs(value) < 1e-30 else value)


@given(st.lists(finite, min_size=1, max_size=12), st.integers(200, 2000), st.integers(0, 2**32 - 1))
def test_whatever_few_values_there_are_their_twins_are_no_drift(pool: list[float], rows: int, seed: int) -> None:
    values = np.random.default_rng(seed).choice(pool, rows)
    profile = Profile.fit(pl.DataFrame({"x": values}), model="m")
    for twin in TWINS:
        assert drifting(profile, twin(values)) == [], twin.__name__


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.__name__)
def test_numbers_with_a_bin_each_stay_in_it(twin: Callable[[Floats], Floats]) -> None:
    values = np.asarray(np.repeat(np.arange(-20, 40) * 0.1, 5), np.float64)
    (feature,) = Profile.fit(pl.DataFrame({"x": values}), model="m").features
    assert isinstance(feature.grid, NumericGrid)
    bins, of_twin = (feature.grid.edges.searchsorted(side, side="right").tolist() for side in (values, twin(values)))
    assert len(set(bins)) == 60
    assert bins == of_twin


def test_what_moves_by_more_than_rounding_is_drift() -> None:
    values = np.random.default_rng(4).integers(0, 10, 2000) * 0.1
    profile = Profile.fit(pl.DataFrame({"x": values}), model="m")
    assert drifting(profile, values + 0.1)
    assert drifting(profile, np.where(values > 0.85, 0.8, values))


@pytest.mark.parametrize(
    ("middle", "spread"), [(1e6, 1.0), (2e6, 8.0), (52.5, 1e-4), (52.50005, 0.75e-4), (1e9, 1.0), (101_325.0, 0.01)]
)
def test_large_numbers_that_vary_little_are_told_apart_all_the_same(middle: float, spread: float) -> None:
    rng = np.random.default_rng(3)
    reference = rng.normal(middle, spread, 5000)
    profile = Profile.fit(pl.DataFrame({"x": reference}), model="m", independent=True)
    assert drifting(profile, rng.normal(middle, spread, 5000)) == []
    assert drifting(profile, rng.normal(middle + spread / 2, spread, 5000))
    if spread > middle * 2**-20:  # else float32 would not hold them
        assert drifting(profile, float32(reference)) == []
