from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, hypergeom

from driftmeter.drift.tail import two_sided, upper_tail


@pytest.mark.parametrize(("n", "m"), [(200, 10_000), (1000, 1000), (1000, 300_000), (5000, 700)])
@pytest.mark.parametrize("rate", [0.001, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_it_follows_the_exact_hypergeometric_tail(n: int, m: int, rate: float) -> None:
    rng = np.random.default_rng(n)
    x, r = rng.binomial(n, rate, 3000).astype(np.float64), rng.binomial(m, rate, 3000).astype(np.float64)
    exact = np.asarray(hypergeom.sf(x - 1, n + m, x + r, n))
    ours = upper_tail(x, r, np.array(float(n)), np.array(float(m)))
    usual = exact > 1e-3
    assert np.all(np.abs(np.log(ours[usual] / exact[usual])) < 0.1)


def test_a_rare_bin_has_the_binomial_tail() -> None:
    ours = upper_tail(np.array(6.0), np.array(4.0), np.array(1e6), np.array(3e6))
    assert float(ours) == pytest.approx(binomtest(6, 10, 0.25, alternative="greater").pvalue, rel=1e-4)


def test_margins_that_leave_no_choice_give_one() -> None:
    for x, r, n, m in [(0, 0, 10, 20), (10, 20, 10, 20), (0, 0, 0, 20), (0, 5, 0, 20), (5, 0, 10, 0), (0, 0, 0, 0)]:
        args = [np.array(float(value)) for value in (x, r, n, m)]
        assert float(two_sided(*args)) == 1, (x, r, n, m)


def test_both_directions_are_symmetric() -> None:
    a = two_sided(*(np.array(value) for value in (9.0, 20.0, 100.0, 1000.0)))
    b = two_sided(*(np.array(value) for value in (91.0, 980.0, 100.0, 1000.0)))
    assert float(a) == pytest.approx(float(b), rel=1e-12)
