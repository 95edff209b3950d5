"""What a row pays each bet of e-SR: the smooth scores of numbers, and rare bins, against bounds of the reference.

A bet multiplies its capital by s(b) for a row in bin b, and no bet can be expected to win while the reference's bounds
hold: E[s] ≤ 1.

Smooth, of score φ (scores.py) in either direction, at five stakes λ:

    s(b) = 1 + λ (φ(b) − u),       u = ε + z_ref / √m_eff,   z_ref = Φ⁻¹(1 − δ / (2 K d))

u bounds the mean of φ that new rows have: ε is the tolerance, the rest is the reference's own error, for K scores of d
features both ways at the risk δ. λ ∈ {.025, .05, .1, .2, .4}, less where a row could lose more than 0.6 of the capital.

Rare, of a bin that holds at most the share u of the rows (the largest of Clopper–Pearson, p + ε √(p (1−p)), p + .001),
aimed at the share a = 1.5 u, 3 u, 10 u:

    s = a / u  in the bin,   (1−a) / (1−u)  elsewhere       Kelly's stake on a coin that is fair at u

and of the bins that may lose rows too, below the lower bound in the same way, at a third and two thirds of it.
Source: Shin, Ramdas & Rinaldo, E-detectors (2024), §3.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betaincinv, ndtri

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.scores import NAMES
from driftmeter.detectors.variance import Excess, Variance
from driftmeter.types import Codes, Counts, Floats

STAKES = (0.025, 0.05, 0.1, 0.2, 0.4)
LARGEST_LOSS = 0.6
"""No bet loses more than this of its capital on one row."""
LEAST_RATE = 0.001
"""A rare bin's bound is at least this much above the reference's share, or below it."""
RAISED = (1.5, 3.0, 10.0)
"""Each bet on a larger share is the best one for a share of this many times the bound."""
LOWERED = (1 / 3, 1 / 1.5)
"""The same for bets on a smaller share."""
LARGEST_AIM = 0.9
LEAST_LOWERED = 1e-3
"""No bet on a smaller share is made below a bound of this."""


class SmoothBets:
    """Bets on the smooth scores: per score two directions at five stakes, `bets` in all, the same for every feature."""

    def __init__(self, bins: CompiledBins, variance: Variance, tolerance: Floats, risk: float) -> None:
        """Place the bets; `tolerance` (features,) is ε, `risk` δ."""
        self._bins = bins
        self.quantile = -float(ndtri(risk / (2 * len(NAMES) * len(bins.features))))
        """z_ref."""
        features, _, width = bins.padded_scores.shape
        signed = np.stack([bins.padded_scores, -bins.padded_scores], axis=2)  # features, scores, signs, bins
        bound = tolerance[:, None] + self.quantile / np.sqrt(variance.score_rows)
        gain = signed - bound[:, :, None, None]
        worst = np.where(bins.padded_share[:, None, None] > 0, -gain, 0.0).max(axis=3)
        stakes = np.minimum(np.array(STAKES), (LARGEST_LOSS / np.maximum(worst, 1e-9))[..., None])
        log_pays = np.log(np.maximum(1 + stakes[..., None] * gain[:, :, :, None], 1e-12))
        bets = len(NAMES) * 2 * len(STAKES)
        self.log_pays: Floats = log_pays.reshape(features, bets, width)
        """ln s of a row in each bin, (features, bets, widest feature's bins)."""
        self.score: Codes = np.repeat(np.arange(len(NAMES)), 2 * len(STAKES))
        """Which score a bet is on, (bets,)."""
        self.weight: Floats = np.repeat(bins.scored, 2 * len(STAKES), axis=1) / len(STAKES)
        """The part of the capital that each bet begins with, (features, bets), not yet adding up to 1."""

    def growth(self, counts: Counts, rows: int, excess: Excess) -> Floats:
        """Return by how much the log capital grows, (features, bets): each row counts 1/(1 + n τ²), being dependent."""
        padded = self._bins.padded(counts.astype(np.float64))
        growth: Floats = np.matmul(self.log_pays, padded[:, :, None])[:, :, 0]
        return growth / (1 + rows * excess.scores)[:, self.score]


class RareBets:
    """Bets on the rare bins, of all features in one row of `bets`; every feature has one, if only on nothing."""

    def __init__(self, bins: CompiledBins, variance: Variance, tolerance: Floats, risk: float) -> None:
        """Place the bets; `tolerance` (features,) is ε, `risk` δ."""
        self._bins = bins
        lower, upper = _bounds(bins, variance, tolerance, risk)
        bets = [(index, 0.0, 0.0, 0.0) for index in bins.rare_starts.tolist()]
        for index in range(len(bins.rare)):
            bound = float(upper[index])
            aims = [times * bound for times in RAISED if times * bound < LARGEST_AIM]
            bets += [(index, *log_pays(aim, bound), 1 / len(aims)) for aim in aims]
            if bins.two_sided[index] and lower[index] > LEAST_LOWERED:
                bound = float(lower[index])
                aims = [times * bound for times in LOWERED]
                bets += [(index, *log_pays(aim, bound), 1 / len(aims)) for aim in aims]
        indices, inside, outside, weight = zip(*bets, strict=True)
        order = np.argsort(bins.rare_owner[list(indices)], kind="stable")
        self.rare: Codes = np.array(indices, dtype=np.intp)[order]
        """Which rare bin a bet is on, (bets,)."""
        self.owner: Codes = bins.rare_owner[self.rare]
        self.starts: Codes = np.searchsorted(self.owner, np.arange(len(bins.features))).astype(np.intp)
        """Where each feature's bets begin, (features,)."""
        self.log_inside: Floats = np.array(inside)[order]
        """ln s of a row in the bin, (bets,)."""
        self.log_outside: Floats = np.array(outside)[order]
        self.weight: Floats = np.array(weight)[order]

    def growth(self, counts: Counts, rows: int, excess: Excess) -> Floats:
        """Return by how much the log capital grows, (bets,): each row counts 1/(1 + n τ²), being dependent."""
        inside = self._bins.rare_counts(counts)[self.rare]
        growth: Floats = inside * self.log_inside + (rows - inside) * self.log_outside
        return growth / (1 + rows * excess.rare[self.rare])


def _bounds(bins: CompiledBins, variance: Variance, tolerance: Floats, risk: float) -> tuple[Floats, Floats]:
    """Return the lower and upper bounds of each rare bin's share of new rows, both (rare,)."""
    owner, reference_rows = bins.rare_owner, variance.rare_rows
    share = bins.rare_reference / bins.rows[owner]
    lower, upper = clopper_pearson(share * reference_rows, reference_rows, risk / (2 * len(owner)))
    margin = np.maximum(LEAST_RATE, tolerance[owner] * np.sqrt(share * (1 - share)))
    return np.minimum(lower, share - margin), np.minimum(np.maximum(upper, share + margin), 1.0)


def clopper_pearson(seen: Floats, rows: Floats, chance: float) -> tuple[Floats, Floats]:
    """Return bounds of the share that `seen` of `rows` rows come from, each one wrong with the given chance at most.

    Sizes need not be whole.

    >>> lower, upper = clopper_pearson(np.array([10.0]), np.array([1_000.0]), 0.025)
    >>> lower.round(4).tolist(), upper.round(4).tolist()
    ([0.0048], [0.0183])
    """
    upper = np.where(seen < rows, betaincinv(seen + 1, np.maximum(rows - seen, 1e-9), 1 - chance), 1.0)
    lower = np.where(seen > 0, betaincinv(np.maximum(seen, 1e-9), rows - seen + 1, chance), 0.0)
    return lower, upper


def log_pays(aim: float, bound: float) -> tuple[float, float]:
    """Return ln s of a row in a bin, and of one elsewhere, for a bet on the share `aim` at odds fair at `bound`.

    Kelly's stake: a row in the bin multiplies the capital by aim/bound, another one by (1−aim)/(1−bound).

    >>> inside, outside = log_pays(aim=0.03, bound=0.01)
    >>> round(float(np.exp(inside)), 3), round(float(np.exp(outside)), 3)
    (3.0, 0.98)

    Of 100 rows, 3 in the bin multiply the capital by 3.7, and 1 in the bin by 0.4:

    >>> round(float(np.exp(3 * inside + 97 * outside)), 1), round(float(np.exp(inside + 99 * outside)), 1)
    (3.7, 0.4)
    """
    stake = (aim - bound) / (bound * (1 - bound))
    return float(np.log(1 + stake * (1 - bound))), float(np.log(max(1 - stake * bound, 1e-12)))
