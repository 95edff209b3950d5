"""The rows to expect in each bin of a window as large as the reference: its counts, without the winner's curse."""

from __future__ import annotations

import numpy as np

from driftmeter.profile.boundary import near_boundary
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.types import Counts


def expected_counts(feature: Feature) -> Counts:
    """Return the rows that the reference lets one expect in each bin, a new array of shape (bins,).

    For numbers they are the reference's counts. For categories they are those of `expected_by_hash`, without the rows
    to expect in categories never seen before, which are in the bins of the unseen: as many as there are categories that
    the reference held exactly once, taken from the rest bin of the same hash, in proportion to its rows. This is so for
    any number of new rows, since the reference stays as it is. Source: Good (1953), eq. 9.

    >>> grid = CategoryGrid(("Ulm", "Bonn"), (1, 2, 3), once=10, hashed=2)
    >>> expected_counts(Feature("city", "categorical", "feature", grid, (700, 40, 30, 20, 0, 0, 1, 0), "city")).tolist()
    [700, 40, 24, 16, 6, 4, 1, 0]
    """
    counts = expected_by_hash(feature)
    grid = feature.grid
    if not isinstance(grid, CategoryGrid) or grid.rest_hashes is None:
        return counts
    rest = counts[grid.rest]
    once = min(grid.once, int(rest.sum()))
    held = np.concatenate([[0], np.cumsum(rest)])
    new = np.diff(held * once // max(int(held[-1]), 1))
    counts[grid.rest] -= new
    counts[grid.unseen] += new
    return counts


def expected_by_hash(feature: Feature) -> Counts:
    """Return the rows to expect in each bin, a rest bin and the unseen bin of the same hash being one, (bins,).

    The unseen bins have 0 here, and the rest bins what is expected in both. The grid's `boundary` rows are moved from
    the categories near the limit, the same number from each, to the bins of the rest, in proportion to their rows: then
    sums over categories have the mean that new rows have. The sum over all bins stays. Source: Good (1953); see
    boundary.py.

    >>> grid = CategoryGrid(("Ulm", "Bonn", "Köln"), (), least_rows=30, boundary=10)
    >>> expected_by_hash(Feature("city", "categorical", "feature", grid, (700, 40, 32, 20, 0, 0, 0), "city")).tolist()
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
