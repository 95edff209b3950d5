"""Population stability index, and the effect size made from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import rel_entr

from driftmeter.drift.protocol import Pair, Scores, View, total
from driftmeter.types import Codes, Counts, Floats, Kind

MOST_GROUPS = 16


class PopulationStability:
    """Compare shares by Σ (p − q)·ln(p/q), p the window's and q the reference's.

    Acts on at most 16 groups of bins that the reference fixed (`reference_groups`), with half a row added
    to each group of each sample; groups that are empty in both are left out. This is the plain index that
    people know: without drift it is about (G − 1)(1/n + 1/m), not 0; `effect` takes that off. No p-value.
    An empty sample gives 0.

    >>> pair = Pair(np.array([500, 300, 200]), np.array([400, 350, 250]))
    >>> round(float(PopulationStability().score(pair).statistic), 4)
    0.0411
    """

    name = "psi"
    kinds: tuple[Kind, ...] = ("numeric", "categorical", "boolean")
    view: View = "groups"
    unit = "nats"
    bounds = (0.0, np.inf)
    citation = "Kullback & Leibler (1951), the divergence J; Siddiqi, Credit Risk Scorecards (2006)"

    def score(self, pair: Pair) -> Scores:
        """Return the index."""
        p, q, _ = _smoothed(pair)
        return Scores(_index(p, q))


@dataclass(frozen=True, slots=True)
class Effect:
    """How much a feature changed, in nats: an estimate and a lower bound."""

    estimate: Floats
    low: Floats


def effect(pair: Pair) -> Effect:
    """Return the index without what chance adds to it, and a lower bound that grades severity.

    The estimate is max(0, PSI − (G − 1)(1/n + 1/m)), G the populated groups. The bound is two standard
    errors below it, at least 0, with

        se² = Var_p(ln(p/q) − q/p)/n + Var_q(ln(q/p) − p/q)/m

    by the delta method, at the shares observed: without drift these hold enough noise to cover the variance of
    χ²_{G−1}·(1/n + 1/m), which is then all that there is. Independent rows are assumed. An empty sample gives
    0 and 0.
    Source: Yurdakul & Naranjo, "Statistical properties of the population stability index" (2020), §3.

    >>> same = effect(Pair(np.array([500, 300, 200]), np.array([52, 29, 19])))
    >>> float(same.estimate), float(same.low)
    (0.0, 0.0)
    >>> moved = effect(Pair(np.array([500, 300, 200]), np.array([200, 300, 500])))
    >>> round(float(moved.estimate), 3), round(float(moved.low), 3)
    (0.544, 0.41)
    """
    p, q, groups = _smoothed(pair)
    estimate = np.maximum(_index(p, q) - np.maximum(groups - 1, 0) * pair.noise, 0.0)
    log_ratio = rel_entr(p, q) / np.where(p > 0, p, 1.0)
    first = _variance(p, log_ratio - q / np.where(p > 0, p, 1.0)) / np.maximum(pair.n, 1)
    second = _variance(q, -log_ratio - p / np.where(q > 0, q, 1.0)) / np.maximum(pair.m, 1)
    return Effect(estimate, np.maximum(estimate - 2 * np.sqrt(first + second), 0.0))


def reference_groups(reference: Counts, most: int = MOST_GROUPS) -> Codes:
    """Return the group of each bin, shape (bins,): neighbours together, at most `most` groups of about equal shares.

    No group has less than half an equal share. The bins that the reference never populated are one more group, the
    last: rows that appear there are new, and would be lost in a neighbouring group.

    >>> reference_groups(np.array([0, 40, 1, 59, 0]), most=4).tolist()
    [2, 0, 1, 1, 2]
    """
    codes = np.zeros(len(reference), dtype=np.intp)
    populated = np.flatnonzero(reference)
    counts = [int(reference[index]) for index in populated]
    remaining, held, code = sum(counts), 0, 0
    least = remaining / (2 * most)
    for position, index in enumerate(populated):
        codes[index] = code
        held += counts[position]
        rest = remaining - held
        after = counts[position + 1] if rest else 0
        nearest = held + after / 2 >= remaining / (most - code)
        if rest >= least and held >= least and code + 1 < most and nearest:
            code, remaining, held = code + 1, rest, 0
    codes[reference == 0] = code + 1 if len(populated) else 0
    return codes


def _smoothed(pair: Pair) -> tuple[Floats, Floats, Floats]:
    """Return the shares of window and reference with half a row added per group, and the number of groups."""
    populated = ((pair.reference > 0) | (pair.window > 0)) & pair.comparable[..., None]
    groups = np.asarray(np.count_nonzero(populated, axis=-1), dtype=np.float64)
    extra = np.where(populated, 0.5, -np.inf)
    p = np.maximum(pair.window + extra, 0.0) / (pair.n + np.maximum(groups / 2, 0.5))[..., None]
    q = np.maximum(pair.reference + extra, 0.0) / (pair.m + np.maximum(groups / 2, 0.5))[..., None]
    return p, q, groups


def _index(p: Floats, q: Floats) -> Floats:
    return total(rel_entr(p, q) + rel_entr(q, p))


def _variance(shares: Floats, values: Floats) -> Floats:
    mean = total(shares * values)
    return total(shares * np.square(values - mean[..., None]))
