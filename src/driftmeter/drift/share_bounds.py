"""By how much a share has surely moved, and what that is as a population stability index."""

from __future__ import annotations

import numpy as np

from driftmeter.types import Floats

SURELY = 1.96
"""Standard errors that a bound keeps away: it is wrong with a chance of 2.5 %."""


def wilson(seen: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Return bounds of the share that `seen` of `rows` rows come from, each wrong with a chance of 2.5 %.

    Sizes need not be whole; `rows` must be above 0. Source: Wilson (1927).

    >>> lower, upper = wilson(np.array([10.0]), np.array([1_000.0]))
    >>> lower.round(4).tolist(), upper.round(4).tolist()
    ([0.0054], [0.0183])
    """
    whole = rows + SURELY**2
    middle = (seen + SURELY**2 / 2) / whole
    half = SURELY / whole * np.sqrt(np.maximum(seen * (rows - seen) / rows, 0.0) + SURELY**2 / 4)
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def surely_moved(share: Floats, rows: Floats, reference: Floats, reference_rows: Floats) -> Floats:
    """Return by how much a share is surely above the reference's, or below it (negative); 0 where that is not sure.

    `share` is that of `rows` rows, `reference` that of `reference_rows`: what rows are worth, if they depend on each
    other. The bound is wrong with a chance of about 2.5 %, also for few rows and for shares near 0 and 1.
    Source: Newcombe, "Interval estimation for the difference between independent proportions" (1998), method 10.

    >>> surely_moved(np.array([0.05, 0.02]), 400, np.array([0.01, 0.01]), 10_000).round(3).tolist()
    [0.022, 0.0]
    """
    low, high = wilson(share * rows, np.asarray(rows, dtype=np.float64))
    reference_low, reference_high = wilson(reference * reference_rows, np.asarray(reference_rows, dtype=np.float64))
    difference = share - reference
    above = difference - np.hypot(share - low, reference_high - reference)
    below = difference + np.hypot(high - share, reference - reference_low)
    return np.maximum(above, 0.0) + np.minimum(below, 0.0)


def divergence(share: Floats, reference: Floats) -> Floats:
    """Return the population stability index of two bins, of which one has these shares: (p − q) ln(p (1−q) / q (1−p)).

    It is at most the index over all bins (Kullback & Leibler 1951, Theorem 4.1). Shares must be above 0 and below 1.

    >>> divergence(np.array([0.15, 0.938]), np.array([0.1, 0.1])).round(3).tolist()
    [0.023, 4.118]
    """
    ratio = np.log(share / reference) - np.log1p(-share) + np.log1p(-reference)
    return np.asarray((share - reference) * ratio)
