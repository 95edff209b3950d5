"""The rows to expect in each bin of a window as large as the reference: its counts, without the winner's curse."""

from __future__ import annotations

import numpy as np

from driftmeter.profile.boundary import near_boundary
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.types import Counts


def expected_counts(feature: Feature) -> Counts:
    """Return the rows that the reference lets one expect in each bin, a new array of shape (bins,).

    For numbers they are the reference's counts. For categories, the grid's `boundary` rows are moved from the
    categories near the limit, the same number from each, to the bins of the rest, in proportion to their rows: then
    sums over categories have the mean that new rows have. The sum over all bins stays. Source: Good (1953); see
    boundary.py.

    Unseen bins have 0 here: how many rows to expect there depends on the comparison. A drift test that compares all
    bins takes the rows of unseen categories from the rest (drift/views.py); a test of unseen rows alone does not
    (drift/views.py, detectors/bins.py).

    >>> grid = CategoryGrid(("Ulm", "Bonn", "Köln"), (), least_rows=30, boundary=10)
    >>> expected_counts(Feature("city", "categorical", "feature", grid, (700, 40, 32, 20, 0, 0, 0), "city")).tolist()
    [700, 35, 27, 30, 0, 0, 0]
    """
    counts = feature.reference.copy()
    grid = feature.grid
    if not isinstance(grid, CategoryGrid):
        return counts
    near = [bin_ for bin_ in grid.order if near_boundary(feature.counts[bin_], grid.least_rows)]
    to_take = grid.boundary
    for index, bin_ in enumerate(near):
        loss = min(to_take // (len(near) - index), int(counts[bin_]))
        counts[bin_] -= loss
        to_take -= loss
    rest = counts[grid.rest]
    held = np.concatenate([[0], np.cumsum(rest if rest.any() else np.ones_like(rest))])
    rest += np.diff(held * (grid.boundary - to_take) // held[-1])
    return counts
