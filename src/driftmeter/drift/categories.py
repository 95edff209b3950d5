"""Categories without the winner's curse: their order and their groups (their counts are in profile/expected.py).

The reference's counts decided which categories have a bin. So chance made the sum of these counts too high and the
counts of the rest too low, and neighbours by rank are likely to err in the same direction.
"""

from __future__ import annotations

import numpy as np

from driftmeter.drift.psi import MOST_GROUPS, reference_groups
from driftmeter.profile.category_grid import CategoryGrid, hash64
from driftmeter.profile.expected import expected_by_hash
from driftmeter.profile.feature import Feature
from driftmeter.types import Codes


def order_of(feature: Feature) -> Codes:
    """Return the bins of the values in an order that no count decided: categories by their hash, then the rest.

    The bins `unseen`, `missing` and `unreadable` are left out. Bins that were fixed without regard to the counts, such
    as hours, keep their order.

    >>> grid = CategoryGrid(("Ulm", "Bonn", "Köln"), (), least_rows=30)
    >>> order_of(Feature("city", "categorical", "feature", grid, (700, 60, 40, 5, 0, 0, 0), "city")).tolist()
    [2, 0, 1, 3]
    """
    grid = _grid_of(feature)
    return np.array([*grid.order, *range(grid.rest.start, grid.rest.stop)], dtype=np.intp)


def groups_of(feature: Feature, most: int = MOST_GROUPS) -> Codes:
    """Return the group of each bin, shape (bins,): at most `most` of about equal shares, and perhaps one new.

    A category with a group's share or more may be alone; the rest are together by their hash, never by their
    rank. What is unseen is with the rest of its hash; missing and unreadable are -1. See `reference_groups`.

    >>> grid = CategoryGrid(("Ulm", "Bonn", "Köln"), (), least_rows=30)
    >>> feature = Feature("city", "categorical", "feature", grid, (550, 150, 100, 200, 0, 0, 0), "city")
    >>> groups_of(feature, most=3).tolist()
    [0, 1, 1, 2, 2, -1, -1]
    """
    grid = _grid_of(feature)
    order, counts = order_of(feature), expected_by_hash(feature)
    if grid.least_rows:
        categories, rest = order[: len(grid.categories)], order[len(grid.categories) :]
        large = counts[categories] * most >= counts[order].sum()
        order = np.concatenate([categories[large], categories[~large], rest])
    groups = np.full(grid.size, -1, dtype=np.intp)
    groups[order] = reference_groups(counts[order], most)
    groups[grid.unseen] = groups[grid.rest][: grid.unseen.stop - grid.unseen.start]
    return groups


def hashed_groups(feature: Feature, number: int) -> Codes:
    """Return the group of each bin, shape (bins,), of `number` by the categories' hash; missing and unreadable are -1.

    `number` is a power of two and at most the bins of the rest: no bin is parted.
    """
    grid = _grid_of(feature)
    groups = np.full(grid.size, -1, dtype=np.intp)
    groups[: grid.rest.start] = [hash64(category) % number for category in grid.categories]
    rest = np.arange(grid.hashed) % number
    groups[grid.rest] = rest
    groups[grid.unseen] = rest[: grid.unseen.stop - grid.unseen.start]
    return groups


def _grid_of(feature: Feature) -> CategoryGrid:
    if not isinstance(feature.grid, CategoryGrid):
        raise TypeError(f"feature {feature.name!r}: expected categories, got numbers")
    return feature.grid
