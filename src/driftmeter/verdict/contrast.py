"""Two sides of one feature, the reference's and the change's: whose rows do these counts look like?

A change is measured by what alarmed, as the finding names it:

    a rare bin, or a category    two groups: its rows, and all others
    mean, spread, skew, tails    each bin by itself, by its four scores: that one, and those that surely moved as well
    a stuck value                each bin by itself; the score is 1 for the fullest bin of the changed rows, else 0
    bins                         the pooled groups (pooling.py), and each kind of special bin by itself

    ℓ of a row of group g  =  log(q_g / p_g), q = p + part (q̂ − p)    p, q̂: shares, half a row added to each group
                           =  Σ λ a_g − ½ Σ λ², λ = part · ā          a: scores, standardised under p; ā: their means
                                                                      over the changed rows

for a `part` of the change that the changed rows show. The second is the log likelihood ratio of a normal mean: of
scores the average over many rows is judged, and that is nearly normal where single rows are not. A shift moves all four
scores, and not in step: rows that moved by half as much may have the reference's tails.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.pooling import MOST_GROUPS, pooled, reference_of
from driftmeter.detectors.scores import NAMES, rank_scores
from driftmeter.detectors.variance import Variance
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.types import Codes, Counts, Floats, Milliseconds

_HALF = 0.5
_SURELY = 3.0
"""Standard deviations by which a score besides the one that alarmed has surely moved as well."""


class Contrast:
    """The groups of one feature in which its change is measured. Arrays have shape (groups,)."""

    def __init__(self, feature: Feature, what: str, *, category: bool) -> None:
        """Group the bins of a feature for a change that shows as `what`, as in `Cause`; `category` as there."""
        alone = None if not category and what in (*NAMES, "bins", "stuck") else _bins_named(feature, what, category)
        self._group: Codes = np.arange(feature.size)
        if alone is not None or what == "bins":
            self._group = _in_groups(feature) if alone is None else alone
        self.groups = int(self._group.max()) + 1
        counted = np.bincount(self._group, _expected(feature), self.groups)
        self.share: Floats = (counted + _HALF) / (counted.sum() + _HALF * self.groups)
        """p."""
        self._pooled: Codes | None = None
        if alone is None:
            self._pooled = np.arange(self.groups) if what == "bins" else _in_groups(feature)
        self._stuck = alone is None and what == "stuck"
        self._scores: Floats | None = None
        if alone is None and what in NAMES:
            self._named = NAMES.index(what)
            self._scores = np.array([self._standardised(score) for score in rank_scores(feature)])

    def _standardised(self, score: Floats) -> Floats:
        centred = score - float(self.share @ score)
        standardised: Floats = centred / max(float(np.sqrt(self.share @ np.square(centred))), 1e-9)
        return standardised

    def count(self, counts: Counts) -> Counts:
        """Return the rows in each group, of counts (bins,) of the feature."""
        return np.bincount(self._group, counts, self.groups).astype(np.int64)

    def evidence(self, changed: Counts, part: float = 1.0) -> Floats:
        """Return ℓ, what a row of each group says for a `part` of the change that the rows `changed` show."""
        scores = self._scores
        if self._stuck:
            scores = self._standardised(np.arange(self.groups) == int(changed.argmax()))[np.newaxis]
        if scores is None:
            share = (changed + _HALF) / (changed.sum() + _HALF * self.groups)
            mixture: Floats = np.log1p(part * (share / self.share - 1))
            return mixture
        rows = max(int(changed.sum()), 1)
        means = scores @ changed / rows
        moved = np.abs(means) >= _SURELY / np.sqrt(rows)
        moved[0 if self._stuck else self._named] = True
        slopes = part * np.where(moved, means, 0.0)
        tilt: Floats = slopes @ scores - float(slopes @ slopes) / 2
        return tilt

    def leaning(self, evidence: Floats, rows: Counts) -> float:
        """Return how far `rows` lean to the side of the change, in standard deviations of one row's evidence."""
        mean = float(self.share @ evidence)
        deviation = float(np.sqrt(self.share @ np.square(evidence - mean)))
        return (float(rows @ evidence) / max(int(rows.sum()), 1) - mean) / max(deviation, 1e-12)

    def near(self, changed: Counts, rows: Counts, worth: float) -> bool:
        """Say whether `rows`, `worth` so many independent ones, are much nearer to changed rows than to the reference.

        They are if of the squared Hellinger distance, over the pooled groups and without what chance adds, less than a
        half is left. Two groups alone cannot say so: as many rows may be missing for another reason.
        """
        if self._pooled is None:
            return False
        of_rows, of_changed, of_reference = (
            np.sqrt(np.bincount(self._pooled, given) / max(given.sum(), 1)) for given in (rows, changed, self.share)
        )
        occupied = int(((of_rows > 0) | (of_changed > 0)).sum())
        one = (occupied - 1) / 4 / max(worth, 1.0)  # a root of a share of n rows has a variance of 1 / (4 n)
        both = one * (1 + int(rows.sum()) / max(int(changed.sum()), 1))
        left = float(np.square(of_rows - of_changed).sum()) - both
        return left < (float(np.square(of_rows - of_reference).sum()) - one) / 2


