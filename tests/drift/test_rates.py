from __future__ import annotations

import numpy as np
import pytest

from driftmeter.drift.rates import MissingRate, OutOfRangeRate, UnseenRate
from driftmeter.types import Counts
from tests.drift.samples import noise, p_values, pair_of

SIZES = [(200, 10_000), (1000, 10_000), (1000, 1000), (1000, 300_000)]


def two_bins(events: Counts, rows: int) -> Counts:
    return np.stack([events, rows - events], axis=-1)


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize(("n", "m"), SIZES)
def test_missing_has_at_most_its_size(n: int, m: int, rate: float) -> None:
    rng, replicates = np.random.default_rng(n + m), 20_000
    x, r = rng.binomial(n, rate, replicates), rng.binomial(m, rate, replicates)
    p = p_values(MissingRate().score(pair_of(two_bins(r, m), two_bins(x, n))))
    for nominal in (0.05, 0.01, 0.001):
        assert np.mean(p <= nominal) <= nominal + noise(nominal, replicates)
    if rate == 0.5:
        assert np.mean(p <= 0.05) > 0.04


def test_missing_sees_more_and_fewer() -> None:
    reference = two_bins(np.array(1000), 10_000)
    for events in (150, 50):
        assert float(p_values(MissingRate().score(pair_of(reference, two_bins(np.array(events), 1000))))) < 1e-5


def test_missing_has_the_power_of_an_exact_test() -> None:
    rng = np.random.default_rng(4)
    x, r = rng.binomial(1000, 0.03, 5000), rng.binomial(10_000, 0.01, 5000)
    assert np.mean(p_values(MissingRate().score(pair_of(two_bins(r, 10_000), two_bins(x, 1000)))) <= 0.001) > 0.85


@pytest.mark.simulation
@pytest.mark.parametrize(("n", "m"), [(200, 2000), (1000, 2000), (1000, 1000)])
def test_out_of_range_has_at_most_its_size_although_the_range_is_the_references_own(n: int, m: int) -> None:
    rng, replicates = np.random.default_rng(n + m), 6000
    draws = rng.random((replicates, n + m), dtype=np.float32)
    low, high = draws[:, n:].min(1, keepdims=True), draws[:, n:].max(1, keepdims=True)
    x = ((draws[:, :n] < low) | (draws[:, :n] > high)).sum(1)
    p = p_values(OutOfRangeRate().score(pair_of(two_bins(np.zeros_like(x), m), two_bins(x, n))))
    for nominal in (0.05, 0.01, 0.001):
        assert np.mean(p <= nominal) <= nominal + noise(nominal, replicates)


def test_out_of_range_sees_one_row_in_a_hundred() -> None:
    score = OutOfRangeRate().score(pair_of(np.array([0, 10_000]), np.array([10, 990])))
    assert float(p_values(score)) < 1e-8
    assert float(score.statistic) == pytest.approx(0.01)


def test_out_of_range_and_unseen_take_fewer_for_no_drift() -> None:
    pair = pair_of(np.array([5000, 5000]), np.array([0, 1000]))
    assert float(p_values(OutOfRangeRate().score(pair))) == 1
    assert float(p_values(UnseenRate().score(pair))) == 1


@pytest.mark.simulation
@pytest.mark.parametrize("power", [1.0, 1.3])
def test_unseen_has_about_its_size_on_thousands_of_levels(power: float) -> None:
    rng, levels, n, m, replicates = np.random.default_rng(7), 5000, 1000, 10_000, 1500
    shares = 1 / np.arange(1, levels + 1) ** power
    shares /= shares.sum()
    once, x = np.zeros(replicates, dtype=np.int64), np.zeros(replicates, dtype=np.int64)
    for index in range(replicates):
        reference, window = rng.multinomial(m, shares), rng.multinomial(n, shares)
        once[index], x[index] = (reference == 1).sum(), window[reference == 0].sum()
    p = p_values(UnseenRate().score(pair_of(two_bins(once, m), two_bins(x, n))))
    assert x.mean() > 10
    for nominal in (0.05, 0.01):
        assert np.mean(p <= nominal) <= nominal + noise(nominal, replicates)
    naive = p_values(UnseenRate().score(pair_of(two_bins(0 * once, m), two_bins(x, n))))
    assert np.mean(naive <= 0.01) > 0.9
