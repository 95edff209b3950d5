"""What every detector looks at in a vector of counts: scores, rare bins, pooled groups, stuck values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from driftmeter.detectors.scores import LEAST_SHARE, NAMES, rank_scores
from driftmeter.drift.categories import hashed_groups, order_of
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import MOST_KNOWN, CategoryGrid
from driftmeter.profile.expected import expected_counts
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import Codes, Counts, Floats

MOST_GROUPS = 16
LEAST_POOLED_ROWS = 200
MOST_HASHED_GROUPS = 512
LEAST_HASHED = 64
"""Hashed bins from which on a feature's categories are pooled by their hash, into many groups: few would average away
what becomes of rare ones."""
ROWS_PER_HASHED_GROUP = 10
LEAST_GROUP_SHARE = 0.05
"""So that a window of 200 rows expects 10 in each group, as Pearson's statistic needs."""
_RARE = (
    *(bin_names.MISSING, bin_names.BELOW, bin_names.ABOVE, bin_names.FAR_BELOW, bin_names.FAR_ABOVE),
    *(bin_names.NOT_FINITE, bin_names.UNREADABLE),
)


class CompiledBins:
    """The tables of some features, in the order of their counts; made once per profile.

    Arrays over bins have shape (bins,), over rare bins (rare,), over groups (groups,), over features (features,).
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        """Compile the tables."""
        self.features = tuple(features)
        sizes = [feature.size for feature in features]
        self.starts: Codes = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
        self.owner: Codes = np.repeat(np.arange(len(sizes)), sizes)
        self.reference: Floats = np.concatenate([reference_of(feature) for feature in features])
        self.rows: Floats = np.add.reduceat(self.reference, self.starts[:-1])
        self.share: Floats = self.reference / self.rows[self.owner]
        self.scores: Floats = np.concatenate([rank_scores(feature) for feature in features], axis=1)
        """Shape (scores, bins)."""
        self.scored = np.stack([self.scores[:, part].any(axis=1) for part in self._parts()])
        """Shape (features, scores): whether a feature has that score."""
        self.core = np.zeros(self.starts[-1], dtype=bool)
        for feature, part in zip(features, self._parts(), strict=True):
            self.core[part] = _core(feature)
        self.inner = self.core.copy()
        """The ordinary bins but the outermost ones of numbers, which a record may fill for days."""
        for feature, part in zip(features, self._parts(), strict=True):
            if isinstance(feature.grid, NumericGrid):
                self.inner[[part.start + feature.grid.core.start, part.start + feature.grid.core.stop - 1]] = False
        self._pad()
        self._rare()
        self._groups()

    def _parts(self) -> list[slice]:
        return [slice(int(a), int(b)) for a, b in zip(self.starts[:-1], self.starts[1:], strict=True)]

    def _pad(self) -> None:
        """Keep shares and scores by feature too, padded to one width: the tail sums need them side by side."""
        width = int(np.diff(self.starts).max())
        self.padded_share = np.zeros((len(self.features), width))
        self.padded_scores = np.zeros((len(self.features), len(NAMES), width))
        for index, part in enumerate(self._parts()):
            self.padded_share[index, : part.stop - part.start] = self.share[part]
            self.padded_scores[index, :, : part.stop - part.start] = self.scores[:, part]

    def _rare(self) -> None:
        """List the bins that are judged one by one: see `rare_counts` for what is counted there."""
        self._merged: list[tuple[slice, slice]] = []
        bins: list[int] = []
        names: list[str] = []
        named: list[bool] = []
        own: list[bool] = []
        expected: list[float] = []
        tests = np.zeros(len(self.features))
        for index, (feature, part) in enumerate(zip(self.features, self._parts(), strict=True)):
            special = feature.grid.special
            chosen = [special[name] for name in _RARE if name in special]
            grid = feature.grid
            if isinstance(grid, CategoryGrid):
                if grid.others is not None:
                    chosen.append(grid.unseen.start)
                held = np.flatnonzero(self.reference[part][grid.rest]) + grid.rest.start
                chosen = [*range(len(grid.categories)), *held.tolist(), *chosen]
                known = len(grid.categories) + (MOST_KNOWN if grid.others is None else len(grid.others))
                self._merged.append((slice_of(part, grid.rest), slice_of(part, grid.unseen)))
                # which categories have a bin was chosen by their counts: the budget is for all that might have had one
                tests[index] = 2 * max(len(chosen), known)
            reference = _expected(feature)
            both = [_may_leave(feature, each) for each in chosen]
            if isinstance(grid, NumericGrid):
                tests[index] = len(chosen) + sum(both)
            for each in chosen:
                bins.append(part.start + each)
                unseen = isinstance(grid, CategoryGrid) and each == grid.unseen.start
                names.append(bin_names.UNSEEN if unseen else grid.labels[each])
                named.append(isinstance(grid, CategoryGrid) and each < len(grid.categories))
                expected.append(float(reference[each]))
            own += both
        self.rare: Codes = np.array(bins, dtype=np.intp)
        self.rare_names = tuple(names)
        self.rare_named = tuple(named)
        """Whether a rare bin is a category, which may be called like any bin."""
        self.rare_owner: Codes = self.owner[self.rare]
        self.rare_starts: Codes = np.flatnonzero(np.diff(self.rare_owner, prepend=-1)).astype(np.intp)
        self.rare_reference: Floats = np.array(expected)
        self.two_sided = np.array(own, dtype=bool)
        self.rare_tests: Floats = tests
        clustering = [
            f.grid.clustering(int(f.reference[f.grid.present].sum())) if isinstance(f.grid, CategoryGrid) else 0.0
            for f in self.features
        ]
        unseen = np.array(
            [name == bin_names.UNSEEN and not category for name, category in zip(names, named, strict=True)]
        )
        self.rare_clustering: Floats = np.where(unseen, np.array(clustering)[self.rare_owner], 0.0)
        """How much rows of unseen categories come together; 0 of other rare bins."""

    def _groups(self) -> None:
        """Pool each feature's bins into at most 16 groups that the counts to be judged had no say in."""
        self.group: Codes = np.zeros(self.starts[-1], dtype=np.intp)
        owner: list[int] = []
        start = 0
        for index, (feature, part) in enumerate(zip(self.features, self._parts(), strict=True)):
            codes = pooled(feature)
            self.group[part] = codes + start
            number = int(codes.max()) + 1
            owner += [index] * number
            start += number
        self.group_owner: Codes = np.array(owner, dtype=np.intp)
        self.group_reference: Floats = np.bincount(self.group, self.reference, start).astype(np.float64)
        self.group_share: Floats = self.group_reference / self.rows[self.group_owner]
        groups = np.bincount(self.group_owner, minlength=len(self.features))
        self.pooled_rows: Floats = np.where(groups > MOST_GROUPS, ROWS_PER_HASHED_GROUP * groups, LEAST_POOLED_ROWS)
        """Rows that a window must hold for Pearson's statistic over a feature's groups, shape (features,)."""
        self.degrees: Floats = np.bincount(self.group_owner, minlength=len(self.features)).astype(np.float64) - 1

    # --- what a window says

    def rare_counts(self, counts: Counts | Floats) -> Floats:
        """Return the rows in each rare bin, shape (rare,) or (…, rare): an unseen category's are with the rest of its
        hash, where alone they have an expectation, and all unseen ones together are a bin besides."""
        merged: Floats = counts.astype(np.float64)
        for rest, unseen in self._merged:
            together = merged[..., unseen].sum(axis=-1)
            merged[..., rest.start : rest.start + unseen.stop - unseen.start] += merged[..., unseen]
            merged[..., unseen.start] = together
        return merged[..., self.rare]

    def padded(self, counts: Floats) -> Floats:
        """Return the counts by feature, shape (features, bins of the widest), filled up with zeros."""
        padded: Floats = np.zeros(self.padded_share.shape)
        padded[self.owner, np.arange(len(counts)) - self.starts[self.owner]] = counts
        return padded

    def means(self, counts: Counts | Floats, rows: float) -> Floats:
        """Return the mean of each score, shape (features, scores)."""
        means: Floats = np.add.reduceat(self.scores * counts, self.starts[:-1], axis=1).T / rows
        return means

    def grouped(self, counts: Counts | Floats) -> Floats:
        """Return the counts by group."""
        return np.bincount(self.group, counts, len(self.group_owner)).astype(np.float64)

    def modal(self, counts: Counts | Floats, rows: float) -> Floats:
        """Return the share of all rows that each feature's most frequent inner bin has."""
        inner = np.where(self.inner, counts, 0)
        modal: Floats = np.maximum.reduceat(inner, self.starts[:-1]) / rows
        return modal


