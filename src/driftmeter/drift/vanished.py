"""Categories that have vanished: known ones of which a window should hold some rows, and holds none."""

from __future__ import annotations

import numpy as np
from scipy.special import pdtrc

from driftmeter.drift.protocol import Pair, Scores, View, total
from driftmeter.types import Kind

LEAST_EXPECTED = 2.0
"""Rows that a window should hold of a category (or of the few that share a bin) before its absence is of note."""


class Vanished:
    """Compare how many bins of known categories are empty in the window with how many chance leaves empty.

    Given the t rows that both samples have in a bin, the reference's part of which is at least one, the window has none
    of them with chance π = (m/N)^t / (1 − (n/N)^t), N = m + n: Good's conditional argument, bin by bin. Only bins that
    should hold 2 rows count. The number of empty ones is compared with a Poisson distribution of mean Σπ, whose upper
    tail is that of a sum of such events, or heavier, since rows that are not in one bin are in another. The statistic
    is the share of the reference in the empty bins, less what chance lets one expect; 0 and p = 1 of an empty sample.

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
        """Return the share that has vanished beyond chance, and the p-value of so many empty bins."""
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
