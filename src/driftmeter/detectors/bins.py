"""What every detector looks at in a vector of counts: scores, rare bins, pooled groups, the modal share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from driftmeter.detectors.pooling import pooled, pools_by_hash, reference_of
from driftmeter.detectors.protocol import Mask
from driftmeter.detectors.rare_bins import rare_bins_of, tests_of_rare
from driftmeter.detectors.scores import NAMES, rank_scores
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.expected import expected_counts
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import Codes, Counts, Floats

LEAST_POOLED_ROWS = 200
ROWS_PER_HASHED_GROUP = 10
LEAST_IN_GROUP = 5
"""Rows that a window must be expected to have in each group by hash (Cochran 1954)."""


class CompiledBins:
    """The bins of some features side by side, in the order of their counts, as arrays; made once per profile.

    Shapes: (bins,) over the bins of all features, (rare,) over their rare bins, (groups,) over their pooled groups,
    (features,). Rare bins and groups stand in the order of the features too.

        features   age                        city
        bins       0 1 2 3 4 5 6 7 8 9 10     11 12 13 14 15 16
        owner      0 0 0 0 0 0 0 0 0 0 0      1  1  1  1  1  1
        starts     0                          11                 17
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        """Compile the arrays."""
        self.features = tuple(features)
        sizes = [feature.size for feature in features]
        self.starts: Codes = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
        """Where each feature's bins begin, and where the last one's end, (features + 1,)."""
        self.owner: Codes = np.repeat(np.arange(len(sizes)), sizes)
        """The feature of each bin, (bins,)."""
        self.reference: Floats = np.concatenate([reference_of(feature) for feature in features])
        """Rows that the reference lets one expect in each bin, (bins,)."""
        self.rows: Floats = np.add.reduceat(self.reference, self.starts[:-1])
        """Rows of the reference, (features,)."""
        self.share: Floats = self.reference / self.rows[self.owner]
        self.scores: Floats = np.concatenate([rank_scores(feature) for feature in features], axis=1)
        """The score of each bin, (scores, bins)."""
        self.scored: Mask = np.stack([self.scores[:, part].any(axis=1) for part in self._parts()])
        """Whether a feature has a score, (features, scores)."""
        self._with_scores: Codes = np.flatnonzero(self.scored.any(axis=1))
        of_scores = np.isin(self.owner, self._with_scores)
        self._scored_bins: Codes = np.flatnonzero(of_scores)
        self._first_scored: Codes = np.flatnonzero(np.diff(self.owner[of_scores], prepend=-1))
        self._find_core()
        self._pad()
        self._find_rare()
        self._group()

    def _parts(self) -> list[slice]:
        return [slice(int(a), int(b)) for a, b in zip(self.starts[:-1], self.starts[1:], strict=True)]

    def _find_core(self) -> None:
        self.core: Mask = np.zeros(self.starts[-1], dtype=bool)
        """The ordinary bins, (bins,): of a number the bins in range, of categories those with their own bin."""
        for feature, part in zip(self.features, self._parts(), strict=True):
            grid = feature.grid
            core = grid.core if isinstance(grid, NumericGrid) else slice(0, len(grid.categories))
            self.core[_shifted(core, part)] = True
        self.inner: Mask = self.core.copy()
        """The ordinary bins without the outermost ones of numbers, which record values may fill for days, (bins,)."""
        for feature, part in zip(self.features, self._parts(), strict=True):
            if isinstance(feature.grid, NumericGrid):
                core = _shifted(feature.grid.core, part)
                self.inner[[core.start, core.stop - 1]] = False

    def _pad(self) -> None:
        width = int(np.diff(self.starts).max())
        self.padded_share: Floats = np.zeros((len(self.features), width))
        """The shares by feature, filled up to one width: tail sums need them side by side, (features, width)."""
        self.padded_scores: Floats = np.zeros((len(self.features), len(NAMES), width))
        """The scores likewise, (features, scores, width)."""
        for index, part in enumerate(self._parts()):
            self.padded_share[index, : part.stop - part.start] = self.share[part]
            self.padded_scores[index, :, : part.stop - part.start] = self.scores[:, part]

    def _find_rare(self) -> None:
        self._merged = [
            (_shifted(feature.grid.rest, part), _shifted(feature.grid.unseen, part))
            for feature, part in zip(self.features, self._parts(), strict=True)
            if isinstance(feature.grid, CategoryGrid)
        ]
        by_feature = [rare_bins_of(feature) for feature in self.features]
        rare = [bin_ for bins in by_feature for bin_ in bins]
        owner = np.repeat(np.arange(len(by_feature)), [len(bins) for bins in by_feature])
        self.rare: Codes = (np.array([bin_.bin for bin_ in rare], dtype=np.intp) + self.starts[owner]).astype(np.intp)
        """The rare bins, as indices of all bins, (rare,); see `rare_counts` for what is counted there."""
        self.rare_names = tuple(bin_.name for bin_ in rare)
        self.rare_named = tuple(bin_.category for bin_ in rare)
        """Whether a rare bin is a category: a category may have the name of a special bin."""
        self.rare_owner: Codes = self.owner[self.rare]
        """The feature of each rare bin, (rare,)."""
        self.is_rate: Mask = np.array([bin_.rate for bin_ in rare], dtype=bool)
        """Whether a rare bin is a rate, (rare,)."""
        self.rates: Codes = np.flatnonzero(self.is_rate).astype(np.intp)
        """Which rare bins are rates, missing, unreadable, unseen or out of range, (rates,)."""
        self._find_rates()
        self.rare_starts: Codes = np.flatnonzero(np.diff(self.rare_owner, prepend=-1)).astype(np.intp)
        """Where each feature's rare bins begin, (features,)."""
        expected = np.concatenate([expected_counts(feature) for feature in self.features])
        self.rare_reference: Floats = self.rare_counts(expected)
        """Rows that the reference lets one expect in each rare bin, (rare,), those of unseen categories as well."""
        self.two_sided: Mask = np.array([bin_.two_sided for bin_ in rare], dtype=bool)
        """Whether fewer rows than expected in a rare bin are drift too, (rare,)."""
        self.rare_tests: Floats = np.array(
            [tests_of_rare(feature, bins) for feature, bins in zip(self.features, by_feature, strict=True)], dtype=float
        )
        """The number of tests that share the budget of a feature's rare bins, (features,)."""
        clustering = np.array([_clustering(feature) for feature in self.features])
        unseen = np.array([bin_.name == bin_names.UNSEEN and not bin_.category for bin_ in rare])
        self.rare_clustering: Floats = np.where(unseen, clustering[self.rare_owner], 0.0)
        """How much unseen categories come in clusters, see `CategoryGrid.clustering`; 0 for other bins, (rare,)."""

    def _find_rates(self) -> None:
        """Note the bins of each rate: one, or all those of unseen categories."""
        first = {unseen.start: unseen for _, unseen in self._merged}
        spans = [first.get(bin_, slice(bin_, bin_ + 1)) for bin_ in self.rare[self.rates].tolist()]
        widths = np.array([span.stop - span.start for span in spans])
        self._rate_starts: Codes = (np.cumsum(widths) - widths).astype(np.intp)
        self._rate_bins: Codes = np.concatenate([np.arange(span.start, span.stop) for span in spans]).astype(np.intp)

    def _group(self) -> None:
        groups = [pooled(feature) for feature in self.features]
        numbers = [int(codes.max()) + 1 for codes in groups]
        starts = np.concatenate([[0], np.cumsum(numbers)]).astype(np.intp)
        self.group: Codes = np.concatenate([codes + start for codes, start in zip(groups, starts[:-1], strict=True)])
        """The group of each bin, (bins,)."""
        self._by_group: Codes = np.argsort(self.group, kind="stable").astype(np.intp)
        self._first_of_group: Codes = np.flatnonzero(np.diff(self.group[self._by_group], prepend=-1)).astype(np.intp)
        self.group_owner: Codes = np.repeat(np.arange(len(numbers)), numbers)
        """The feature of each group, (groups,)."""
        self._silent: Codes = np.array(
            [
                part.start + feature.grid.special[bin_names.MISSING]
                for feature, part in zip(self.features, self._parts(), strict=True)
                if feature.role == "derived"
            ],
            dtype=np.intp,
        )
        """The bins of missing residuals, (derived features,): they are drift of other features, not of these."""
        self.group_starts: Codes = starts[:-1]
        """Where each feature's groups begin, (features,)."""
        self.group_share: Floats = self._shares_of_groups(starts)
        self.group_reference: Floats = self.group_share * self.rows[self.group_owner]
        """Rows that the reference lets one expect in each group, (groups,)."""
        of_feature = np.array(numbers)
        smallest = np.minimum.reduceat(self.group_share, np.cumsum(of_feature) - of_feature)
        by_hash = [pools_by_hash(feature) for feature in self.features]
        enough = np.maximum(ROWS_PER_HASHED_GROUP * of_feature, LEAST_IN_GROUP / np.maximum(smallest, 1e-9))
        self.pooled_rows: Floats = np.where(by_hash, np.maximum(enough, LEAST_POOLED_ROWS), LEAST_POOLED_ROWS)
        """Rows that a window must hold for Pearson's statistic over a feature's groups, (features,)."""
        self.degrees: Floats = of_feature.astype(np.float64) - 1
        """Degrees of freedom of that statistic, (features,)."""

    def _shares_of_groups(self, starts: Codes) -> Floats:
        heard = self.reference.copy()
        heard[self._silent] = 0.0
        rows = np.bincount(self.group, heard, starts[-1])
        total = np.add.reduceat(rows, starts[:-1])[self.group_owner]
        shares: Floats = np.divide(rows, total, out=np.zeros(len(rows)), where=total > 0)
        return shares

    # --- the statistics of windows; sums go along the last axis alone, so that no window changes the bits of another

    def rare_counts(self, counts: Counts | Floats) -> Floats:
        """Return the rows in each rare bin, shape (…, rare), of counts (…, bins).

        Rows of an unseen category are added to the rest bin of the same hash: only together do they have an
        expectation. The bin `unseen` holds all rows of unseen categories, once more.
        """
        merged: Floats = counts.astype(np.float64)
        for rest, unseen in self._merged:
            all_unseen = merged[..., unseen].sum(axis=-1)
            merged[..., rest.start : rest.start + unseen.stop - unseen.start] += merged[..., unseen]
            merged[..., unseen.start] = all_unseen
        return np.take(merged, self.rare, axis=-1)

    def rates_in(self, counts: Counts) -> Counts:
        """Return the rows in each rate's bins, shape (…, rates), of counts (…, bins); `unseen` has several bins."""
        rows: Counts = np.add.reduceat(np.take(counts, self._rate_bins, axis=-1), self._rate_starts, axis=-1)
        return rows

    def padded(self, counts: Floats) -> Floats:
        """Return the counts (bins,) by feature, filled up with zeros to one width, shape (features, width)."""
        padded: Floats = np.zeros(self.padded_share.shape)
        padded[self.owner, np.arange(len(counts)) - self.starts[self.owner]] = counts
        return padded

    def means(self, counts: Counts | Floats, rows: float | Floats) -> Floats:
        """Return the mean of each score, shape (…, features, scores), of counts (…, bins) of `rows` rows (…)."""
        means: Floats = np.zeros((*counts.shape[:-1], *self.scored.shape))
        if len(self._with_scores):
            of_scores = np.take(counts, self._scored_bins, axis=-1)
            for place, score in enumerate(self.scores[:, self._scored_bins]):
                sums = np.add.reduceat(of_scores * score, self._first_scored, axis=-1)
                means[..., self._with_scores, place] = sums / np.asarray(rows)[..., np.newaxis]
        return means

    def grouped(self, counts: Counts | Floats) -> Floats:
        """Return the rows in each pooled group, shape (…, groups), of counts (…, bins).

        Missing residuals are spread as the reference is.
        """
        of_bins = np.take(counts, self._by_group, axis=-1).astype(np.float64)
        groups: Floats = np.add.reduceat(of_bins, self._first_of_group, axis=-1)
        if len(self._silent):
            missing = np.take(counts, self._silent, axis=-1).astype(np.float64)
            groups[..., self.group[self._silent]] -= missing  # one bin of a feature
            of_feature = np.zeros((*groups.shape[:-1], len(self.features)))
            of_feature[..., self.owner[self._silent]] = missing
            groups += self.group_share * np.take(of_feature, self.group_owner, axis=-1)
        return groups

    def modal(self, counts: Counts | Floats, rows: float | Floats) -> Floats:
        """Return the share of all `rows` rows (…) that each feature's most frequent inner bin has, (…, features)."""
        inner = np.where(self.inner, counts, 0)
        most = np.maximum.reduceat(inner, self.starts[:-1], axis=-1)
        modal: Floats = most / np.asarray(rows)[..., np.newaxis]
        return modal

    def modal_bins(self, counts: Counts | Floats) -> Codes:
        """Return each feature's most frequent inner bin, the first of equals, as indices of all bins, (…, features)."""
        return first_largest(np.where(self.inner, counts, -1), self.owner, self.starts[:-1])

    def label_of(self, bin_: int) -> tuple[str, bool]:
        """Return the label of one of all bins, and whether the reference held a single value there."""
        index = int(self.owner[bin_])
        grid, local = self.features[index].grid, bin_ - int(self.starts[index])
        if isinstance(grid, NumericGrid):
            return grid.labels[local], grid.atoms[local - grid.core.start] is not None
        return grid.labels[local], local < len(grid.categories)


def first_largest(numbers: Floats | Counts, owner: Codes, starts: Codes) -> Codes:
    """Return the place of the first of the largest numbers (…, n) of each owner, (…, owners).

    `owner` (n,) ascends from 0 on, each owner's numbers begin at its place in `starts`.

    >>> first_largest(np.array([1.0, 7.0, 7.0, 3.0]), np.array([0, 0, 0, 1]), np.array([0, 3])).tolist()
    [1, 3]
    """
    largest = np.take(np.maximum.reduceat(numbers, starts, axis=-1), owner, axis=-1)
    places = np.where(numbers == largest, np.arange(len(owner)), len(owner))
    firsts: Codes = np.minimum.reduceat(places, starts, axis=-1)
    return firsts


def _clustering(feature: Feature) -> float:
    grid = feature.grid
    return grid.clustering(int(feature.reference[grid.present].sum())) if isinstance(grid, CategoryGrid) else 0.0


def _shifted(local: slice, part: slice) -> slice:
    """Return a slice of one feature's bins as a slice of the bins of all features."""
    return slice(part.start + local.start, part.start + local.stop)
