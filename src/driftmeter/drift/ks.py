"""Kolmogorov–Smirnov: the largest difference between the two distribution functions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import kolmogorov

from driftmeter.drift.protocol import Pair, Scores, View, total
from driftmeter.types import Floats, Kind

LEAST_BINS = 5
_OVERSHOOT = 0.5826  # −ζ(½)/√(2π): how far a Brownian path goes, on average, beyond what a grid of it shows


class KolmogorovSmirnov:
    """Compare distribution functions at the edges of the bins.

    The statistic D is that of the raw values up to the share of one bin. On B bins it is smaller than on raw
    values, hence p = Q_KS(D·√(nm/(n+m)) + 0.5826/√B), B the number of bins that the reference populated:
    without the second term the test of 64 equal bins has size .038 at .05. Below 5 bins the approximation
    fails (size .06 at .05) and there is no p-value. An empty sample gives D = 0, p = 1.

    >>> scores = KolmogorovSmirnov().score(Pair(np.full(8, 100), np.array([20, 20, 15, 15, 10, 10, 5, 5])))
    >>> round(float(scores.statistic), 3), round(float(scores.p_value), 5)
    (0.2, 0.00032)
    """

    name = "ks"
    kinds: tuple[Kind, ...] = ("numeric",)
    view: View = "present"
    unit = "share of rows"
    bounds = (0.0, 1.0)
    citation = "Kolmogorov (1933), Smirnov (1948); grid correction: Chernoff (1965), Siegmund (1985), ch. X"

    def score(self, pair: Pair) -> Scores:
        """Return D and its p-value, NaN below 5 populated bins."""
        statistic = np.max(np.abs(pair.steps), axis=-1)
        bins = np.count_nonzero(pair.reference, axis=-1)
        p = kolmogorov(statistic * np.sqrt(pair.effective) + _OVERSHOOT / np.sqrt(np.maximum(bins, 1)))
        return Scores(statistic, np.where(pair.comparable, np.where(bins >= LEAST_BINS, p, np.nan), 1.0))


def resolves(reference: Floats) -> npt.NDArray[np.bool_]:
    """Say whether a reference is spread over enough bins for KS to judge it.

    It takes 5 bins by their effective number, 1/Σ share²: where one value holds nearly all rows, D hardly
    moves, and at .05 KS has size 0 for shares (.96, .01, .01, .01, .01). Depends on the reference alone, so
    that no window chooses its own test. False where the reference is empty.

    >>> resolves(np.array([[20, 20, 20, 20, 20], [96, 1, 1, 1, 1]])).tolist()
    [True, False]
    """
    rows = total(reference)
    return np.asarray((rows > 0) & (rows * rows >= LEAST_BINS * (1 - 1e-9) * total(np.square(reference))))
