from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from driftmeter.drift.chi_square import ChiSquare
from driftmeter.types import Floats
from tests.drift.samples import noise, p_values, pair_of

CHI_SQUARE = ChiSquare()


def zipf(categories: int, power: float = 1.0) -> Floats:
    weights = 1 / np.arange(1, categories + 1) ** power
    shares: Floats = weights / weights.sum()
    return shares


@pytest.mark.parametrize("seed", range(10))
def test_it_is_scipys_where_no_bin_is_rare(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, window = rng.integers(200, 3000, 9), rng.integers(40, 90, 9)
    scores = CHI_SQUARE.score(pair_of(reference, window))
    exact = chi2_contingency([reference, window], correction=False)
    assert float(scores.statistic) == pytest.approx(exact.statistic, rel=1e-11)
    assert float(p_values(scores)) == pytest.approx(exact.pvalue, rel=1e-9)


def test_bins_empty_in_both_are_no_bins() -> None:
    full = CHI_SQUARE.score(pair_of(np.array([300, 400, 500]), np.array([50, 40, 30])))
    holes = CHI_SQUARE.score(pair_of(np.array([0, 300, 0, 400, 500, 0]), np.array([0, 50, 0, 40, 30, 0])))
    assert full == holes


def test_rare_bins_are_pooled_in_order_until_they_expect_ten_rows() -> None:
    # expected in the window, a tenth of all: 80, 4, 4, 4, 60, 6, 6
    reference, window = np.array([720, 36, 36, 36, 540, 54, 54]), np.array([70, 6, 2, 6, 62, 10, 8])
    joined = np.array([[720, 108, 540, 108], [70, 14, 62, 18]])
    scores = CHI_SQUARE.score(pair_of(reference, window))
    assert float(scores.statistic) == pytest.approx(chi2_contingency(joined, correction=False).statistic, rel=0.02)


SIZES = {
    "equal": np.full(40, 1 / 40),
    "zipf": zipf(50),
    "long tail": zipf(130, 1.2),
    "rare": np.array([0.9, 0.03, 0.03, 0.03, 0.01]),
    "nearly constant": np.array([0.99, 0.002, 0.002, 0.002, 0.002, 0.002]),
}


@pytest.mark.simulation
@pytest.mark.parametrize("shares", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize(("n", "m"), [(200, 10_000), (1000, 10_000), (1000, 1000), (1000, 300_000)])
def test_the_size_is_not_above_nominal(shares: Floats, n: int, m: int) -> None:
    rng, replicates = np.random.default_rng(n + m), 8000
    p = p_values(
        CHI_SQUARE.score(pair_of(rng.multinomial(m, shares, replicates), rng.multinomial(n, shares, replicates)))
    )
    for nominal, slack in ((0.05, 0.005), (0.01, 0.002), (0.001, 0.0006)):
        assert np.mean(p <= nominal) <= nominal + noise(nominal, replicates) + slack


def test_the_size_is_nominal_where_nothing_is_rare() -> None:
    rng, replicates = np.random.default_rng(1), 20_000
    shares = np.full(12, 1 / 12)
    p = CHI_SQUARE.score(pair_of(rng.multinomial(9000, shares, replicates), rng.multinomial(900, shares, replicates)))
    for nominal in (0.05, 0.01, 0.001):
        assert abs(np.mean(p_values(p) <= nominal) - nominal) <= noise(nominal, replicates)


@pytest.mark.parametrize("m", [10_000, 1_000_000])
def test_a_window_all_in_a_bin_new_to_a_large_reference_is_seen(m: int) -> None:
    scores = CHI_SQUARE.score(pair_of(np.array([m, 0]), np.array([0, 200])))
    assert float(p_values(scores)) < 1e-100
    assert float(scores.statistic) == pytest.approx(m + 200)


def test_a_rare_category_that_becomes_less_rare_is_seen_beside_a_large_reference() -> None:
    reference, window = np.array([60_000, 39_950, 50]), np.array([582, 388, 30])
    assert float(p_values(CHI_SQUARE.score(pair_of(reference, window)))) < 1e-20
