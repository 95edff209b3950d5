"""Hellinger distance."""

from __future__ import annotations

import numpy as np

from driftmeter.drift.protocol import Pair, Scores, View, total
from driftmeter.types import Kind


class Hellinger:
    """Compare shares by √(½ Σ (√p − √q)²).

    0 for equal shares, 1 where no bin holds rows of both; a metric, and symmetric. No p-value. An empty
    sample gives 0.

    >>> round(float(Hellinger().score(Pair(np.array([75, 25]), np.array([25, 75]))).statistic), 4)
    0.366
    """

    name = "hellinger"
    kinds: tuple[Kind, ...] = ("numeric", "categorical", "boolean")
    view: View = "present"
    unit = "share of rows, square root"
    bounds = (0.0, 1.0)
    citation = "Hellinger (1909); Le Cam (1986), ch. 4"

    def score(self, pair: Pair) -> Scores:
        """Return the distance."""
        gaps = np.sqrt(pair.window_shares) - np.sqrt(pair.reference_shares)
        return Scores(np.sqrt(np.minimum(total(np.square(gaps)) / 2, 1.0)))
