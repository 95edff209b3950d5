"""Rates of what should be rare: missing, unreadable, unseen categories, values out of range.

Each acts on two bins, those rows and all others, and its statistic is the window's rate less the
reference's. Tails are exact up to the variance (`tail.py`), however few rows there are.
"""

from __future__ import annotations

import numpy as np

from driftmeter.drift.protocol import Pair, Scores, View
from driftmeter.drift.tail import two_sided, upper_tail
from driftmeter.types import Floats, Kind

_CITATION = "Fisher (1935): the hypergeometric tail of a two-by-two table"


class MissingRate:
    """Compare the share of all rows that are missing; fewer are drift as well as more.

    An empty sample gives 0 and p = 1.

    >>> scores = MissingRate().score(Pair(np.array([10, 990]), np.array([6, 94])))
    >>> round(float(scores.statistic), 3), round(float(scores.p_value), 4)
    (0.05, 0.0037)
    """

    name = "missing"
    kinds: tuple[Kind, ...] = ("numeric", "categorical", "boolean")
    view: View = "missing"
    unit = "share of rows"
    bounds = (-1.0, 1.0)
    citation = _CITATION

    def score(self, pair: Pair) -> Scores:
        """Return the excess rate and its two-sided p-value."""
        p = two_sided(pair.window[..., 0], pair.reference[..., 0], pair.n, pair.m)
        return Scores(_excess(pair), np.where(pair.comparable, p, 1.0))


class UnreadableRate:
    """Compare the share of all rows that hold something else than a value of the feature's kind.

    More such rows are drift, fewer are not. One row is added to the reference's count, since a reference without any
    does not show that none may come. An empty sample gives 0 and p = 1.

    >>> round(float(UnreadableRate().score(Pair(np.array([0, 1000]), np.array([3, 97]))).p_value), 5)
    0.00274
    """

    name = "unreadable"
    kinds: tuple[Kind, ...] = ("numeric", "categorical", "boolean")
    view: View = "unreadable"
    unit = "share of rows"
    bounds = (-1.0, 1.0)
    citation = _CITATION

    def score(self, pair: Pair) -> Scores:
        """Return the excess rate and its one-sided p-value."""
        p = upper_tail(pair.window[..., 0], pair.reference[..., 0] + 1.0, pair.n, pair.m + 1)
        return Scores(_excess(pair), np.where(pair.comparable, p, 1.0))


class UnseenRate:
    """Compare the share of unseen categories, which the reference never held, among the rows with a value.

    The reference's first count is the number of categories that it held exactly once: by Good–Turing, as many of the
    same number of new rows are expected to be of unseen categories. Rows of one unseen category come together, so the
    counts vary more, the larger the window: see `CategoryGrid.clustering`. More are drift, fewer are not. An empty
    sample gives 0 and p = 1.

    >>> round(float(UnseenRate().score(Pair(np.array([2, 998]), np.array([5, 95]))).p_value), 6)
    0.000106
    """

    name = "unseen"
    kinds: tuple[Kind, ...] = ("categorical",)
    view: View = "unseen"
    unit = "share of rows that are not missing"
    bounds = (-1.0, 1.0)
    citation = f"Good (1953), eq. 9; {_CITATION}"

    def score(self, pair: Pair) -> Scores:
        """Return the excess rate and its one-sided p-value."""
        clustering = 0.0 if pair.clustering is None else pair.clustering
        spread = 1 + clustering * pair.n / np.maximum(pair.n + pair.m, 1)
        p = upper_tail(pair.window[..., 0] / spread, pair.reference[..., 0] / spread, pair.n / spread, pair.m / spread)
        return Scores(_excess(pair), np.where(pair.comparable, p, 1.0))


class OutOfRangeRate:
    """Compare the share of values beyond the reference's range, or not finite, among the rows with a value.

    The range is from the reference's smallest to its largest value, so none of its rows is outside; of n new rows,
    2n/(m + 1) are expected to be. So one row is added to the reference's count: the number of rows beyond one end has
    exactly the tail of r = 0, beyond both ends that of r = 1. More are drift, fewer are not. An empty sample gives 0
    and p = 1.

    >>> round(float(OutOfRangeRate().score(Pair(np.array([0, 1000]), np.array([3, 97]))).p_value), 5)
    0.00274
    """

    name = "out_of_range"
    kinds: tuple[Kind, ...] = ("numeric",)
    view: View = "out_of_range"
    unit = "share of rows that are not missing"
    bounds = (-1.0, 1.0)
    citation = f"Wilks (1942): tolerance limits by extremes; {_CITATION}"

    def score(self, pair: Pair) -> Scores:
        """Return the excess rate and its one-sided p-value."""
        p = upper_tail(pair.window[..., 0], pair.reference[..., 0] + 1.0, pair.n, pair.m + 1)
        return Scores(_excess(pair), np.where(pair.comparable, p, 1.0))


def _excess(pair: Pair) -> Floats:
    return np.asarray(pair.window_shares[..., 0] - pair.reference_shares[..., 0])
