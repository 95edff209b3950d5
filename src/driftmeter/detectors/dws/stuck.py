"""Stuck values: one value that takes over a feature whose rows are too dependent for Pearson's statistic.

With M the share of a window's rows in the most frequent of a feature's inner bins, and μ, σ, g₂ and L the mean, the
deviation, the excess kurtosis and the largest of ln(M/(1−M)) over the reference's windows of that length:

    δ = ε √(M (1−M))                      the tolerance, as a share of the rows; ε in standard deviations
    o = ln((M−δ) / (1−(M−δ)))
    P = P(t_ν √((ν−2)/ν) > (o − μ) / σ),  ν = 4 + 6/g₂,  g₂ at least 0.1
    evidence = log10(¼ α) − log10 P       where M > ½ and o > max(μ, L) + σ, else none
    effect   = (M − M_L) (o − L)          as of two bins; its lower bound has o − 2σ for o. M_L is the share of L

So, beyond the tolerance, the share must exceed that of every reference window by one standard deviation of those
windows. Where the bin holds a single value of the reference, or is a category, the cause names that value. Where it is
a range, all that is known is that the values are in the range, and the cause names that. A feature is tested either by
this test or by Pearson's statistic, so both have the same part of the budget. Windows of 20 hours or more are tested.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betaincc

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.dws.chance import LEAST_LOG10, log10_of, log10_student
from driftmeter.detectors.dws.finding import CAUSE_RARE, Finding, Sample
from driftmeter.detectors.dws.pooled import BUDGET_SHARE
from driftmeter.detectors.protocol import Mask
from driftmeter.detectors.size import Size
from driftmeter.timestamps import HOUR
from driftmeter.types import Floats, Milliseconds

STUCK_LENGTH: Milliseconds = 20 * HOUR
"""About a day of traffic: in shorter windows values may well stand still, as the weather does."""
STUCK_SHARE = 0.5
_LEAST_KURTOSIS = 0.1


class StuckValue:
    """The test of stuck values, compiled for the features of a profile."""

    def __init__(self, bins: CompiledBins, tolerance: Floats) -> None:
        """Take the bins of the profile's features, and `tolerance` (features,) as ε, in standard deviations."""
        self._bins = bins
        self._tolerance = tolerance

    def judge(self, sample: Sample, dependent: Mask) -> Finding | None:
        """Test the `dependent` features (features,) with a reference that shows how windows vary; None without any."""
        chosen = dependent & (sample.excess.stuck[:, 1] > 0)
        if not chosen.any():
            return None
        modal = self._bins.modal(sample.counts, sample.rows)
        log_p, surpassed = stuck_chances(modal - self._tolerance * np.sqrt(modal * (1 - modal)), sample.excess.stuck)
        log_p = np.maximum(log_p, self._log10_chances(sample))
        evidence = np.log10(BUDGET_SHARE * sample.alpha) - np.maximum(log_p, LEAST_LOG10)
        evidence = np.where(chosen & surpassed & (modal > STUCK_SHARE), evidence, -np.inf)
        largest = 1 / (1 + np.exp(-sample.excess.stuck[:, 3]))
        size = size_of_stuck(modal, largest, sample.excess.stuck[:, 1])
        cause = CAUSE_RARE + len(self._bins.rare) + self._bins.modal_bins(sample.counts)
        return Finding(evidence, cause, modal, largest, size)

    def _log10_chances(self, sample: Sample) -> Floats:
        """Return log10 of the chance that so few groups of rows as the window has are so much alike, (features,)."""
        bins = self._bins
        inner = np.where(bins.inner, sample.counts, 0)
        heaviest = bins.modal_bins(sample.counts)
        groups = 1 / (1 / sample.rows + sample.excess.cores)
        others = groups * (1 - inner[heaviest] / sample.rows)
        return log10_of(betaincc(others + 1, np.maximum(groups - others, 1e-9), 1 - bins.share[heaviest]))


def size_of_stuck(modal: Floats, largest: Floats, deviation: Floats) -> Size:
    """Return the size of a modal share beyond the `largest` of the reference; all arrays (features,).

    `deviation` is that of the reference's log-odds. A share of 95 % against one of 20 % at most:

    >>> size = size_of_stuck(np.array([0.95]), np.array([0.2]), np.array([0.4]))
    >>> size.effect.round(2).tolist(), size.effect_low.round(2).tolist()
    ([3.25], [2.45])
    """
    odds, least = _log_odds(modal), _log_odds(largest)
    surely = np.maximum(odds - 2 * deviation, least)
    low: Floats = (1 / (1 + np.exp(-surely)) - largest) * (surely - least)
    effect = (modal - largest) * np.maximum(odds - least, 0.0)
    return Size(np.maximum(effect, low), np.maximum(low, 0.0), np.zeros(len(modal)))


def stuck_chances(modal: Floats, reference: Floats) -> tuple[Floats, Mask]:
    """Return log10 P of each modal share, and whether it surpasses all windows of the reference by a deviation.

    `modal` (features,) are shares of rows, `reference` (features, 4) the mean, deviation, excess kurtosis and largest
    of the log-odds of such shares.

    The most frequent bin has 95 % of a day's rows, where it had 10 % on most days of the reference and 20 % at most:

    >>> log_p, surpassed = stuck_chances(np.array([0.95]), np.array([[-2.2, 0.4, 0.0, -1.4]]))
    >>> log_p.round(1).tolist(), surpassed.tolist()
    ([-19.3], [True])
    """
    mean, deviation, kurtosis, largest = reference.T
    odds = _log_odds(modal)
    beyond = (odds - np.maximum(mean, largest)) / np.maximum(deviation, 1e-9)
    freedom = 4 + 6 / np.maximum(kurtosis, _LEAST_KURTOSIS)
    return log10_student((odds - mean) / np.maximum(deviation, 1e-9), freedom), beyond > 1


def _log_odds(share: Floats) -> Floats:
    clipped = np.clip(share, 1e-4, 1 - 1e-4)
    odds: Floats = np.log(clipped / (1 - clipped))
    return odds
