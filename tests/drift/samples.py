"""Reference and window samples, and their features, for the tests of this folder."""

from __future__ import annotations

import numpy as np

from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid


def counted(grid: NumericGrid, values: np.ndarray) -> np.ndarray:
    """Count finite values as the grid says, missing as NaN, without the package's binning."""
    counts = np.zeros(grid.size, dtype=np.int64)
    finite = values[np.isfinite(values)]
    np.add.at(counts, np.searchsorted(grid.edges, finite, side="right"), 1)
    counts[grid.special["missing"]] = np.isnan(values).sum()
    counts[grid.special["not finite"]] = np.isinf(values).sum()
    return counts


def numeric(values: np.ndarray, bins: int = 64, name: str = "x") -> Feature:
    grid = NumericGrid.fit(values[np.isfinite(values)], bins=bins)
    return Feature(name, "numeric", "feature", grid, tuple(counted(grid, values).tolist()), name)


def categorical(
    counts: list[int], *, other: int = 0, missing: int = 0, once: int = 0, known: bool = True, name: str = "c"
) -> Feature:
    names = tuple(f"v{index}" for index in range(len(counts)))
    grid = CategoryGrid(names, () if known else None, once)
    return Feature(name, "categorical", "feature", grid, (*counts, other, 0, missing, 0), name)


def hashed(reference: np.ndarray, *, min_rows: int = 30, name: str = "h") -> Feature:
    """Categories named by number, as many in a bin of their own as have the rows; the rest by their hash."""
    counts = {str(index): int(rows) for index, rows in enumerate(reference) if rows}
    grid = CategoryGrid.fit(counts, dtype="string", min_rows=min_rows, most_bins=256, most_known=10_000)
    return Feature(name, "categorical", "feature", grid, tuple(counted_categories(grid, reference).tolist()), name)


def counted_categories(grid: CategoryGrid, rows: np.ndarray) -> np.ndarray:
    """Count rows of categories named by number."""
    bins = [grid.bin_of(str(index)) for index in range(len(rows))]
    return np.bincount(bins, rows, grid.size).astype(np.int64)


def boolean(false: int, true: int, missing: int = 0) -> Feature:
    return Feature("b", "boolean", "feature", CategoryGrid.boolean(), (false, true, 0, 0, missing, 0), "b")


def noise(p: float, replicates: int) -> float:
    """Four standard errors of a rate of rejections."""
    return 4 * (p * (1 - p) / replicates) ** 0.5