class Contrasts:
    """The contrasts of a profile's features, and what rows are worth in them. Compiled where they are needed first."""

    def __init__(self, profile: Profile) -> None:
        """Take a profile."""
        self._profile = profile
        self._index = {feature.name: index for index, feature in enumerate(profile.features)}
        self._parts = [part for _, part in profile.slices()]
        self._variance: Variance | None = None
        self._bins: CompiledBins | None = None
        # all features may drift at once, and each may go on to be another change
        most = 2 * len(profile.features) + 256
        self.of = lru_cache(maxsize=most)(self._of)
        self._rare = lru_cache(maxsize=most)(self._find_rare)

    def _of(self, feature: str, what: str, category: bool) -> Contrast:
        return Contrast(self._profile.features[self._index[feature]], what, category=category)

    def _find_rare(self, index: int, what: str, category: bool) -> Codes:
        """Return the rare bins of a feature that have a name, as indices of all rare bins."""
        bins = self._compiled()[0]
        places = np.flatnonzero(bins.rare_owner == index)
        named = [(bins.rare_names[place], bins.rare_named[place]) == (what, category) for place in places.tolist()]
        chosen: Codes = places[np.array(named, dtype=bool)]
        return chosen

    def _compiled(self) -> tuple[CompiledBins, Variance]:
        if self._bins is None or self._variance is None:
            self._bins = CompiledBins(self._profile.features)
            self._variance = Variance(self._bins, self._profile.calibration)
        return self._bins, self._variance

    def part(self, feature: str) -> slice:
        """Return where a feature's bins are among those of all features."""
        return self._parts[self._index[feature]]

    def worth(self, feature: str, what: str, category: bool, rows: float, length: Milliseconds) -> float:
        """Return how many independent rows `rows` of `length` ms of event time are worth: 1/(1/n + τ²).

        τ² is that of what alarmed; of the shape, or of a stuck value, it is the mean of the pooled groups.
        Beyond the longest calibrated length, stretches of that length count as independent of each other.
        """
        bins, variance = self._compiled()
        index = self._index[feature]
        calibration = self._profile.calibration
        longest = length if calibration is None else calibration.lengths[-1]
        excess = variance.at(max(int(min(length, longest)), 1), max(round(rows), 1))
        rare = self._rare(index, what, category)
        if what in NAMES and not category:
            extra = float(excess.scores[index, NAMES.index(what)])
        elif len(rare):
            extra = float(excess.rare[rare].max())
        else:
            extra = float(excess.groups[bins.group_owner == index].mean())
        return 1 / (1 / max(rows, 1) + extra * min(1.0, longest / max(length, 1)))

    def reference_rows(self, feature: str) -> int:
        """Return the reference's rows of a feature."""
        return int(self._profile.features[self._index[feature]].reference.sum())


def _bins_named(feature: Feature, what: str, category: bool) -> Codes:
    """Return 1 for the bins that a cause names, 0 for all others, shape (bins,)."""
    grid, alone = feature.grid, np.zeros(feature.size, dtype=np.intp)
    if isinstance(grid, CategoryGrid) and category:
        alone[grid.categories.index(what)] = 1
    elif isinstance(grid, CategoryGrid) and what == bin_names.UNSEEN:
        alone[grid.unseen] = 1
    else:
        alone[len(grid.labels) - 1 - grid.labels[::-1].index(what)] = 1
    return alone


def _in_groups(feature: Feature) -> Codes:
    """Return the group of each bin, (bins,): the ordinary ones pooled, at most 16; special bins each by itself."""
    grid = feature.grid
    groups = pooled(feature)
    if int(groups.max()) >= MOST_GROUPS:
        groups = groups % MOST_GROUPS
    number = int(groups.max()) + 1
    if isinstance(grid, CategoryGrid):
        groups[grid.unseen] = number
        number += 1
    for bin_ in grid.special.values():
        groups[bin_] = number
        number += 1
    return np.unique(groups, return_inverse=True)[1].reshape(-1).astype(np.intp)


def _expected(feature: Feature) -> Floats:
    """Return the rows that the reference lets one expect in each bin, (bins,), of unseen values by Good–Turing."""
    reference = reference_of(feature)
    grid = feature.grid
    if isinstance(grid, CategoryGrid) and grid.rest_hashes is not None:
        reference[grid.unseen.start] = grid.once
    return reference
