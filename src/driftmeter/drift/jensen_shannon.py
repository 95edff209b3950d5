"""Jensen–Shannon distance."""

from __future__ import annotations

import numpy as np
from scipy.special import rel_entr

from driftmeter.drift.protocol import Pair, Scores, View, total
from driftmeter.types import Kind


class JensenShannon:
    """Compare shares by the square root of the Jensen–Shannon divergence in bits (base 2).

    0 for equal shares, 1 where no bin holds rows of both; a metric, and symmetric. No p-value: without
    drift it is not 0 but falls with the number of rows. An empty sample gives 0.

    >>> round(float(JensenShannon().score(Pair(np.array([75, 25]), np.array([25, 75]))).statistic), 4)
    0.4344
    """

    name = "jensen_shannon"
    kinds: tuple[Kind, ...] = ("numeric", "categorical", "boolean")
    view: View = "present"
    unit = "square root of bits"
    bounds = (0.0, 1.0)
    citation = "Lin (1991); Endres & Schindelin (2003)"

    def score(self, pair: Pair) -> Scores:
        """Return the distance."""
        p, q = pair.window_shares, pair.reference_shares
        middle = (p + q) / 2
        bits = total(rel_entr(p, middle) + rel_entr(q, middle)) / (2 * np.log(2.0))
        return Scores(np.sqrt(np.clip(bits, 0.0, 1.0)))
