"""z: the smooth scores of numbers, whose means move when a distribution does.

A score φ_k gives each bin b a number, with mean 0 and variance 1 under the reference (scores.py). In a window with
counts c_b of n rows, and h_k the mean that its hours of the day let one expect (0 where hours do not matter):

    s_k   = Σ_b c_b φ_k(b) / n − h_k             the shift, in the reference's standard deviations
    n_eff = 1 / (1/n + τ²_k)                     what the rows are worth; τ² and m_eff are from variance.py
    sd_k  = √(1/n_eff + 1/m_eff)
    P_k   = P(a mean of n_eff rows > |s_k| − ε)  by Lugannani–Rice, saddlepoint.py; ε is the tolerance
    P_k  := max(P_k, P(t_ν √((ν−2)/ν) > (|s_k| − ε) / sd_k)), ν = 4 + 6/g₂, where the reference's window means had an
            excess kurtosis g₂ that chance does not explain
    evidence = max_k log10(½ α / 2K) − log10 P_k

for the K scores of a feature, each with two signs. Half of a window's α goes to this test.
Source: Neyman's smooth tests, Rayner & Best (1989), ch. 4; Lugannani & Rice (1980).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtri

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.dws.chance import CERTAIN, LEAST_LOG10, NOTABLE, log10_student
from driftmeter.detectors.dws.finding import Finding, WindowSamples
from driftmeter.detectors.saddlepoint import LOG10E, log10_tail
from driftmeter.detectors.size import size_of_shifts
from driftmeter.detectors.variance import Excess, Variance, too_few_groups
from driftmeter.types import Floats

BUDGET_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class SmoothFinding:
    """A finding, and what else the scores say; arrays of shape (windows, features).

    The effect is ln(1 + Σ_k max(0, s_k² − sd_k²)), its lower bound ln(1 + Σ_k max(0, |s_k| − 2 sd_k)²): see size.py.
    `smallest_visible` is the smallest shift that would alarm, ε + z sd, in standard deviations;
    infinite for a feature without scores. `significant` is 1 where a shift is more than chance, whether or not it
    exceeds the tolerance.
    """

    finding: Finding
    smallest_visible: Floats
    significant: Floats


class SmoothScores:
    """The test z, compiled for the features of a profile."""

    def __init__(self, bins: CompiledBins, variance: Variance, tolerance: Floats) -> None:
        """Take `tolerance` (features,) as ε, in standard deviations."""
        self._bins = bins
        self._variance = variance
        self._tolerance = tolerance
        self._tests: Floats = np.maximum(2.0 * bins.scored.sum(axis=1), 1.0)
        """2K of each feature, at least 1."""

    def judge(self, samples: WindowSamples) -> SmoothFinding:
        """Test every score of every feature; a feature without scores has no evidence."""
        bins, excess = self._bins, samples.excess
        shift = bins.means(samples.counts, samples.rows[:, 0]) - self._expected(samples)
        window_rows = samples.rows[:, :, np.newaxis]
        rows = effective_rows(window_rows, excess.scores)
        deviation = np.sqrt(1 / rows + 1 / self._variance.score_rows)
        alpha = BUDGET_SHARE * samples.alpha / self._tests
        log_p = self._log10_chances(shift, rows, deviation, excess)
        log_p[too_few_groups(window_rows, excess.scores)] = 0.0
        evidence = np.where(bins.scored, np.log10(alpha)[:, :, None] - np.maximum(log_p, LEAST_LOG10), -np.inf)
        strongest = evidence.argmax(axis=-1)
        chosen = strongest[:, :, np.newaxis]
        finding = Finding(
            np.take_along_axis(evidence, chosen, axis=-1)[:, :, 0],
            strongest,
            np.take_along_axis(shift, chosen, axis=-1)[:, :, 0],
            np.zeros(strongest.shape),
            size_of_shifts(shift, deviation, bins.scored),
        )
        return self._with_bounds(finding, np.abs(shift), deviation, -ndtri(alpha))

    def _expected(self, samples: WindowSamples) -> Floats:
        """Return the mean of each score that the hours of the windows let one expect, (windows, features, scores)."""
        share = samples.hours / samples.rows
        expected = np.zeros((len(share), *self._variance.hours.shape[1:]))
        for hour, means in enumerate(self._variance.hours):  # not a matrix product: its bits depend on its shape
            expected += share[:, hour, np.newaxis, np.newaxis] * means
        return expected

    def _log10_chances(self, shift: Floats, rows: Floats, deviation: Floats, excess: Excess) -> Floats:
        """Return log10 P_k, shape (windows, features, scores); 0 where a shift is below one standard deviation."""
        bins = self._bins
        size = np.abs(shift)
        beyond = np.where(bins.scored, (size - self._tolerance[:, None]) / deviation, -np.inf)
        log_p = np.zeros(beyond.shape)
        likely = beyond > 1
        log_p[likely] = log_ndtr(-beyond[likely]) * LOG10E
        cases = np.nonzero((beyond > NOTABLE) & (beyond < CERTAIN))
        if len(cases[0]):
            _, feature, score = cases
            log_p[cases] = log10_tail(
                bins.padded_share[feature],
                np.sign(shift[cases])[:, None] * bins.padded_scores[feature, score],
                rows[cases],
                self._variance.score_rows[feature, score],
                size[cases] - self._tolerance[feature],
            )
        heavy = likely & (excess.tails > 0)
        if heavy.any():
            freedom = 4 + 6 / excess.tails[heavy]
            log_p[heavy] = np.maximum(log_p[heavy], log10_student(beyond[heavy], freedom))
        return log_p

    def _with_bounds(self, finding: Finding, size: Floats, deviation: Floats, critical: Floats) -> SmoothFinding:
        """Add the bounds; `critical` (windows, features) is the upper normal quantile at ½ α / 2K."""
        scored = self._bins.scored
        least = np.where(scored, deviation, np.inf).min(axis=-1)
        smallest_visible = np.where(scored.any(axis=1), self._tolerance + critical * least, np.inf)
        moved = np.logical_or.reduce((size > critical[:, :, None] * deviation) & scored, axis=-1)
        return SmoothFinding(finding, smallest_visible, moved.astype(np.float64))


def effective_rows(rows: float | Floats, excess: Floats) -> Floats:
    """Return how many independent rows `rows` dependent ones are worth: 1/(1/n + τ²), arrays broadcast.

    >>> effective_rows(1_000, np.array([0.0, 0.01])).round(1).tolist()
    [1000.0, 90.9]

    So a shift of half a standard deviation, beyond a tolerance of 0.1, is 12 and 3.8 standard errors of the mean, and
    the base-10 logarithms of its chances, by the normal law, are:

    >>> beyond = (0.5 - 0.1) / np.sqrt(1 / effective_rows(1_000, np.array([0.0, 0.01])) + 1 / 10_000)
    >>> (log_ndtr(-beyond) * LOG10E).round(1).tolist()
    [-33.1, -4.1]
    """
    effective: Floats = 1 / (1 / rows + excess)
    return effective
