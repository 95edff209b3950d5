from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.drift import Pair
from driftmeter.drift.psi import PopulationStability, effect, reference_groups
from driftmeter.types import Floats
from tests.drift.samples import pair_of

PSI = PopulationStability()
EQUAL = np.full(16, 1 / 16)


def tilted(by: float) -> Floats:
    weights = np.exp(by * np.linspace(-1, 1, 16))
    shares: Floats = weights / weights.sum()
    return shares


def true_psi(p: Floats, q: Floats) -> float:
    return float(np.sum((p - q) * np.log(p / q)))


def drawn(rng: np.random.Generator, n: int, m: int, p: float | Floats, replicates: int = 10_000) -> Pair:
    return pair_of(rng.multinomial(m, EQUAL, replicates), rng.multinomial(n, p, replicates))


def test_it_is_the_textbook_sum_with_half_a_row_added_to_each_group() -> None:
    reference, window = np.array([400, 350, 250, 0]), np.array([50, 30, 19, 1])
    p, q = (window + 0.5) / 102, (reference + 0.5) / 1002
    assert float(PSI.score(pair_of(reference, window)).statistic) == pytest.approx(true_psi(p, q), rel=1e-12)


def test_groups_empty_in_both_are_left_out() -> None:
    short = pair_of(np.array([400, 350, 250]), np.array([50, 30, 20]))
    long = pair_of(np.array([400, 350, 250, 0, 0]), np.array([50, 30, 20, 0, 0]))
    assert PSI.score(short) == PSI.score(long)
    assert effect(short) == effect(long)


@pytest.mark.parametrize(("n", "m"), [(200, 10_000), (1000, 10_000), (1000, 1000)])
def test_without_drift_the_effect_is_the_index_less_its_null_mean(n: int, m: int) -> None:
    pair = drawn(np.random.default_rng(n), n, m, EQUAL)
    index = PSI.score(pair).statistic
    null = 15 * (1 / n + 1 / m)
    assert index.mean() == pytest.approx(null, rel=0.05)
    assert np.allclose(effect(pair).estimate, np.maximum(index - null, 0), rtol=0, atol=1e-12)
    assert np.mean(effect(pair).low > 0) < 0.02


@pytest.mark.parametrize("by", [0.5, 0.9])
@pytest.mark.parametrize(("n", "m"), [(1000, 10_000), (1000, 1000), (10_000, 10_000)])
def test_with_drift_the_effect_is_right_and_its_bound_below_the_truth(n: int, m: int, by: float) -> None:
    truth = true_psi(tilted(by), EQUAL)
    size = effect(drawn(np.random.default_rng(n + m), n, m, tilted(by)))
    assert size.estimate.mean() == pytest.approx(truth, rel=0.03)
    assert np.mean(size.low > truth) < 0.023
    # and not needlessly far below: the spread of the estimate is what the bound says
    claimed = np.median(size.estimate - size.low) / 2
    assert 0.95 < claimed / size.estimate.std() < 1.35


def test_the_folklore_thresholds_do_not_fire_on_a_small_window_without_drift() -> None:
    pair = drawn(np.random.default_rng(5), 100, 10_000, EQUAL)
    assert np.mean(PSI.score(pair).statistic > 0.1) > 0.7
    assert np.mean(effect(pair).low > 0.1) == 0


def test_an_empty_sample_has_no_effect() -> None:
    size = effect(pair_of(np.array([5, 5]), np.array([0, 0])))
    assert float(size.estimate) == float(size.low) == 0


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=140))
def test_groups_are_few_in_order_and_none_is_small(counts: list[int]) -> None:
    reference = np.array(counts)
    codes = reference_groups(reference)
    populated = codes[reference > 0]
    shares = np.bincount(populated, reference[reference > 0]) / max(reference.sum(), 1)
    assert np.all(np.diff(populated) >= 0)
    assert len(shares) <= 16
    assert np.all(shares >= 1 / 32)
    assert np.all(codes[reference == 0] == len(shares))


def test_sixty_four_equal_bins_make_sixteen_groups_of_four() -> None:
    reference = np.array([157, 156, 156, 156] * 16)
    assert reference_groups(reference).tolist() == [index // 4 for index in range(64)]
