"""The rare-bin test of categories that most rows have: the rows outside of one are the rare ones. And its tolerance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import hypergeom, norm

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.dws.finding import CAUSE_RARE, WindowSamples
from driftmeter.detectors.dws.rare import BUDGET_SHARE, RareBins
from driftmeter.detectors.rare_bins import tolerated
from driftmeter.detectors.variance import Variance
from tests.detectors.samples import categories

ALPHA = 1e-6


def log10_chance(reference: tuple[int, int], window: tuple[int, int], tolerance: float = 0.0) -> float:
    """Return log10 of the chance that the test gives to a window of two categories, by its strongest bin."""
    feature = categories(reference)
    bins = CompiledBins([feature])
    variance = Variance(bins, None)
    counts = np.zeros((1, feature.size))
    counts[0, : len(window)] = window
    rows, alpha = np.array([[float(sum(window))]]), np.array([[ALPHA]])
    samples = WindowSamples(counts, rows, np.zeros((1, 0), np.int64), variance.at_each([1], [sum(window)]), alpha)
    finding = RareBins(bins, variance, np.full(1, tolerance)).judge(samples)
    assert finding.cause[0, 0] >= CAUSE_RARE
    return float(np.log10(BUDGET_SHARE * ALPHA / bins.rare_tests[0]) - finding.evidence[0, 0])


@pytest.mark.parametrize("window", [(0, 1), (0, 2), (0, 3), (3, 3), (60, 20), (3, 17)])
def test_a_window_of_any_size_has_about_the_hypergeometric_chance(window: tuple[int, int]) -> None:
    common, other = 9_500, 500
    n, m = sum(window), common + other
    exact = np.log10(hypergeom.sf(window[1] - 1, n + m, window[1] + other, n))
    assert log10_chance((common, other), window) == pytest.approx(exact, rel=0.2)


def test_a_category_that_swallows_the_others_is_as_sure_as_the_others_are_gone() -> None:
    exact = np.log10(hypergeom.cdf(0, 10_100, 3_000, 100))
    assert log10_chance((7_000, 3_000), (100, 0)) == pytest.approx(exact, rel=0.25)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("direction", [-1, 1])
def test_chance_counts_from_the_whole_tolerance_on(share: float, direction: int) -> None:
    m, n, beyond = 1_000_000, 100_000, 4.0
    (delta,) = tolerated(np.array([share]), np.array([0.1]), np.array([False]))
    edge = share + direction * delta
    # of the rarer side, a binomial of many rows: its variance goes with the mean
    variance = edge * (1 - share) if share <= 0.5 else (1 - edge) * share
    seen = edge + direction * beyond * np.sqrt(variance * (1 / n + 1 / m))
    reference, window = (round(m * share), m - round(m * share)), (round(n * seen), n - round(n * seen))
    assert log10_chance(reference, window, 0.1) == pytest.approx(norm.logsf(beyond) / np.log(10), rel=0.25)
