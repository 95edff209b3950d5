from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp, kstwobign

from driftmeter.drift import Pair
from driftmeter.drift.ks import KolmogorovSmirnov, resolves
from driftmeter.profile.feature import Feature
from driftmeter.types import Floats
from tests.drift.samples import counted, noise, numeric, p_values, pair_of

KS = KolmogorovSmirnov()


def on_present(feature: Feature, window: Floats) -> Pair:
    part = feature.grid.present
    return pair_of(feature.reference[part], counted(feature.grid, window)[part])


@pytest.mark.parametrize("bins", [16, 64])
@pytest.mark.parametrize("seed", range(5))
def test_the_statistic_is_within_a_bin_of_that_of_the_raw_values(seed: int, bins: int) -> None:
    rng = np.random.default_rng(seed)
    reference, window = rng.gamma(2, size=5000), rng.gamma(2, size=1200) * rng.uniform(0.7, 1.4)
    ours = float(KS.score(on_present(numeric(reference, bins), window)).statistic)
    exact = ks_2samp(reference, window).statistic
    assert exact - 1 / bins <= ours <= exact + 1e-12


def test_the_statistic_is_exact_where_each_value_has_its_bin() -> None:
    rng = np.random.default_rng(3)
    reference, window = rng.poisson(3, 4000).astype(float), rng.poisson(3.4, 700).astype(float)
    ours = KS.score(on_present(numeric(reference), window)).statistic
    assert float(ours) == pytest.approx(ks_2samp(reference, window).statistic, abs=1e-12)


def test_the_p_value_is_the_limit_law_with_the_grid_correction() -> None:
    reference, window = np.full(16, 50), np.array([30, 10] * 8)
    scores = KS.score(pair_of(reference, window))
    size = 800 * 320 / 1120
    assert float(p_values(scores)) == pytest.approx(
        kstwobign.sf(float(scores.statistic) * size**0.5 + 0.5826 / 16**0.5), rel=1e-12
    )


def test_bins_that_only_the_window_populates_do_not_count() -> None:
    reference, window = np.array([50] * 8 + [0] * 8), np.array([20] * 8 + [1] * 8)
    scores = KS.score(pair_of(reference, window))
    size = 400 * 168 / 568
    assert float(p_values(scores)) == pytest.approx(
        kstwobign.sf(float(scores.statistic) * size**0.5 + 0.5826 / 8**0.5), rel=1e-12
    )


def test_there_is_no_p_value_below_five_populated_bins() -> None:
    assert np.isnan(p_values(KS.score(pair_of(np.array([9, 9, 9, 9, 0]), np.array([5, 5, 5, 5, 5])))))
    assert not np.isnan(p_values(KS.score(pair_of(np.array([9, 9, 9, 9, 1]), np.array([5, 5, 5, 5, 5])))))


@pytest.mark.simulation
@pytest.mark.parametrize("bins", [5, 8, 16, 64])
@pytest.mark.parametrize(("n", "m"), [(200, 10_000), (1000, 10_000), (1000, 1000)])
def test_the_size_is_nominal_on_bins_of_equal_shares(bins: int, n: int, m: int) -> None:
    rng, replicates = np.random.default_rng(bins + n + m), 20_000
    shares = np.full(bins, 1 / bins)
    p = p_values(KS.score(pair_of(rng.multinomial(m, shares, replicates), rng.multinomial(n, shares, replicates))))
    for nominal in (0.05, 0.01, 0.001):
        # its limit law is approached from both sides: a tenth at most beside the sampling error
        assert abs(np.mean(p <= nominal) - nominal) <= noise(nominal, replicates) + 0.1 * nominal


@pytest.mark.simulation
def test_the_size_is_nominal_on_a_grid_cut_at_the_quantiles_of_the_reference() -> None:
    rng, replicates = np.random.default_rng(8), 2000
    p = []
    for _ in range(replicates):
        feature = numeric(rng.normal(size=2000))
        p.append(float(p_values(KS.score(on_present(feature, rng.normal(size=500))))))
    for nominal in (0.05, 0.01):
        assert abs(np.mean(np.array(p) <= nominal) - nominal) <= noise(nominal, replicates)


def test_a_reference_with_one_value_in_nearly_all_rows_is_not_for_ks() -> None:
    assert resolves(np.full(5, 20))
    assert resolves(np.full((1, 64), 7)).all()
    assert not resolves(np.array([9600, 100, 100, 100, 100]))
    assert not resolves(np.full(4, 20))
    assert not resolves(np.zeros(6))
