"""Wasserstein distance: how far the average row moved."""

from __future__ import annotations

import numpy as np

from driftmeter.drift.protocol import Pair, Scores, View, total
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import Floats, Kind

_HALF = float(np.finfo(np.float64).max) / 2


class Wasserstein:
    """Compare distributions by the mean distance that rows would have to move, in the feature's own unit.

    Exact where each bin holds one value, else to about the width of a bin. Values out of the reference's
    range count as if at the bound they passed (minimum, maximum, or the bound of far), so that with many of
    them this is a lower bound. No p-value. An empty sample gives 0; a pair without positions raises
    ValueError.

    >>> pair = Pair(np.array([50, 50, 0]), np.array([0, 50, 50]), np.array([1.0, 2.0, 4.0]))
    >>> float(Wasserstein().score(pair).statistic)
    1.5
    """

    name = "wasserstein"
    kinds: tuple[Kind, ...] = ("numeric",)
    view: View = "present"
    unit = "the feature's own"
    bounds = (0.0, 2 * _HALF)
    citation = "Vallender (1974): the area between the distribution functions"

    def score(self, pair: Pair) -> Scores:
        """Return the distance."""
        if pair.positions is None:
            raise ValueError("wasserstein: expected a pair with positions of its bins, got none")
        # halved, because the distance between two finite floats need not be one
        halves = pair.positions[..., 1:] / 2 - pair.positions[..., :-1] / 2
        half = total(np.abs(pair.steps[..., :-1]) * halves)
        return Scores(2 * np.minimum(half, _HALF))


def positions(grid: NumericGrid) -> Floats:
    """Return where each present bin of a grid sits: a core bin at its one value, or else at its lower cut, an outer one
    at its near bound.

    >>> positions(NumericGrid((0.0, 0.9, 1.5, 4.0, 5.0, 9.0), (1.0, 2.0, None))).tolist()
    [0.0, 0.9, 1.0, 2.0, 4.0, 5.0, 9.0]
    """
    cuts = grid.edges
    core = [cut if atom is None else atom for cut, atom in zip(cuts[1:-2].tolist(), grid.atoms, strict=True)]
    return np.concatenate([cuts[:2], core, cuts[-2:]])
