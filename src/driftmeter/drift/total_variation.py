"""Total variation distance."""

from __future__ import annotations

import numpy as np

from driftmeter.drift.protocol import Pair, Scores, View, total
from driftmeter.types import Kind


class TotalVariation:
    """Compare shares by ½ Σ |p − q|: the share of rows that would have to move.

    0 for equal shares, 1 where no bin holds rows of both; a metric, and symmetric. No p-value. An empty
    sample gives 0.

    >>> float(TotalVariation().score(Pair(np.array([75, 25]), np.array([25, 75]))).statistic)
    0.5
    """

    name = "total_variation"
    kinds: tuple[Kind, ...] = ("numeric", "categorical", "boolean")
    view: View = "present"
    unit = "share of rows"
    bounds = (0.0, 1.0)
    citation = "Levin, Peres & Wilmer, Markov Chains and Mixing Times (2009), §4.1"

    def score(self, pair: Pair) -> Scores:
        """Return the distance."""
        return Scores(np.minimum(total(np.abs(pair.window_shares - pair.reference_shares)) / 2, 1.0))
