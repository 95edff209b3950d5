"""Categories that have vanished: a window should hold some of their rows, and holds none."""

from __future__ import annotations

import numpy as np
from scipy.special import pdtrc

from driftmeter.drift.protocol import Pair, Scores, View, total
from driftmeter.types import Kind

LEAST_EXPECTED = 2.0
"""Rows that a window should hold of a category (or of the few that share a bin) before its absence counts."""


class Vanished:
    """Compare the number of categories' bins that are empty in the window with the number that chance leaves empty.

    Both samples together have t rows in a bin, at least one of them the reference's. Given t, the window has none of
    them with chance π = (m/N)^t / (1 − (n/N)^t), N = m + n: Good's conditional argument, bin by bin. Only bins count in
    which the window should hold 2 rows. The number of empty bins is compared with a Poisson distribution of mean Σπ.
    Its upper tail is at least as heavy as that of the sum of these events, since a row that is not in one bin is in
    another. The statistic is the reference's share in the empty bins, minus the share that chance lets one expect. An
    empty sample gives 0 and p = 1.

    >>> pair = Pair(np.full(40, 50), np.array([0] * 4 + [50] * 36))
    >>> scores = Vanished().score(pair)
    >>> round(float(scores.statistic), 3), bool(scores.p_value < 1e-20)
    (0.1, True)
    """

    name = "vanished"
    kinds: tuple[Kind, ...] = ("categorical",)
    view: View = "known"
    unit = "share of the reference"
    bounds = (0.0, 1.0)
    citation = (
        "Hypergeometric zero counts; Poisson bound of negatively associated events: Barbour, Holst & Janson (1992)"
    )

    def score(self, pair: Pair) -> Scores:
        """Return the share that has vanished beyond chance, and the p-value of the number of empty bins."""
        rows = pair.reference + pair.window
        whole = np.maximum(pair.n + pair.m, 1)[..., None]
        kept, gone = pair.m[..., None] / whole, pair.n[..., None] / whole
        counted = (pair.reference > 0) & (rows * gone >= LEAST_EXPECTED) & pair.comparable[..., None]
        with np.errstate(divide="ignore", invalid="ignore"):
            chance = np.where(counted, np.power(kept, rows) / -np.expm1(rows * np.log(gone)), 0.0)
        empty = counted & (pair.window == 0)
        expected = total(chance * rows)
        share = (total(np.where(empty, pair.reference, 0.0)) - expected) / np.maximum(pair.m, 1)
        number = np.count_nonzero(empty, axis=-1)
        p = np.where(number > 0, pdtrc(np.maximum(number - 1, 0), total(chance)), 1.0)
        return Scores(np.clip(share, 0.0, 1.0), np.where(pair.comparable, p, 1.0))
