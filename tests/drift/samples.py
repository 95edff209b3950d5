"""Reference and window samples, and their features, for the tests of this folder."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from driftmeter.drift import FeatureScores, Pair, Score, Scorer, Scores
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import Counts, Floats


def counted(grid: NumericGrid | CategoryGrid, values: Floats) -> Counts:
    """Count finite values as the grid says, missing as NaN, without the package's binning."""
    assert isinstance(grid, NumericGrid)
    counts = np.zeros(grid.size, dtype=np.int64)
    finite = values[np.isfinite(values)]
    np.add.at(counts, np.searchsorted(grid.edges, finite, side="right"), 1)
    counts[grid.special["missing"]] = np.isnan(values).sum()
    counts[grid.special["not finite"]] = np.isinf(values).sum()
    return counts


def numeric(values: Floats, bins: int = 64, name: str = "x") -> Feature:
    grid = NumericGrid.fit(values[np.isfinite(values)], bins=bins)
    return Feature(name, "numeric", "feature", grid, tuple(counted(grid, values).tolist()), name)


def categorical(
    counts: list[int], *, other: int = 0, missing: int = 0, once: int = 0, known: bool = True, name: str = "c"
) -> Feature:
    names = tuple(f"v{index}" for index in range(len(counts)))
    grid = CategoryGrid(names, () if known else None, once=once)
    return Feature(name, "categorical", "feature", grid, (*counts, other, 0, missing, 0), name)


def hashed(reference: Counts, *, min_rows: int = 30, name: str = "h") -> Feature:
    """Categories named by number, as many in a bin of their own as have the rows; the rest by their hash."""
    counts = {str(index): int(rows) for index, rows in enumerate(reference) if rows}
    grid = CategoryGrid.fit(counts, dtype="string", min_rows=min_rows, most_bins=256, most_known=10_000)
    return Feature(name, "categorical", "feature", grid, tuple(counted_categories(grid, reference).tolist()), name)


def counted_categories(grid: CategoryGrid, rows: Counts) -> Counts:
    """Count rows of categories named by number."""
    bins = [grid.bin_of(str(index)) for index in range(len(rows))]
    return np.bincount(bins, rows, grid.size).astype(np.int64)


def pair_of(reference: npt.ArrayLike, window: npt.ArrayLike, positions: Floats | None = None) -> Pair:
    """Make a pair of counts of any type."""
    return Pair(np.asarray(reference, dtype=np.float64), np.asarray(window, dtype=np.float64), positions)


def p_values(scores: Scores) -> Floats:
    """Return the p-values of a test that has them."""
    assert scores.p_value is not None
    return scores.p_value


def p_of(score: Score) -> float:
    """Return the p-value of a test that has one."""
    assert score.p_value is not None
    return score.p_value


def boolean(false: int, true: int, missing: int = 0) -> Feature:
    return Feature("b", "boolean", "feature", CategoryGrid.boolean(), (false, true, 0, 0, missing, 0), "b")


def noise(p: float, replicates: int) -> float:
    """Four standard errors of a rate of rejections."""
    return 4 * math.sqrt(p * (1 - p) / replicates)


def score_of(feature: Feature, counts: Counts) -> FeatureScores:
    """Score one feature's window, counts of shape (bins,)."""
    return Scorer([feature]).scores(counts)[0]
