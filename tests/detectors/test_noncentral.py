from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, ncx2

from driftmeter.detectors.noncentral import noncentral_tail


@pytest.fixture
def cases() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    freedom, noncentral = rng.uniform(1, 60, 500), rng.exponential(20, 500)
    return (
        freedom + noncentral + rng.uniform(0.1, 38, 500) * np.sqrt(2 * (freedom + 2 * noncentral)),
        freedom,
        noncentral,
    )


def test_the_tail_is_that_of_scipy(cases: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    assert noncentral_tail(*cases) == pytest.approx(ncx2.sf(*cases), rel=1e-12, abs=0)


def test_without_a_shift_it_is_the_tail_of_chi_square() -> None:
    x, freedom = np.array([2.0, 40.0, 400.0]), np.array([1.0, 5.0, 15.0])
    assert noncentral_tail(x, freedom, np.full(3, 1e-15)) == pytest.approx(chi2.sf(x, freedom), rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("x", "freedom", "noncentral", "exact"),
    [
        (7236.337510717663, 45.284351574781965, 3108.782161084361, 4.2602031771276064e-185),
        (28294.723461648005, 320.80319817227047, 19366.887357437496, 7.7034497877115112e-173),
    ],
)
def test_far_out_it_is_the_tail_that_sixty_digits_give(
    x: float, freedom: float, noncentral: float, exact: float
) -> None:
    # summed by mpmath; scipy's own is off by 5e-5 and 1e-3 here
    tail = noncentral_tail(np.array([x]), np.array([freedom]), np.array([noncentral]))
    assert tail == pytest.approx([exact], rel=1e-11, abs=0)


def test_no_case_depends_on_the_others(cases: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    alone = [noncentral_tail(*(part[index : index + 1] for part in cases))[0] for index in range(50)]
    assert noncentral_tail(*cases)[:50].tolist() == alone
