from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from driftmeter.drift.wasserstein import Wasserstein
from driftmeter.profile.feature import Feature
from driftmeter.types import Floats
from tests.drift.samples import counted, numeric, pair_of, score_of


def measured(feature: Feature, window: Floats) -> float:
    return score_of(feature, counted(feature.grid, window)).tests["wasserstein"].statistic


def test_it_is_exact_where_each_value_has_its_bin() -> None:
    rng = np.random.default_rng(1)
    reference = rng.choice([0.0, 1, 5, 6, 30], 3000)
    window = rng.choice([0.0, 1, 5, 6, 30], 400, p=[0.4, 0.1, 0.1, 0.1, 0.3])
    assert measured(numeric(reference), window) == pytest.approx(wasserstein_distance(reference, window), rel=1e-9)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e9])
def test_it_is_within_a_bin_of_that_of_the_raw_values_in_their_unit(unit: float) -> None:
    rng = np.random.default_rng(2)
    reference, window = rng.uniform(0, 10, 20_000) * unit, rng.uniform(1, 9, 2000) * unit
    width = 10 * unit / 64
    assert measured(numeric(reference), window) == pytest.approx(wasserstein_distance(reference, window), abs=width)


def test_a_small_shift_of_a_normal_is_measured_to_a_tenth() -> None:
    rng = np.random.default_rng(3)
    reference, window = rng.normal(size=50_000), rng.normal(0.3, size=50_000)
    assert measured(numeric(reference), window) == pytest.approx(wasserstein_distance(reference, window), rel=0.1)


def test_beyond_the_range_it_is_a_lower_bound() -> None:
    reference = np.linspace(0, 10, 1001)
    feature = numeric(reference)
    assert 0 < measured(feature, reference + 100) < 100
    assert 0 < measured(feature, reference - 100) < 100


@pytest.mark.parametrize("shift", [-0.5, 0.5, -2.0, 2.0, -4.0, 4.0])
def test_just_beyond_the_range_it_is_not_above_that_of_the_raw_values(shift: float) -> None:
    reference = np.linspace(0, 10, 1001)
    outside = np.repeat([0.0, 10.0], 500) + 1.5 * shift
    raw = wasserstein_distance(reference, outside)
    assert raw - 1.5 * abs(shift) - 10 / 64 <= measured(numeric(reference), outside) <= raw + 10 / 64


def test_values_at_the_ends_of_the_floats_give_a_finite_distance() -> None:
    reference = np.array([-1.7e308, 1.7e308] * 50)
    assert measured(numeric(reference), np.full(20, 1.7e308)) == pytest.approx(1.7e308)
    ends = np.array([-1.79e308, 1.79e308])
    assert float(Wasserstein().score(pair_of(np.array([5, 0]), np.array([0, 5]), ends)).statistic) < np.inf


def test_a_pair_without_positions_is_refused() -> None:
    with pytest.raises(ValueError, match="positions"):
        Wasserstein().score(pair_of(np.array([1, 2]), np.array([2, 1])))
