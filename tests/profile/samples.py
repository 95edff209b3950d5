"""Grids made from a few counts."""

from __future__ import annotations

from driftmeter.profile.category_grid import CategoryGrid


def categories(
    counts: dict[str, int], *, min_rows: int = 30, most_bins: int = 128, most_known: int = 10_000
) -> CategoryGrid:
    return CategoryGrid.fit(counts, dtype="string", min_rows=min_rows, most_bins=most_bins, most_known=most_known)
