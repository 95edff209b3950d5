"""r: rare bins, one by one: missing, unreadable, out of range, unseen, and each category.

A bin holds r of the reference's m rows, the share p = r/m, and X of a window's n rows. Given X + r, each of these rows
is the window's with chance q: the hypergeometric tail becomes that of a binomial, by an incomplete beta function, which
takes any real size:

    v     = 1 + n τ²                     the design effect: rows that are worth one independent row
    q     = (n/v) / (n/v + m_eff)
    more:   P = I_q(x, r' + 1)           x = X / (v (1−p)),  r' = (r/m + δ) m_eff / (1−p)
    fewer:  P = 1 − I_q(x + 1, r')       r' = (r/m − δ) m_eff / (1−p); for the bins that are `two_sided`
    δ     = max(min(ε √(p (1−p)), 0.4 p), 0.002) the tolerance, as a share of the rows; 0 where the tolerance is 0;
                                         of rates, missing or unseen rows and the like, ε/10 at most
    evidence = log10(¼ α / tests) − log10 P     and how large it is: size.py

1−p gives the binomial the variance of the hypergeometric, for a p up to a half: a bin with more than half of the rows
is tested by the rows outside of it, of which there are more where it has fewer. For `more`, X is taken less
(b − v) (1 − 1/v), down to v at the least, where b is the most rows of the reference that came together in the bin: the
largest group is to count as one. Three bins come in clusters instead of rows:
- below and above the reference's range: one record-breaking day is one event. With s the mean rows of such a day in
  the reference, at least the design effect of the bin and of the feature's scores: x = X/s, r' = r_s/s, q = n/(n+m),
  where r_s is the reference's rows of its own record days.
- unseen: rows of one new category come together, so that x and r' are divided by 1 + clustering · n/(n+m), too.
Source: DLMF 8.17.5; Good (1953) for what is expected unseen.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betainc, betaincc

from driftmeter.detectors.bins import CompiledBins, first_largest
from driftmeter.detectors.dws.chance import NOTABLE, log10_of
from driftmeter.detectors.dws.finding import CAUSE_RARE, Finding, WindowSamples
from driftmeter.detectors.dws.pooled import MOST_DESIGN_EFFECT
from driftmeter.detectors.protocol import Mask
from driftmeter.detectors.rare_bins import tolerated
from driftmeter.detectors.size import ShareSizes, Size
from driftmeter.detectors.variance import Variance, too_few_groups
from driftmeter.types import Codes, Floats

BUDGET_SHARE = 0.25
_EXACT_BELOW = 100
"""With fewer reference rows in a bin, its tail is computed whenever a row is seen there, without a normal law as a
screen."""
_FEWER_FROM = 30
"""Fewer rows than expected are tested only where the reference has more rows than this in the bin, and outside of one
that most rows are in: the bins of so few rows outside are tested themselves."""
COMMON_SHARE = 0.5
"""A bin with a larger share is tested by the rows outside of it."""
_LARGEST_SHARE = 0.95
"""1 − p is taken as at least 0.05: for a share near 1 the tail would shrink to nothing."""


class RareBins:
    """The test r, compiled for the features of a profile. Arrays have shape (rare,), as in `CompiledBins`."""

    def __init__(self, bins: CompiledBins, variance: Variance, tolerance: Floats) -> None:
        """Take `tolerance` (features,) as ε, in standard deviations."""
        owner = bins.rare_owner
        self._bins = bins
        self._variance = variance
        self._share: Floats = bins.rare_reference / bins.rows[owner]
        """p."""
        deviation = np.sqrt(self._share * (1 - self._share))
        self._row_variance: Floats = np.maximum(deviation**2, 0.25 / bins.rows[owner])
        """p (1−p) of one row, at least as much as a quarter of a reference row leaves open."""
        self._tolerance: Floats = tolerated(self._share, tolerance[owner], bins.is_rate)
        """δ."""
        self._rest: Floats = 1 - np.minimum(self._share, _LARGEST_SHARE)
        """1−p."""
        self._common: Mask = self._share > COMMON_SHARE
        self._few: Mask = bins.rare_reference < _EXACT_BELOW
        # values that come back into the range of a number have no bin of their own here
        outside = (bins.rows[owner] - bins.rare_reference > _FEWER_FROM) | ~np.array(bins.rare_named, dtype=bool)
        self._may_fall: Mask = bins.two_sided & (bins.rare_reference > _FEWER_FROM) & (~self._common | outside)
        """Where fewer rows than expected are tested."""
        self._sizes = ShareSizes(bins)

    def judge(self, samples: WindowSamples) -> Finding:
        """Test every rare bin, two-sided ones in both directions."""
        bins, owner = self._bins, self._bins.rare_owner
        seen, log_p = self.log10_chances(samples)
        log_alpha = np.take(np.log10(BUDGET_SHARE * samples.alpha / bins.rare_tests), owner, axis=-1)
        evidence = log_alpha - log_p
        strongest = first_largest(evidence, owner, bins.rare_starts)
        return Finding(
            np.take_along_axis(evidence, strongest, axis=-1),
            strongest + CAUSE_RARE,
            np.take_along_axis(seen, strongest, axis=-1) / samples.rows,
            self._share[strongest],
            self._size(samples, seen, evidence >= 0),
        )

    def judge_rates(self, samples: WindowSamples, columns: Codes, log10_weight: Floats) -> Finding:
        """Test some of the rare bins alone, by ascending features; `log10_weight` is log10 of each one's part of alpha.

        Both have one shape; each feature has one of these bins at least. Bins whose rows come together are left out: a
        variance says too little of how long an outage may last.
        """
        seen, log_p = self.log10_chances(samples)
        owner, rows = self._bins.rare_owner[columns], samples.rows
        log_p = np.take(log_p, columns, axis=-1)
        evidence = np.log10(samples.alpha) + log10_weight - log_p
        independent = 1 + rows * np.take(samples.excess.rare, columns, axis=-1) < MOST_DESIGN_EFFECT
        evidence = np.where(independent, evidence, -np.inf)
        first = first_largest(evidence, owner, np.flatnonzero(np.diff(owner, prepend=-1)))
        alarming = np.zeros(seen.shape, dtype=bool)
        alarming[:, columns] = evidence >= 0
        strongest = columns[first]
        return Finding(
            np.take_along_axis(evidence, first, axis=-1),
            strongest + CAUSE_RARE,
            np.take_along_axis(seen, strongest, axis=-1) / rows,
            self._share[strongest],
            self._size(samples, seen, alarming),
        )

    def log10_chances(self, samples: WindowSamples) -> tuple[Floats, Floats]:
        """Return the rows seen in every rare bin, and log10 P of so many; where nothing notable happened P is a half.

        Both have shape (windows, rare).
        """
        rows, excess = samples.rows, samples.excess.rare
        seen = self._bins.rare_counts(samples.counts)
        moved = seen / rows - self._share
        deviation = np.sqrt(self._row_variance * (1 / rows + excess + 1 / self._variance.rare_rows))
        notable = np.abs(moved) - self._tolerance > NOTABLE * deviation
        window, bin_ = np.nonzero(np.where(moved > 0, notable | self._few, notable & self._may_fall))
        enough = ~too_few_groups(rows[window, 0], excess[window, bin_])
        window, bin_ = window[enough], bin_[enough]
        more, common = moved[window, bin_] > 0, self._common[bin_]
        log_p = np.full(seen.shape, np.log10(0.5))
        for chosen, chances in (
            (more & ~common, self._log10_more),
            (~more & ~common, self._log10_fewer),
            (more & common, self._log10_few_outside),
            (~more & common, self._log10_many_outside),
        ):
            if chosen.any():
                cases = window[chosen], bin_[chosen]
                effect = 1 + rows[cases[0], 0] * excess[cases]
                log_p[cases] = chances(samples, *cases, seen[cases], effect)
        return seen, log_p

    def _size(self, samples: WindowSamples, seen: Floats, alarming: Mask) -> Size:
        """Return the size of what moved in the alarming bins, by what the rows of both samples are worth there."""
        if not alarming.any():
            return Size.none((len(seen), len(self._bins.features)))
        total, rows = self._bins.rows[self._bins.rare_owner], samples.rows
        effect = 1 + rows * samples.excess.rare
        of_scores = np.take(samples.excess.scores.max(axis=-1), self._bins.rare_owner, axis=-1)
        size = self._variance.clusters[:, 1]
        clustered, cluster = size > 0, _cluster(size, rows, effect, of_scores)
        spread = 1 + self._bins.rare_clustering * rows / (rows + total)
        worth = rows / np.where(clustered, cluster, effect * spread)
        worth_before = self._variance.rare_rows
        worth_before = np.where(clustered, np.minimum(worth_before, total / cluster), worth_before)
        return self._sizes.of(alarming, seen / rows, worth, worth_before)

    # --- the chances of some cases: of the rare bin `bin_` in the window `window`, all arrays (cases,)

    def _log10_fewer(self, samples: WindowSamples, window: Codes, bin_: Codes, seen: Floats, effect: Floats) -> Floats:
        """Return log10 of the chance of as few rows as seen, or fewer."""
        bins, rows = self._bins, samples.rows[window, 0]
        reference_rows, rest = self._variance.rare_rows[bin_], self._rest[bin_]
        q = (rows / effect) / (rows / effect + reference_rows)
        share = bins.rare_reference[bin_] / bins.rows[bins.rare_owner[bin_]]
        expected = np.maximum((share - self._tolerance[bin_]) * reference_rows / rest, 1e-9)
        return log10_at_most(seen / effect / rest, expected, q)

    def _log10_few_outside(
        self, samples: WindowSamples, window: Codes, bin_: Codes, seen: Floats, effect: Floats
    ) -> Floats:
        """Return log10 of the chance of as few rows outside of the bin, or fewer: it has more than half of the rows."""
        outside = samples.rows[window, 0] - seen
        q, expected, tolerated = self._outside(samples, window, bin_, effect)
        return log10_at_most(outside / effect / self._share[bin_], np.maximum(expected - tolerated, 1e-9), q)

    def _log10_many_outside(
        self, samples: WindowSamples, window: Codes, bin_: Codes, seen: Floats, effect: Floats
    ) -> Floats:
        """Return log10 of the chance of as many rows outside of the bin, or more: those are the rarer ones."""
        outside = samples.rows[window, 0] - seen
        q, expected, tolerated = self._outside(samples, window, bin_, effect)
        outside = outside - self._burst(effect, outside, bin_)
        return log10_at_least(outside / effect / self._share[bin_], expected + tolerated, q)

    def _outside(
        self, samples: WindowSamples, window: Codes, bin_: Codes, effect: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Return q, and the expected and the tolerated rows of the reference, for the rows outside of the bins."""
        bins, rows, reference_rows = self._bins, samples.rows[window, 0], self._variance.rare_rows[bin_]
        total = bins.rows[bins.rare_owner[bin_]]
        q = (rows / effect) / (rows / effect + reference_rows)
        expected = (total - bins.rare_reference[bin_]) / self._share[bin_] * (reference_rows / total)
        return q, expected, self._tolerance[bin_] * reference_rows / self._share[bin_]

    def _burst(self, effect: Floats, seen: Floats, bin_: Codes) -> Floats:
        """Return by how many rows the largest group is larger than the mean one: it counts as one group, too."""
        larger = np.maximum(self._variance.bursts[bin_] - effect, 0) * (1 - 1 / effect)
        least: Floats = np.maximum(seen - effect, 0)
        return np.minimum(larger, least)

    def _log10_more(self, samples: WindowSamples, window: Codes, bin_: Codes, seen: Floats, effect: Floats) -> Floats:
        """Return log10 of the chance of as many rows as seen, or more."""
        bins, variance = self._bins, self._variance
        owner, rows, rest = bins.rare_owner[bin_], samples.rows[window, 0], self._rest[bin_]
        reference_rows, total = variance.rare_rows[bin_], bins.rows[owner]
        q = (rows / effect) / (rows / effect + reference_rows)
        shrink, expected = effect * rest, bins.rare_reference[bin_] / rest * (reference_rows / total)
        spread = 1 + bins.rare_clustering[bin_] * rows / (rows + total)
        shrink, expected = shrink * spread, expected / spread
        clustered_rows, size = variance.clusters[bin_].T
        clustered = size > 0
        # one record-breaking day is one event, however many rows it has
        cluster = _cluster(size, rows, effect, samples.excess.scores.max(axis=-1)[window, owner])
        shrink = np.where(clustered, cluster, shrink)
        expected = np.where(clustered, clustered_rows / np.maximum(cluster, 1), expected)
        q = np.where(clustered, rows / (rows + total), q)
        # the tolerance is a share of what the reference is worth, which is its clusters at most
        worth = np.where(clustered, np.minimum(reference_rows, total / cluster), reference_rows / rest / spread)
        seen = seen - np.where(clustered, 0.0, self._burst(effect, seen, bin_))
        return log10_at_least(seen / shrink, expected + self._tolerance[bin_] * worth, q)


