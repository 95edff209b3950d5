"""Stuck values: one value that takes over a feature whose rows are too dependent for Pearson's statistic.

With M the share of a window's rows in the most frequent of a feature's inner bins, and μ, σ, g₂ and L the mean, the
deviation, the excess kurtosis and the largest of ln(M/(1−M)) over the reference's windows of that length:

    δ = ε √(M (1−M))                      the tolerance, as a share of the rows; ε in standard deviations
    o = ln((M−δ) / (1−(M−δ)))
    P = P(t_ν √((ν−2)/ν) > (o − μ) / σ),  ν = 4 + 6/g₂,  g₂ at least 0.1
    P := max(P, P(B ≥ g M)),  B binomial of g = 1/(1/n + τ²) and p: so many of so few groups of rows may be alike
    evidence = log10(¼ α) − log10 P       where M > ½ and o > max(μ, L) + σ, else none
    effect   = (M − M_L) (o − L)          as of two bins; its lower bound has o − 2σ for o. M_L is the share of L

So, beyond the tolerance, the share must exceed that of every reference window by one standard deviation of those
windows. p is the bin's share in the reference, τ² that of the ordinary bins. Where the bin holds a single value of the
reference, or is a category, the cause names that value. Where it is a range, all that is known is that the values are
in the range, and the cause names that. A feature is tested either by this test or by Pearson's statistic, so both have
the same part of the budget. Windows of 20 hours or more are tested, with 10 rows or more.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betaincc

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.dws.chance import LEAST_LOG10, log10_of, log10_student
from driftmeter.detectors.dws.finding import CAUSE_RARE, Finding, WindowSamples
from driftmeter.detectors.dws.pooled import BUDGET_SHARE
from driftmeter.detectors.protocol import Mask
from driftmeter.detectors.size import Size
from driftmeter.timestamps import HOUR
from driftmeter.types import Codes, Floats, Milliseconds

STUCK_LENGTH: Milliseconds = 20 * HOUR
"""About a day of traffic: in shorter windows values may well stand still, as the weather does."""
STUCK_SHARE = 0.5
_LEAST_ROWS = 10
"""Fewer rows, of traffic with a row every few days, are too few to say that a value stands still."""
_LEAST_KURTOSIS = 0.1


class StuckValue:
    """The test of stuck values, compiled for the features of a profile."""

    def __init__(self, bins: CompiledBins, tolerance: Floats) -> None:
        """Take the bins of the profile's features, and `tolerance` (features,) as ε, in standard deviations."""
        self._bins = bins
        self._tolerance = tolerance

    def judge(self, samples: WindowSamples, dependent: Mask) -> Finding | None:
        """Test the `dependent` features (windows, features) with a reference that shows how windows vary, if any."""
        excess = samples.excess
        chosen = dependent & (excess.stuck[..., 1] > 0) & (samples.rows >= _LEAST_ROWS)
        if not chosen.any():
            return None
        modal = self._bins.modal(samples.counts, samples.rows[:, 0])
        beyond = modal - self._tolerance * np.sqrt(modal * (1 - modal))
        chosen &= (modal > STUCK_SHARE) & surpasses(beyond, excess.stuck)
        evidence = np.full(modal.shape, -np.inf)
        cause = np.full(modal.shape, CAUSE_RARE + len(self._bins.rare))
        largest = 1 / (1 + np.exp(-excess.stuck[..., 3]))
        if not chosen.any():
            return Finding(evidence, cause, modal, largest, Size.none(modal.shape))
        heaviest = self._bins.modal_bins(samples.counts)
        log_p = np.maximum(
            stuck_chances(beyond[chosen], excess.stuck[chosen]), self._log10_chances(samples, heaviest, chosen)
        )
        alpha = np.broadcast_to(samples.alpha, chosen.shape)[chosen]
        evidence[chosen] = np.log10(BUDGET_SHARE * alpha) - np.maximum(log_p, LEAST_LOG10)
        return Finding(evidence, cause + heaviest, modal, largest, size_of_stuck(modal, largest, excess.stuck[..., 1]))

    def _log10_chances(self, samples: WindowSamples, heaviest: Codes, chosen: Mask) -> Floats:
        """Return log10 of the chance that so few groups of rows as a window has are so much alike, (chosen,)."""
        window, _ = np.nonzero(chosen)
        rows, bin_ = samples.rows[window, 0], heaviest[chosen]
        inner = np.where(self._bins.inner[bin_], samples.counts[window, bin_], 0)
        groups = 1 / (1 / rows + samples.excess.cores[chosen])
        others = groups * (1 - inner / rows)
        return log10_of(betaincc(others + 1, np.maximum(groups - others, 1e-9), 1 - self._bins.share[bin_]))


def size_of_stuck(modal: Floats, largest: Floats, deviation: Floats) -> Size:
    """Return the size of a modal share beyond the `largest` of the reference; all arrays of one shape.

    `deviation` is that of the reference's log-odds. A share of 95 % against one of 20 % at most:

    >>> size = size_of_stuck(np.array([0.95]), np.array([0.2]), np.array([0.4]))
    >>> size.effect.round(2).tolist(), size.effect_low.round(2).tolist()
    ([3.25], [2.45])
    """
    odds, least = _log_odds(modal), _log_odds(largest)
    surely = np.maximum(odds - 2 * deviation, least)
    low: Floats = (1 / (1 + np.exp(-surely)) - largest) * (surely - least)
    effect = (modal - largest) * np.maximum(odds - least, 0.0)
    return Size(np.maximum(effect, low), np.maximum(low, 0.0), np.zeros(modal.shape))


def surpasses(modal: Floats, reference: Floats) -> Mask:
    """Say which modal shares surpass all windows of the reference by a deviation; see `stuck_chances`.

    >>> surpasses(np.array([0.95, 0.22]), np.array([[-2.2, 0.4, 0.0, -1.4]])).tolist()
    [True, False]
    """
    beyond = (_log_odds(modal) - np.maximum(reference[..., 0], reference[..., 3])) / _deviation(reference)
    surpassing: Mask = beyond > 1
    return surpassing


def stuck_chances(modal: Floats, reference: Floats) -> Floats:
    """Return log10 P of each modal share.

    `modal` (…) are shares of rows, `reference` (…, 4) the mean, deviation, excess kurtosis and largest of the log-odds
    of such shares.

    The most frequent bin has 95 % of a day's rows, where it had 10 % on most days of the reference and 20 % at most:

    >>> stuck_chances(np.array([0.95]), np.array([[-2.2, 0.4, 0.0, -1.4]])).round(1).tolist()
    [-19.3]
    """
    freedom = 4 + 6 / np.maximum(reference[..., 2], _LEAST_KURTOSIS)
    return log10_student((_log_odds(modal) - reference[..., 0]) / _deviation(reference), freedom)


def _deviation(reference: Floats) -> Floats:
    deviation: Floats = np.maximum(reference[..., 1], 1e-9)
    return deviation


def _log_odds(share: Floats) -> Floats:
    clipped = np.clip(share, 1e-4, 1 - 1e-4)
    odds: Floats = np.log(clipped / (1 - clipped))
    return odds
