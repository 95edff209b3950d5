"""r: rare bins, one by one: missing, unreadable, out of range, unseen, and each category.

A bin holds r of the reference's m rows, the share p = r/m, and X of a window's n rows. Given X + r, each of these rows
is the window's with chance q: the hypergeometric tail becomes that of a binomial, by an incomplete beta function, which
takes any real size:

    v     = 1 + n τ²                     the design effect: rows that are worth one independent row
    q     = (n/v) / (n/v + m_eff)
    more:   P = I_q(x, r' + 1)           x = X / (v (1−p)),  r' = r m_eff / (m (1−p)) + δ m_eff
    fewer:  P = 1 − I_q(x + 1, r')       r' = r m_eff / (m (1−p)) − δ m_eff; for the bins that are `two_sided`
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
- unseen: rows of one new category come together, so that x and r' are divided by 1 + clustering · n/(n+m).
Source: DLMF 8.17.5; Good (1953) for what is expected unseen.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betainc, betaincc

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.dws.chance import LEAST_LOG10, NOTABLE, log10_of
from driftmeter.detectors.dws.finding import CAUSE_RARE, Finding, Sample
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
_COMMON_SHARE = 0.5
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
        self._common: Mask = self._share > _COMMON_SHARE
        self._sizes = ShareSizes(bins)

    def judge(self, sample: Sample) -> Finding:
        """Test every rare bin, two-sided ones in both directions."""
        bins, owner, rows = self._bins, self._bins.rare_owner, sample.rows
        seen, log_p = self.log10_chances(sample)
        log_alpha = np.log10(BUDGET_SHARE * sample.alpha / bins.rare_tests)[owner]
        evidence = log_alpha - np.maximum(log_p, LEAST_LOG10)
        largest = np.maximum.reduceat(evidence, bins.rare_starts)
        strongest = _first_largest(evidence, owner)
        size = self._size(sample, seen, evidence >= 0)
        return Finding(largest, strongest + CAUSE_RARE, seen[strongest] / rows, self._share[strongest], size)

    def judge_rates(self, sample: Sample, columns: Codes, log10_weight: Floats) -> Finding:
        """Test some of the rare bins alone, by ascending features; `log10_weight` is log10 of each one's part of alpha.

        Both have one shape; each feature has one of these bins at least. Bins whose rows come together are left out: a
        variance says too little of how long an outage may last.
        """
        seen, log_p = self.log10_chances(sample)
        owner = self._bins.rare_owner[columns]
        evidence = np.log10(sample.alpha) + log10_weight - np.maximum(log_p[columns], LEAST_LOG10)
        independent = 1 + sample.rows * sample.excess.rare[columns] < MOST_DESIGN_EFFECT
        evidence = np.where(independent, evidence, -np.inf)
        strongest = columns[_first_largest(evidence, owner)]
        largest = np.maximum.reduceat(evidence, np.flatnonzero(np.diff(owner, prepend=-1)))
        alarming = np.zeros(len(seen), dtype=bool)
        alarming[columns] = evidence >= 0
        size = self._size(sample, seen, alarming)
        return Finding(largest, strongest + CAUSE_RARE, seen[strongest] / sample.rows, self._share[strongest], size)

    def log10_chances(self, sample: Sample) -> tuple[Floats, Floats]:
        """Return the rows seen in every rare bin, and log10 P of so many; where nothing notable happened P is a half.

        Both have shape (rare,).
        """
        bins, owner, rows = self._bins, self._bins.rare_owner, sample.rows
        seen = bins.rare_counts(sample.counts)
        effect = 1 + rows * sample.excess.rare
        moved = seen / rows - self._share
        deviation = np.sqrt(self._row_variance * (effect / rows + 1 / self._variance.rare_rows))
        few = bins.rare_reference < _EXACT_BELOW
        notable = np.abs(moved) - self._tolerance > NOTABLE * deviation
        more = (moved > 0) & (notable | (few & (seen > 0)))
        fewer = (moved < 0) & notable & bins.two_sided & (bins.rare_reference > _FEWER_FROM)
        enough = ~too_few_groups(rows, sample.excess.rare)
        more, fewer = more & enough, fewer & enough
        log_p = np.full(len(owner), np.log10(0.5))
        of_more, of_fewer = more & ~self._common, fewer & ~self._common
        if of_more.any():
            log_p[of_more] = self._log10_more(sample, seen, effect, of_more)
        if of_fewer.any():
            log_p[of_fewer] = self._log10_fewer(rows, seen, effect, of_fewer)
        outside = bins.rows[owner] - bins.rare_reference > _FEWER_FROM
        for chosen, more_outside in ((more & self._common, False), (fewer & self._common & outside, True)):
            if chosen.any():
                log_p[chosen] = self._log10_outside(rows, seen, effect, chosen, more=more_outside)
        return seen, log_p

    def _size(self, sample: Sample, seen: Floats, alarming: Mask) -> Size:
        """Return the size of what moved in the alarming bins, by what the rows of both samples are worth there."""
        if not alarming.any():
            return Size.none(len(self._bins.features))
        total, effect = self._bins.rows[self._bins.rare_owner], 1 + sample.rows * sample.excess.rare
        clustered, cluster = self._clusters(sample, effect)
        spread = 1 + self._bins.rare_clustering * sample.rows / (sample.rows + total)
        worth = sample.rows / np.where(clustered, cluster, effect * spread)
        worth_before = self._variance.rare_rows
        worth_before = np.where(clustered, np.minimum(worth_before, total / cluster), worth_before)
        return self._sizes.of(alarming, seen / sample.rows, worth, worth_before)

    def _clusters(self, sample: Sample, effect: Floats) -> tuple[Mask, Floats]:
        """Return which bins' rows come in clusters, and the rows of a cluster, both (rare,)."""
        size = self._variance.clusters[:, 1]
        of_scores = 1 + sample.rows * sample.excess.scores.max(axis=1)[self._bins.rare_owner]
        return size > 0, np.maximum(size, np.maximum(effect, of_scores))

    def _log10_fewer(self, rows: int, seen: Floats, effect: Floats, chosen: Mask) -> Floats:
        """Return log10 of the chance of as few rows as seen, or fewer, in the chosen rare bins."""
        bins = self._bins
        reference_rows = self._variance.rare_rows[chosen]
        q = (rows / effect[chosen]) / (rows / effect[chosen] + reference_rows)
        expected = bins.rare_reference[chosen] / self._rest[chosen]
        expected = expected * (reference_rows / bins.rows[bins.rare_owner[chosen]])
        expected = np.maximum(expected - self._tolerance[chosen] * reference_rows, 1e-9)
        return log10_at_most(seen[chosen] / effect[chosen] / self._rest[chosen], expected, q)

    def _log10_outside(self, rows: int, seen: Floats, effect: Floats, chosen: Mask, *, more: bool) -> Floats:
        """Return log10 of the chance of as many rows outside of the chosen bins, or `more`; of as few without it.

        Each of these bins has more than half of the rows, so that the rows outside are the rarer ones.
        """
        bins, reference_rows = self._bins, self._variance.rare_rows[chosen]
        effect, share, total = effect[chosen], self._share[chosen], bins.rows[bins.rare_owner[chosen]]
        q = (rows / effect) / (rows / effect + reference_rows)
        outside = rows - seen[chosen]
        outside = (outside - (self._burst(effect, outside, chosen) if more else 0.0)) / effect / share
        expected = (total - bins.rare_reference[chosen]) / share * (reference_rows / total)
        tolerated = self._tolerance[chosen] * reference_rows
        if more:
            return log10_at_least(outside, expected + tolerated, q)
        return log10_at_most(outside, np.maximum(expected - tolerated, 1e-9), q)

    def _burst(self, effect: Floats, seen: Floats, chosen: Mask | slice = slice(None)) -> Floats:
        """Return by how many rows the largest group is larger than the mean one: it counts as one group, too."""
        larger = np.maximum(self._variance.bursts[chosen] - effect, 0) * (1 - 1 / effect)
        least: Floats = np.maximum(seen - effect, 0)
        return np.minimum(larger, least)

    def _log10_more(self, sample: Sample, seen: Floats, effect: Floats, chosen: Mask) -> Floats:
        """Return log10 of the chance of as many rows as seen, or more, in the chosen rare bins."""
        bins, owner, rows = self._bins, self._bins.rare_owner, sample.rows
        reference_rows = self._variance.rare_rows
        total = bins.rows[owner]
        q = (rows / effect) / (rows / effect + reference_rows)
        shrink, expected = effect * self._rest, bins.rare_reference / self._rest * (reference_rows / total)
        spread = 1 + bins.rare_clustering * rows / (rows + total)
        shrink, expected = shrink * spread, expected / spread
        clustered_rows = self._variance.clusters[:, 0]
        # one record-breaking day is one event, however many rows it has
        clustered, cluster = self._clusters(sample, effect)
        shrink = np.where(clustered, cluster, shrink)
        expected = np.where(clustered, clustered_rows / np.maximum(cluster, 1), expected)
        q = np.where(clustered, rows / (rows + total), q)
        # the tolerance is a share of what the reference is worth, which is its clusters at most
        worth = np.where(clustered, np.minimum(reference_rows, total / cluster), reference_rows)
        seen = seen - np.where(clustered, 0.0, self._burst(effect, seen))
        return log10_at_least((seen / shrink)[chosen], (expected + self._tolerance * worth)[chosen], q[chosen])


def _first_largest(evidence: Floats, owner: Codes) -> Codes:
    """Return the index of the first of the largest numbers of each owner; owners ascend, and each one has a number."""
    order = np.lexsort((-evidence, owner))  # stable
    firsts: Codes = order[np.flatnonzero(np.diff(owner[order], prepend=-1))]
    return firsts


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
