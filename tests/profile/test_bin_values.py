from __future__ import annotations

import json

import numpy as np
import pytest

from driftmeter.profile.bin_values import BinValues
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import Floats

CHANCE = np.random.default_rng(31)
REFERENCES = {
    "normal": CHANCE.normal(50, 10, 5_000),
    "skewed": np.exp(CHANCE.normal(size=5_000)),
    "tiny": CHANCE.normal(0, 1e-12, 5_000),
    "huge": CHANCE.normal(0, 1e300, 5_000),
    "at the end of floats": CHANCE.choice([-1.7e308, 0.0, 1.7e308], 5_000) * CHANCE.random(5_000),
    "large and close": 1e9 + CHANCE.normal(size=5_000),
    "whole": CHANCE.poisson(300, 5_000).astype(float),
    "two": CHANCE.choice([0.0, 1.0], 5_000),
}


def moments(grid: NumericGrid, values: BinValues, sample: Floats) -> tuple[float, float]:
    """Return mean and deviation of a sample, from its counts alone, in units of the largest value."""
    counts = np.bincount(grid.edges.searchsorted(sample, side="right"), minlength=grid.size)[grid.present]
    share = counts / counts.sum()
    value, deviation = (array / np.abs(sample).max() for array in values.by_bin(grid))
    mean = float(share @ value)
    return mean, float(np.sqrt(share @ ((value - mean) ** 2 + deviation**2)))


@pytest.mark.parametrize("name", REFERENCES)
def test_the_counts_of_the_reference_give_back_its_mean_and_deviation(name: str) -> None:
    reference = REFERENCES[name]
    grid = NumericGrid.fit(reference, bins=64)
    values = BinValues.of(grid, reference)
    scaled = reference / np.abs(reference).max()
    mean, deviation = moments(grid, values, reference)
    assert mean == pytest.approx(scaled.mean(), abs=0.002 * scaled.std() + 1e-15)
    assert deviation == pytest.approx(scaled.std(), rel=0.005, abs=1e-15)
    assert (values.low, values.high) == (reference.min(), reference.max())


@pytest.mark.parametrize("name", REFERENCES)
def test_values_survive_json_and_do_not_depend_on_the_order_of_rows(name: str) -> None:
    reference = REFERENCES[name]
    grid = NumericGrid.fit(reference, bins=64)
    values = BinValues.of(grid, reference)
    assert BinValues.from_json(json.loads(json.dumps(values.to_json())), grid) == values
    assert BinValues.of(grid, CHANCE.permutation(reference)) == values
    assert len(json.dumps(values.to_json())) < 64 * 30


def test_rows_without_a_finite_value_do_not_count() -> None:
    reference = np.concatenate([REFERENCES["normal"], [np.nan, np.inf, -np.inf]])
    grid = NumericGrid.fit(REFERENCES["normal"], bins=16)
    assert BinValues.of(grid, reference) == BinValues.of(grid, REFERENCES["normal"])
    nothing = NumericGrid.fit(np.zeros(0), bins=16)
    assert BinValues.of(nothing, np.array([np.nan])) == BinValues((), (), 0.0, 0.0)


def test_without_values_each_bin_counts_as_its_middle() -> None:
    reference = REFERENCES["whole"]
    grid = NumericGrid.fit(reference, bins=16)
    value, _ = BinValues.of_grid(grid).by_bin(grid)
    inside = grid.edges[1:-2] / 2 + grid.edges[2:-1] / 2
    np.testing.assert_allclose(value[2:-2], inside)


@pytest.mark.parametrize(
    "change",
    [{"means": (1.0,)}, {"deviations": ()}, {"low": 5.0, "high": 4.0}, {"unit": 0.0}, {"high": float("inf")}],
)
def test_values_that_do_not_fit_are_refused(change: dict[str, object]) -> None:
    reference = REFERENCES["normal"]
    grid = NumericGrid.fit(reference, bins=8)
    content = {**BinValues.of(grid, reference).to_json(), **change}
    with pytest.raises(ValueError, match="expected"):
        BinValues.from_json(content, grid)
