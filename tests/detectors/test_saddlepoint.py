from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import log_ndtr

from driftmeter.detectors.saddlepoint import LOG10E, log10_tail
from driftmeter.types import Floats

PLENTY = 1e15
"""Reference rows whose own error does not count."""


@pytest.fixture(scope="module")
def skewed() -> tuple[Floats, Floats]:
    """A discrete law on a lattice, of mean 0 and variance 1 once standardised, with a tail to the right."""
    share = np.exp(-0.35 * np.arange(24))
    share /= share.sum()
    return share, np.arange(24.0)


def standardised(share: Floats, steps: Floats) -> tuple[Floats, float, float]:
    mean = float(share @ steps)
    spread = float(np.sqrt(share @ np.square(steps) - mean**2))
    return (steps - mean) / spread, mean, spread


def sums(share: Floats, rows: int) -> Floats:
    """Return the exact law of the sum of so many rows, by convolution, one row at a time."""
    law = np.ones(1)
    for _ in range(rows):
        law = np.convolve(law, share)
    return law


def cases(share: Floats, scores: Floats, n: npt.ArrayLike, m: npt.ArrayLike, mean: Floats) -> Floats:
    number = len(mean)
    window, reference = (np.broadcast_to(np.asarray(size, dtype=float), (number,)) for size in (n, m))
    return log10_tail(np.tile(share, (number, 1)), np.tile(scores, (number, 1)), window, reference, mean)


@pytest.mark.parametrize("rows", [20, 100])
def test_the_tail_is_that_of_an_exact_convolution(skewed: tuple[Floats, Floats], rows: int) -> None:
    flat = np.full(9, 1 / 9), np.arange(9.0)
    # towards the long tail it stays on the safe side, by less than a third
    for (share, steps), side, most in ((flat, 1, 0.15), (flat, -1, 0.15), (skewed, -1, 0.15), (skewed, 1, 0.3)):
        exact, approximate = tails(share, steps, rows, side)
        assert len(exact) > 5
        assert (10 ** (approximate - exact) > 0.85).all()
        assert (10 ** (approximate - exact) < 1 + most).all()


def tails(share: Floats, steps: Floats, rows: int, side: int) -> tuple[Floats, Floats]:
    """Return log10 of exact tails from 1e-9 to 1e-3, and the approximations of them."""
    scores, mean, spread = standardised(share, steps)
    law = sums(share, rows)
    tail = np.cumsum(law[::-1])[::-1] if side > 0 else np.cumsum(law)
    # between the lattice's points: half a step beyond what is counted
    means = side * ((np.arange(len(tail)) - side / 2) / rows - mean) / spread
    wanted = (tail > 1e-9) & (tail < 1e-3) & (means > 0)
    return np.log10(tail[wanted]), cases(share, side * scores, rows, PLENTY, means[wanted])


def test_the_tail_falls_as_the_mean_rises(skewed: tuple[Floats, Floats]) -> None:
    share, steps = skewed
    scores, _, _ = standardised(share, steps)
    for n in (5, 30, 3_000):
        log_p = cases(share, scores, n, 10_000, np.linspace(0.05, 0.99 * scores.max(), 300))
        assert (np.diff(log_p) < 1e-9).all()


def test_a_small_reference_makes_the_tail_heavier(skewed: tuple[Floats, Floats]) -> None:
    share, steps = skewed
    scores, _, _ = standardised(share, steps)
    n, mean = 1_000, np.full(4, 0.25)
    log_p = cases(share, scores, n, np.array([1e15, 10_000, 1_000, 100]), mean)
    assert (np.diff(log_p) > 0.3).all()
    # a reference of few rows is a normal error in itself, and next to it the window has none
    normal = log_ndtr(-0.25 / np.sqrt(1 / 100 + 1 / n)) * LOG10E
    assert log_p[3] == pytest.approx(normal, abs=0.05)


def test_no_mean_is_beyond_the_largest_score() -> None:
    share, scores = np.array([0.5, 0.5]), np.array([-1.0, 1.0])
    log_p = cases(share, scores, 10, PLENTY, np.array([0.99, 1.0, 5.0]))
    assert np.isfinite(log_p).all()
    # ten heads in ten throws
    assert log_p[1] == pytest.approx(np.log10(2.0**-10), abs=0.6)
    assert log_p[2] == log_p[1]


def test_a_bin_without_a_share_does_not_count() -> None:
    scores = np.array([-1.0, 1.0, 50.0])
    with_it = cases(np.array([0.5, 0.5, 0.0]), scores, 20, 1_000, np.array([0.7]))
    assert with_it == cases(np.array([0.5, 0.5]), scores[:2], 20, 1_000, np.array([0.7]))


def test_a_case_does_not_depend_on_those_beside_it(skewed: tuple[Floats, Floats]) -> None:
    share, steps = skewed
    scores, _, _ = standardised(share, steps)
    means = np.linspace(0.05, 0.999 * scores.max(), 50)
    together = cases(share, scores, 40, 5_000, means)
    alone = np.concatenate([cases(share, scores, 40, 5_000, means[[index]]) for index in range(50)])
    assert np.array_equal(together, alone)
