"""The grid of a column: cut by its values, or by the categories that are frequent enough."""

from __future__ import annotations

from typing import Any, cast

import narwhals as nw
import numpy as np

from driftmeter.counts.bad_cells import numbers_of
from driftmeter.data.columns import Column, Dictionary
from driftmeter.profile.category_grid import MOST_KNOWN, CategoryGrid
from driftmeter.profile.feature import Part
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.values import CategoryType, canonical
from driftmeter.timestamps import find_zone
from driftmeter.types import Kind

MIN_CATEGORY_ROWS = 30
"""A category has its own bin from this many reference rows on: with fewer, its rate is too uncertain."""
MOST_CATEGORIES = 256
"""The most categories of a feature with their own bin: those with 1/MOST_CATEGORIES of the rows or more. The others are
hashed into bins, which does not depend on counts."""


def grid_of(
    name: str, kind: str, dtype: nw.dtypes.DType, column: Column, bins: int
) -> tuple[Kind, Part | None, NumericGrid | CategoryGrid]:
    """Return the kind of the feature, its part of a time, and its grid, for a column of one of `fit.KINDS`.

    `bins` is the most bins of a number. Values that cannot be read do not influence a grid.
    """
    if kind == "numeric":
        values, _ = numbers_of(name, column)
        finite = values[np.isfinite(values)]
        return "numeric", None, NumericGrid.fit(finite, bins=bins, whole=dtype.is_integer())
    if kind == "boolean":
        return "boolean", None, CategoryGrid.boolean()
    if kind in ("hour", "weekday"):
        texts = tuple(str(value) for value in range(24 if kind == "hour" else 7))
        return "categorical", cast(Part, kind), CategoryGrid(texts, rest_hashes=(), dtype="integer")
    grid = CategoryGrid.fit(
        _category_counts(name, column, _category_type(dtype)),
        dtype=_category_type(dtype),
        min_rows=max(MIN_CATEGORY_ROWS, -(-len(column) // MOST_CATEGORIES)),
        most_bins=MOST_CATEGORIES,
        most_known=MOST_KNOWN,
    )
    return "categorical", None, grid


def zone_of(series: nw.Series[Any]) -> str | None:
    """Return the zone that a column of times names; None where it names none, or a bare offset.

    An offset is not enough: with summer time it would be another one for half of the year.
    """
    name = series.dtype.time_zone if isinstance(series.dtype, nw.Datetime) else None
    if isinstance(series.dtype, nw.Unknown):
        # narwhals (2.29) has no type for pandas' zones with an underscore or a digit, such as America/New_York
        zone = getattr(getattr(series.to_native(), "dtype", None), "tz", None)
        name = None if zone is None else str(zone)
    return name if name is not None and find_zone(name) is not None else None


def _category_type(dtype: nw.dtypes.DType) -> CategoryType:
    if dtype.is_integer():
        return "integer"
    return "float" if dtype.is_numeric() else "boolean" if dtype == nw.Boolean else "string"


def _category_counts(name: str, column: Column, dtype: CategoryType) -> dict[str, int]:
    if isinstance(column, np.ndarray):
        distinct, inverse = np.unique(column, return_inverse=True)
        column = Dictionary(inverse.reshape(-1), tuple(distinct.tolist()))
    elif isinstance(column, list):
        column = Dictionary.encode(column)
    rows = np.bincount(column.indices[column.indices >= 0], minlength=len(column.values))
    counts: dict[str, int] = {}
    for value, count in zip(column.values, rows.tolist(), strict=True):
        try:
            text = canonical(value, dtype)
        except (TypeError, ValueError, OverflowError):
            continue  # counted as unreadable
        if text is not None:
            counts[text] = counts.get(text, 0) + count
    return counts
