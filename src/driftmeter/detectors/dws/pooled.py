"""x: the pooled bins of a feature, all at once, by Pearson's two-sample statistic.

Groups g of bins (bins.py) hold w_g of a window's n rows and r_g of the reference's m:

    X²    = Σ_g (w_g − e_g)² / e_g · (n+m)/m,  e_g = (w_g + r_g) n/(n+m)       both samples' terms in one
    v_g   = 1 + n τ²_g                          the design effect of a group's rows
    v     = Σ_g u_g v_g,   u_g ∝ 1 − p_g        what a group adds to the G − 1 degrees of freedom
    noise = v/n + 1/m_eff
    a²    = Σ_g u_g (v_g/v − 1)²
    T     = X² (1/n + 1/m) / noise / (1 + a²),  df = (G − 1)/(1 + a²),  λ = ε² / noise / (1 + a²)
    P     = P(χ²_df(λ) > T)                     non-central by the tolerance ε: less is no drift
    evidence = log10(¼ α) − log10 P
    unit       = noise (1 + a²) PSI / (X² (1/n + 1/m))      T as a population stability index
    effect     = (T − df) unit                  what is left of the index without what chance adds
    effect_low = λ_low unit,  P(χ²_df(λ_low) > T) = 2.5 %

Only for 4 groups or more, for n of 200 rows at least (ten a group where categories are grouped by hash), and for
features whose rows are nearly independent, v < 1.5: the correction is for small differences of design effects, and
without the limit this test made nine of ten false incidents on real traffic. Where v is larger, stuck.py looks.
Source: Pearson (1900); Rao & Scott (1981).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, chndtrinc, log_ndtr, ndtri

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.dws.chance import LEAST_LOG10, NOTABLE, log10_of
from driftmeter.detectors.dws.finding import CAUSE_BINS, Finding, WindowSamples
from driftmeter.detectors.noncentral import noncentral_tail
from driftmeter.detectors.protocol import Mask
from driftmeter.detectors.saddlepoint import LOG10E
from driftmeter.detectors.size import Size
from driftmeter.detectors.variance import Excess, Variance
from driftmeter.drift.share_bounds import SURELY
from driftmeter.types import Floats

BUDGET_SHARE = 0.25
"""Of a window's alpha; stuck.py has it for the features that are too dependent for this test."""
MOST_DESIGN_EFFECT = 1.5
LEAST_DEGREES = 3
_SURE = 0.975
"""Of a lower bound, that it holds."""
_EXACT_TO = 1e6


@dataclass(frozen=True, eq=False)
class PooledFinding:
    """A finding, None where no feature could be tested; and arrays of shape (windows, features).

    `dependent` are the features whose design effect is too large for this test. `smallest_visible` is the smallest
    shift that would alarm in a feature without scores, ε + z √noise, in standard deviations; infinite for all others.
    """

    finding: Finding | None
    dependent: Mask
    smallest_visible: Floats


