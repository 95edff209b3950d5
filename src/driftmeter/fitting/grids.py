"""The grid of a column: cut by its values, or by the categories that are frequent enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    kind_of_texts = _category_type(dtype)
    return "categorical", None, category_grid(_category_counts(column, kind_of_texts), kind_of_texts, len(column))


def category_grid(counts: Mapping[str, int], dtype: CategoryType, rows: int) -> CategoryGrid:
    """Return the grid of a column of `rows` rows, of categories whose canonical texts have so many of them."""
    least = max(MIN_CATEGORY_ROWS, -(-rows // MOST_CATEGORIES))
    return CategoryGrid.fit(counts, dtype=dtype, min_rows=least, most_bins=MOST_CATEGORIES, most_known=MOST_KNOWN)


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


def _category_counts(column: Column, dtype: CategoryType) -> dict[str, int]:
    if isinstance(column, np.ndarray):
        distinct, inverse = np.unique(column, return_inverse=True)
        column = Dictionary(inverse.reshape(-1), tuple(distinct.tolist()))
    elif isinstance(column, list):
        column = Dictionary.encode(column)
    rows = np.bincount(column.indices[column.indices >= 0], minlength=len(column.values))
    return texts_with_rows(column.values, rows.tolist(), dtype)


def texts_with_rows(values: Iterable[object], rows: Iterable[int], dtype: CategoryType) -> dict[str, int]:
    """Return the canonical texts of categories, and how many rows have each; those that cannot be read are left out."""
    counts: dict[str, int] = {}
    for value, count in zip(values, rows, strict=True):
        try:
            text = canonical(value, dtype)
        except (TypeError, ValueError, OverflowError):
            continue  # counted as unreadable
        if text is not None:
            counts[text] = counts.get(text, 0) + count
    return counts
