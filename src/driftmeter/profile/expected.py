"""What a reference lets a window of as many rows expect in each bin: its counts, without the winner's curse."""

from __future__ import annotations

import numpy as np

from driftmeter.profile.boundary import near_boundary
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.types import Counts


def expected_counts(feature: Feature) -> Counts:
    """Return the rows that the reference lets one expect in each bin, a new array of shape (bins,).

    Of numbers they are the reference's own counts. Of categories, the grid's `boundary` rows are taken off the
    categories near it, from each the same number, and given to the rest, to each of its bins by what it holds: then
    sums over categories have the mean that new rows have. The sum over all bins stays. Source: Good (1953); see
    boundary.py.

    What is unseen in the reference has 0 here. How much of it to expect depends on what it is compared with, so that
    no function here says it: a drift test that compares all bins takes the rows of unseen categories off the rest
    (drift/views.py), and one of unseen rows alone does not (drift/views.py, detectors/bins.py).

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
    for place, bin_ in enumerate(near):
        loss = min(to_take // (len(near) - place), int(counts[bin_]))
        counts[bin_] -= loss
        to_take -= loss
    rest = counts[grid.rest]
    held = np.concatenate([[0], np.cumsum(rest if rest.any() else np.ones_like(rest))])
    rest += np.diff(held * (grid.boundary - to_take) // held[-1])
    return counts