def _cluster(size: Floats, rows: Floats, effect: Floats, of_scores: Floats) -> Floats:
    """Return the rows of a cluster: `size` in the reference, at least the design effects of the bin and the scores."""
    cluster: Floats = np.maximum(size, np.maximum(effect, 1 + rows * of_scores))
    return cluster


def log10_at_least(seen: Floats, reference: Floats, share: Floats) -> Floats:
    """Return log10 of the chance of `seen` or more rows of the window in a bin with `reference` rows of the reference.

    I_q(x, r+1), `share` being q, the window's part of both samples' rows. Sizes need not be whole; arrays broadcast.
    Source: DLMF 8.17.5.

    A window of 100 rows has 3 of them in a bin where a reference of 10,000 rows has 10:

    >>> at_least = log10_at_least(np.array([3.0]), np.array([10.0]), np.array([100 / 10_100]))
    >>> at_least.round(2).tolist(), (10**at_least).round(6).tolist()
    ([-3.59], [0.000258])
    """
    return log10_of(betainc(np.maximum(seen, 1e-9), reference + 1, share))


def log10_at_most(seen: Floats, reference: Floats, share: Floats) -> Floats:
    """Return log10 of the chance of `seen` or fewer rows of the window in a bin with `reference` rows of the reference.

    1 − I_q(x+1, r), as in `log10_at_least`; `reference` must be above 0.

    None of 1,000 rows are in a category where a reference of 10,000 rows has 100:

    >>> log10_at_most(np.array([0.0]), np.array([100.0]), np.array([1_000 / 11_000])).round(2).tolist()
    [-4.14]
    """
    return log10_of(betaincc(seen + 1, reference, share))