def reference_of(feature: Feature) -> Floats:
    """Return what the reference lets one expect in each bin, in rows; of categories without the winner's curse."""
    return expected_counts(feature).astype(np.float64)


def _core(feature: Feature) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    grid = feature.grid
    core = np.zeros(feature.size, dtype=bool)
    core[grid.core if isinstance(grid, NumericGrid) else slice(0, len(grid.categories))] = True
    return core


def _may_leave(feature: Feature, bin_: int) -> bool:
    """Say whether fewer rows in a rare bin are news: of a category, and where a number's reference is out of its grid.

    One that was made from live traffic may be.
    """
    grid = feature.grid
    if isinstance(grid, CategoryGrid):
        return bool(bin_ < grid.rest.stop)
    outside = [grid.special[name] for name in _RARE if name in bin_names.OUT_OF_RANGE]
    return bin_ in outside and bool(feature.reference[bin_] >= LEAST_SHARE * feature.reference.sum())


def _expected(feature: Feature) -> Floats:
    """Return the reference's counts, those of `unseen` by Good–Turing: as many as it held categories once."""
    reference = reference_of(feature)
    grid = feature.grid
    if isinstance(grid, CategoryGrid) and grid.others is not None:
        reference[grid.unseen.start] = grid.once
    return reference


def pooled(feature: Feature) -> Codes:
    """Return the group of each bin, shape (bins,): neighbours together, each of a sixteenth of the rows or more; many
    categories by their hash, in up to 512 groups.

    Categories stand in an order that their counts have no say in: by rank, the most frequent ones would be
    those whose counts chance had raised. What is out of range goes to the outermost group, what is missing
    to the middle one, where it moves least. An unseen category is with the rest of its hash.
    """
    reference = reference_of(feature)
    grid = feature.grid
    if isinstance(grid, CategoryGrid) and grid.hashed >= LEAST_HASHED:
        groups = hashed_groups(feature, min(MOST_HASHED_GROUPS, grid.hashed))
        return np.unique(np.maximum(groups, 0), return_inverse=True)[1].reshape(-1).astype(np.intp)
    order = list(range(feature.size))[grid.core] if isinstance(grid, NumericGrid) else order_of(feature).tolist()
    least = max(LEAST_GROUP_SHARE * reference.sum(), reference[order].sum() / MOST_GROUPS)
    codes = np.zeros(feature.size, dtype=np.intp)
    code, held = 0, 0.0
    for index in order:
        if held >= least:
            code, held = code + 1, 0.0
        codes[index] = code
        held += float(reference[index])
    if held < least / 2 and code:
        codes[codes == code] = code - 1
        code -= 1
    special = grid.special
    if isinstance(grid, NumericGrid):
        codes[[special[name] for name in bin_names.ABOVE_RANGE]] = code
        behind = (bin_names.MISSING, bin_names.NOT_FINITE, bin_names.UNREADABLE)
        codes[[special[name] for name in behind]] = code // 2
    else:
        codes[grid.unseen] = codes[grid.rest][: grid.unseen.stop - grid.unseen.start]
        codes[[special[bin_names.MISSING], special[bin_names.UNREADABLE]]] = codes[grid.rest.stop - 1]
    return codes


def slice_of(part: slice, local: slice) -> slice:
    """Return a feature's slice as one of a vector of all counts."""
    return slice(part.start + local.start, part.start + local.stop)
