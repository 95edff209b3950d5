"""Which bins of a feature are judged together: the groups of Pearson's statistic."""

from __future__ import annotations

import numpy as np

from driftmeter.drift.categories import hashed_groups, order_of
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.expected import expected_by_hash
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import Codes, Floats

MOST_GROUPS = 16
MOST_HASHED_GROUPS = 512
LEAST_HASHED = 64
"""With this many hashed bins or more, categories are pooled by their hash into many groups: few groups would average
away what happens to rare categories."""
LEAST_OF_ALIKE = 0.5
"""A group by hash has at least this part of the rows that it would have if all groups were alike."""
LEAST_GROUP_SHARE = 0.05
"""A window of 200 rows then expects 10 in each group, as Pearson's statistic needs."""


def reference_of(feature: Feature) -> Floats:
    """Return what the reference lets one expect in each bin, in rows, shape (bins,): see `expected_by_hash`.

    A rest bin and the unseen bin of the same hash are one here, as in every statistic that pools bins.
    """
    return expected_by_hash(feature).astype(np.float64)


def pools_by_hash(feature: Feature) -> bool:
    """Say whether the bins of a feature are pooled by the hash of their categories: whether it has many."""
    return isinstance(feature.grid, CategoryGrid) and feature.grid.hashed >= LEAST_HASHED


def pooled(feature: Feature) -> Codes:
    """Return the group of each bin, shape (bins,): neighbours together, each group of a sixteenth of the rows or more.

    Many categories are grouped by their hash instead, into up to 512 groups. Groups with next to no rows go together:
    else a single row in an empty one would be an alarm. Few categories are taken in an order that does not depend on
    counts: in order of rank, the first ones would be those whose counts chance had raised. Values out of range go to
    the outermost group, missing values to the middle one, where they have the least weight. An unseen category is in
    the group of the rest bin with the same hash.

    >>> grid = CategoryGrid(("Ulm", "Bonn", "Köln"), (), least_rows=30)
    >>> pooled(Feature("city", "categorical", "feature", grid, (700, 160, 40, 100, 0, 0, 0), "city")).tolist()
    [0, 1, 0, 2, 2, 2, 2]
    """
    reference = reference_of(feature)
    grid = feature.grid
    if isinstance(grid, CategoryGrid) and pools_by_hash(feature):
        by_hash = hashed_groups(feature, min(MOST_HASHED_GROUPS, grid.hashed))
        return _filled(np.unique(np.maximum(by_hash, 0), return_inverse=True)[1].reshape(-1), reference)
    order = list(range(feature.size))[grid.core] if isinstance(grid, NumericGrid) else order_of(feature).tolist()
    least = max(LEAST_GROUP_SHARE * reference.sum(), reference[order].sum() / MOST_GROUPS)
    codes = np.zeros(feature.size, dtype=np.intp)
    code, rows = 0, 0.0
    for index in order:
        if rows >= least:
            code, rows = code + 1, 0.0
        codes[index] = code
        rows += float(reference[index])
    if rows < least / 2 and code:
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


def _filled(groups: Codes, reference: Floats) -> Codes:
    """Merge neighbouring groups until each has half of the rows that it would have if all were alike, (bins,)."""
    rows = np.bincount(groups, reference)
    least = LEAST_OF_ALIKE * rows.sum() / len(rows)
    codes = np.zeros(len(rows), dtype=np.intp)
    code, held = 0, 0.0
    for group, of_group in enumerate(rows.tolist()):
        if held >= least:
            code, held = code + 1, 0.0
        codes[group] = code
        held += of_group
    if held < least and code:
        codes[codes == code] = code - 1
    return codes[groups]
