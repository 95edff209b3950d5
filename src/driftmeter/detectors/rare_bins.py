"""Which bins of a feature are judged one by one, and by how much their shares may change without being drift."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from driftmeter.detectors.pooling import reference_of
from driftmeter.detectors.protocol import Mask
from driftmeter.detectors.scores import LEAST_SHARE
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import MOST_KNOWN, CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.types import Floats

_RARE = (
    *(bin_names.MISSING, bin_names.BELOW, bin_names.ABOVE, bin_names.FAR_BELOW, bin_names.FAR_ABOVE),
    *(bin_names.NOT_FINITE, bin_names.UNREADABLE),
)


LEAST_RATE = 0.002
"""The least tolerance of a rare bin's share, unless the tolerance is 0."""
MOST_OF_SHARE = 0.4
MOST_OF_TOLERANCE = 0.1


class RareBin(NamedTuple):
    """One bin of a feature that is judged by itself.

    `bin` is its index among the feature's bins, `name` the name that a cause has for it. `category` says whether it is
    a category: a category may have the name of a special bin. `two_sided` says whether fewer rows are drift too, `rate`
    whether the bin is of rows without an ordinary value: missing, unreadable, unseen, out of range.
    """

    bin: int
    name: str
    category: bool
    two_sided: bool
    rate: bool


def rare_bins_of(feature: Feature) -> list[RareBin]:
    """Return the rare bins: of numbers the special ones, of categories each category and each populated hash, too.

    >>> grid = CategoryGrid(("Ulm", "Bonn"), (), least_rows=30)
    >>> feature = Feature("city", "categorical", "feature", grid, (700, 260, 40, 0, 0, 0), "city")
    >>> [(rare.name, rare.two_sided, rare.rate) for rare in rare_bins_of(feature)][1:4]
    [('Bonn', True, False), ('other', True, False), ('missing', False, True)]
    """
    grid = feature.grid
    # a residual is missing where its column is, or another one is out of range: these tell of it themselves
    silent = bin_names.MISSING if feature.role == "derived" else None
    bins = [grid.special[name] for name in _RARE if name in grid.special and name != silent]
    unseen = -1
    if isinstance(grid, CategoryGrid):
        if grid.rest_hashes is not None:
            bins.append(grid.unseen.start)
        unseen = grid.unseen.start
        hashed = np.flatnonzero(reference_of(feature)[grid.rest]) + grid.rest.start
        bins = [*range(len(grid.categories)), *hashed.tolist(), *bins]
    categories = len(grid.categories) if isinstance(grid, CategoryGrid) else 0
    special = {unseen, *grid.special.values()}
    return [
        RareBin(
            bin_,
            bin_names.UNSEEN if bin_ == unseen else grid.labels[bin_],
            bin_ < categories,
            _may_leave(feature, bin_),
            bin_ in special,
        )
        for bin_ in bins
    ]


def tests_of_rare(feature: Feature, bins: list[RareBin]) -> int:
    """Return how many tests share the budget of a feature's rare bins: one of each bin, two of a two-sided one.

    Counts decided which categories have a bin: the budget is for all those that might have had one.
    """
    grid = feature.grid
    if isinstance(grid, CategoryGrid):
        most = len(grid.categories) + (MOST_KNOWN if grid.rest_hashes is None else len(grid.rest_hashes))
        return 2 * max(len(bins), most)
    return len(bins) + sum(bin_.two_sided for bin_ in bins)


def tolerated(share: Floats, tolerance: Floats, rate: Mask) -> Floats:
    """Return by how much the share of a rare bin may change without being drift, δ, in the shape of `share`.

    It is the tolerance ε, in standard deviations of one row, but at most two fifths of the share: that a category
    doubles is drift, however rare it is. Of a `rate`, such as that of missing rows, it is at most a tenth of ε, a point
    by default: rows without a value are a fault long before they change the distribution. It is 0.2 % of the rows at
    least, and 0 where the tolerance is 0.

    >>> shares = np.array([0.0, 0.005, 0.01, 0.1, 0.5])
    >>> tolerated(shares, np.full(5, 0.1), np.zeros(5, dtype=bool)).round(4).tolist()
    [0.002, 0.002, 0.004, 0.03, 0.05]
    >>> tolerated(shares, np.full(5, 0.1), np.ones(5, dtype=bool)).round(4).tolist()
    [0.002, 0.002, 0.004, 0.01, 0.01]
    """
    most = np.minimum(MOST_OF_SHARE * share, np.where(rate, MOST_OF_TOLERANCE * tolerance, np.inf))
    least = np.where(tolerance > 0, LEAST_RATE, 0.0)
    tolerated: Floats = np.maximum(np.minimum(tolerance * np.sqrt(share * (1 - share)), most), least)
    return tolerated


def _may_leave(feature: Feature, bin_: int) -> bool:
    """Return whether fewer rows in a rare bin are drift.

    They are in the bin of a category, and in a bin out of range if the reference has a share of its rows there, as a
    reference from live traffic may have.
    """
    grid = feature.grid
    if isinstance(grid, CategoryGrid):
        return bool(bin_ < grid.rest.stop)
    outside = [grid.special[name] for name in _RARE if name in bin_names.OUT_OF_RANGE]
    return bin_ in outside and bool(feature.reference[bin_] >= LEAST_SHARE * feature.reference.sum())