class PooledBins:
    """The test x, compiled for the features of a profile. Arrays have shape (groups,) or (features,)."""

    def __init__(self, bins: CompiledBins, variance: Variance, tolerance: Floats) -> None:
        """Take `tolerance` (features,) as ε, in standard deviations."""
        self._bins = bins
        self._tolerance = tolerance
        weight = 1 - bins.group_share
        whole = np.bincount(bins.group_owner, weight, len(bins.features))
        # a feature of one group has nothing to average: its only share cannot move
        self._weight: Floats = weight / np.maximum(whole, 1e-12)[bins.group_owner]
        """u_g."""
        averaged = self._averaged(variance.group_rows)
        self._reference_rows: Floats = np.where(bins.degrees > 0, np.maximum(averaged, 1e-12), bins.rows)
        """m_eff of each feature."""
        self._scored = bins.scored.any(axis=1)

    def _averaged(self, of_groups: Floats) -> Floats:
        """Average over each feature's groups, weighted by u_g: (…, groups) -> (…, features)."""
        averaged: Floats = np.add.reduceat(self._weight * of_groups, self._bins.group_starts, axis=-1)
        return averaged

    def _of_groups(self, of_features: Floats) -> Floats:
        """Give each group what its feature has: (…, features) -> (…, groups)."""
        of_groups: Floats = np.take(of_features, self._bins.group_owner, axis=-1)
        return of_groups

    def judge(self, samples: WindowSamples) -> PooledFinding:
        """Test the groups of every feature; -inf is the evidence of features that cannot be tested."""
        rows = samples.rows
        effect, noise, dependent = self._noise(rows, samples.excess)
        critical = -ndtri(BUDGET_SHARE * samples.alpha)
        smallest_visible = np.where(~self._scored, self._tolerance + critical * np.sqrt(noise), np.inf)
        chosen = self._testable(rows, dependent)
        finding = self._finding(samples, effect, noise, chosen) if chosen.any() else None
        return PooledFinding(finding, dependent, smallest_visible)

    def size(self, counts: Floats, rows: float | Floats, excess: Excess) -> Size:
        """Return what the groups show of the size of a drift, whether or not they would alarm; 0 where not testable.

        `counts` (…, bins) are of `rows` rows, (…, 1) or one number.
        """
        effect, noise, dependent = self._noise(rows, excess)
        chosen = self._testable(rows, dependent)
        return self._size(counts, rows, *self._statistic(counts, rows, excess, effect, noise), chosen)

    def _noise(self, rows: float | Floats, excess: Excess) -> tuple[Floats, Floats, Mask]:
        """Return the design effects v, the noise, and which features are too dependent, all (…, features)."""
        effect = 1 + rows * self._averaged(excess.groups)
        return effect, effect / rows + 1 / self._reference_rows, effect >= MOST_DESIGN_EFFECT

    def _testable(self, rows: float | Floats, dependent: Mask) -> Mask:
        return (self._bins.degrees >= LEAST_DEGREES) & ~dependent & (rows >= self._bins.pooled_rows)

    def _statistic(
        self, counts: Floats, rows: float | Floats, excess: Excess, effect: Floats, noise: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Return T, its degrees of freedom, and the variance that one unit of T is worth, all (…, features)."""
        bins = self._bins
        terms = pearson_terms(bins.grouped(counts), bins.group_reference, rows, self._of_groups(bins.rows))
        pearson: Floats = np.add.reduceat(terms, bins.group_starts, axis=-1)
        unequal = self._averaged(np.square((1 + rows * excess.groups) / self._of_groups(effect) - 1))
        variance = noise * (1 + unequal)
        return pearson * (1 / rows + 1 / bins.rows) / variance, np.maximum(bins.degrees, 1) / (1 + unequal), variance

    def _size(
        self,
        counts: Floats,
        rows: float | Floats,
        statistic: Floats,
        freedom: Floats,
        variance: Floats,
        chosen: Mask,
    ) -> Size:
        """Return the size of what T shows; as an index, Pearson's statistic exaggerates large moves."""
        if not chosen.any():
            return Size.none(chosen.shape)
        bins, total = self._bins, self._of_groups(self._bins.rows)
        window, reference = bins.grouped(counts), bins.group_reference
        moved = window / rows - reference / total
        ratio = np.log((window + 0.5) / rows) - np.log((reference + 0.5) / total)
        index = np.add.reduceat(moved * ratio, bins.group_starts, axis=-1)
        unit = variance * np.maximum(index, 0) / np.maximum(statistic * variance, 1e-12)
        return size_of_index(statistic, freedom, unit, chosen)

    def _finding(self, samples: WindowSamples, effect: Floats, noise: Floats, chosen: Mask) -> Finding:
        statistic, freedom, variance = self._statistic(samples.counts, samples.rows, samples.excess, effect, noise)
        log_p = _log10_chances(statistic, freedom, self._tolerance**2 / variance, chosen)
        evidence = np.where(chosen, np.log10(BUDGET_SHARE * samples.alpha) - np.maximum(log_p, LEAST_LOG10), -np.inf)
        cause = np.full(evidence.shape, CAUSE_BINS)
        size = self._size(samples.counts, samples.rows, statistic, freedom, variance, evidence >= 0)
        return Finding(evidence, cause, statistic / freedom, np.ones(evidence.shape), size)


def size_of_index(statistic: Floats, freedom: Floats, unit: Floats, chosen: Mask) -> Size:
    """Return the size of what Pearson's statistic shows, for the chosen features; all arrays of one shape.

    `unit` is the index that one unit of the statistic is worth; without drift the statistic is `freedom` on average.

    >>> size = size_of_index(np.array([60.0]), np.array([15.0]), np.array([0.01]), np.array([True]))
    >>> size.effect.round(3).tolist(), size.effect_low.round(3).tolist()
    ([0.45], [0.214])

    Source: the confidence limit of a non-centrality parameter, Venables (1975).
    """
    effect, low = np.zeros(statistic.shape), np.zeros(statistic.shape)
    t, degrees = statistic[chosen], freedom[chosen]
    effect[chosen] = np.maximum(t - degrees, 0.0) * unit[chosen]
    # far out the square root of T is normal, of variance 1, where the exact inverse is slow and gives up
    noncentral = np.where(
        t < _EXACT_TO,
        chndtrinc(np.minimum(t, _EXACT_TO), degrees, _SURE),
        np.square(np.sqrt(t) - SURELY) - degrees,
    )
    surely = np.minimum(noncentral * unit[chosen], effect[chosen])
    low[chosen] = np.where(t > chdtri(degrees, 1 - _SURE), surely, 0.0)
    return Size(effect, low, np.zeros(statistic.shape))


def pearson_terms(window: Floats, reference: Floats, n: float | Floats, m: Floats) -> Floats:
    """Return what each group adds to Pearson's two-sample statistic, both samples' terms in one; 0 for an empty group.

    `n` is the rows of the window, `m` (groups,) those of the reference of each group's feature.

    >>> terms = pearson_terms(np.array([30.0, 70.0]), np.array([500.0, 500.0]), 100, np.array([1_000.0, 1_000.0]))
    >>> terms.round(3).tolist(), round(float(terms.sum()), 3)
    ([7.547, 7.018], 14.565)

    which is Σ (seen − expected)² / expected over the four cells of the two-by-two table:

    >>> from scipy.stats import chi2_contingency
    >>> round(float(chi2_contingency([[30, 70], [500, 500]], correction=False).statistic), 3)
    14.565
    """
    expected = (window + reference) * n / (n + m)
    terms: Floats = np.where(expected > 0, np.square(window - expected) / np.maximum(expected, 1e-9), 0.0) * (n + m) / m
    return terms


def _log10_chances(statistic: Floats, freedom: Floats, noncentral: Floats, chosen: Mask) -> Floats:
    """Return log10 P(χ²_df(λ) > T): exact where a chosen feature's T is notable, elsewhere by its mean and variance."""
    mean, deviation = freedom + noncentral, np.sqrt(2 * (freedom + 2 * noncentral))
    log_p: Floats = log_ndtr(-(statistic - mean) / deviation) * LOG10E
    notable = chosen & (statistic > mean + NOTABLE * deviation)
    if notable.any():
        log_p[notable] = log10_of(
            noncentral_tail(statistic[notable], freedom[notable], np.maximum(noncentral[notable], 1e-9))
        )
    return log_p
