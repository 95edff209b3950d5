"""Where the bins of a number lie on its own scale, and the quantiles of counts on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import Counts, Floats

Scale = Literal["linear", "log"]

_DECADES = 2.0
"""A positive feature whose values span more than this may be drawn on a logarithmic axis."""
_SKEWED = 4.0
"""It is, if the upper half of its values reaches this many times as far from the median as the lower half."""
_HEAVY = 2.0
"""Times as many rows as a bin of the core has on average: with more, a value is drawn as a bar."""
_MOST = 1 - 0.005
"""Share of the values that span and skewness are those of: a few extreme values must not decide."""


def grid_of_number(feature: Feature) -> NumericGrid:
    """Return the grid of a number; raises TypeError of a category."""
    if not isinstance(feature.grid, NumericGrid):
        raise TypeError(f"feature {feature.name!r}: expected a number, got a {feature.kind} feature")
    return feature.grid


def drawn_atoms(feature: Feature) -> tuple[float | None, ...]:
    """Return the values that are drawn as bars, by bin of the core on the grid; None of bins that are drawn as a range.

    They are all atoms of a grid that has nothing else. Among bins of several values an atom is drawn alone only where
    it is heavier than those: the ages of people have a bin for most years, one for two years, and no bars.
    """
    grid = grid_of_number(feature)
    if None not in grid.atoms:
        return grid.atoms
    core = feature.reference[grid.core]
    most = _HEAVY * int(core.sum()) / len(grid.atoms)
    return tuple(atom if rows > most else None for atom, rows in zip(grid.atoms, core.tolist(), strict=True))


def spans_of(feature: Feature) -> tuple[Floats, Floats]:
    """Return the least and the greatest value of each bin of finite numbers, both (present bins,), in its own unit.

    Of an atom both are the same. Values far out of range have no known end: they are taken to be at the far bound.

    >>> grid = NumericGrid.fit(np.array([20.0, 0.0, 10.0, 10.0]), bins=64)
    >>> feature = Feature("x", "numeric", "feature", grid, (0,) * grid.size, "x")
    >>> [span.round(1).tolist() for span in spans_of(feature)]
    [[-5.0, -5.0, 0.0, 10.0, 20.0, 20.0, 25.0], [-5.0, -0.0, 0.0, 10.0, 20.0, 25.0, 25.0]]
    """
    values = feature.unit_values
    return _spans(feature, values.low, values.high, grid_of_number(feature).atoms)


def drawn_spans(feature: Feature) -> tuple[Floats, Floats]:
    """Return between which values each bin of finite numbers is drawn, both (present bins,), in its own unit.

    Whole numbers reach half way to their neighbours, so that each has the same width. Bars have none.
    """
    grid, low = grid_of_number(feature), feature.unit_values.low
    first = low if grid.cuts[1] <= 0 < low else grid.cuts[1]  # a logarithmic axis has no 0
    return _spans(feature, first, grid.cuts[-2], drawn_atoms(feature))


def _spans(feature: Feature, low: float, high: float, atoms: Sequence[float | None]) -> tuple[Floats, Floats]:
    grid = grid_of_number(feature)
    cuts = [grid.cuts[0], low, *grid.cuts[2:-2], high, grid.cuts[-1]]
    pairs = [(cuts[0], cuts[0]), *pairwise(cuts), (cuts[-1], cuts[-1])]
    for index, atom in enumerate(atoms, grid.core.start):
        if atom is not None:
            pairs[index] = atom, atom
    least, greatest = np.array(pairs).T * feature.unit_values.unit
    return least, np.maximum(least, greatest)


def quantiles_of(feature: Feature, counts: Counts, levels: Sequence[float]) -> list[float] | None:
    """Return the quantiles of the finite numbers that counts (bins,) stand for, None where there are none.

    Within a bin, values are taken to be spread evenly: a quantile is off by at most the width of its bin.

    >>> from driftmeter.profile.bin_values import BinValues
    >>> grid, counts = NumericGrid.fit(np.arange(100.0), bins=4), (0, 0, 25, 25, 25, 25, 0, 0, 0, 0, 0)
    >>> values = BinValues.of(grid, np.arange(100.0))
    >>> feature = Feature("x", "numeric", "feature", grid, counts, "x", values=values)
    >>> quantiles_of(feature, feature.reference, (0.0, 0.5, 1.0))
    [0.0, 49.5, 99.0]
    """
    grid = grid_of_number(feature)
    present = counts[grid.present]
    total = int(present.sum())
    if not total:
        return None
    least, greatest = spans_of(feature)
    ends = np.cumsum(present)
    wanted = np.asarray(levels, dtype=np.float64) * total
    bins = np.minimum(np.searchsorted(ends, wanted, side="left"), np.flatnonzero(present)[-1])
    bins = np.maximum(bins, np.flatnonzero(present)[0])
    within = (wanted - (ends - present)[bins]) / np.maximum(present[bins], 1)
    within = np.clip(within, 0.0, 1.0)
    # neither a difference of huge ends may overflow, nor may a value lie outside of its bin
    values = np.clip(least[bins] * (1 - within) + greatest[bins] * within, least[bins], greatest[bins])
    return [float(f"{value:.6g}") for value in values.tolist()]


def scale_of(feature: Feature) -> Scale:
    """Return the axis on which a number's reference is seen best: logarithmic where it is positive and very skewed."""
    values = feature.unit_values
    if values.low <= 0:
        return "linear"
    quantiles = quantiles_of(feature, feature.reference, (1 - _MOST, 0.5, _MOST))
    if quantiles is None or quantiles[0] <= 0:
        return "linear"
    low, middle, high = quantiles
    wide = values.high / values.low >= 10**_DECADES and high / low >= 10 ** (_DECADES / 2)
    return "log" if wide and high - middle > _SKEWED * (middle - low) else "linear"


def on_axis(value: float, scale: Scale) -> float:
    """Return where a value is on an axis; a value that has no logarithm is at minus infinity.

    >>> on_axis(100.0, "log"), on_axis(100.0, "linear"), on_axis(0.0, "log")
    (2.0, 100.0, -inf)
    """
    if scale == "linear":
        return value
    return math.log10(value) if value > 0 else -math.inf
