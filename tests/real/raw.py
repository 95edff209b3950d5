"""What raw rows say of themselves, for tests of what driftmeter says of them."""

from __future__ import annotations

import numpy as np
import polars as pl

from driftmeter.types import Floats

GROUPS = 10


def index_between(before: pl.Series, after: pl.Series) -> float:
    """Return the population stability index of two samples, without what chance adds to it.

    Numbers are in ten groups of the first sample, and beyond its range; missing values are a group of their own.
    """
    cells = [_cells(before, values) for values in (before, after)]
    groups = sorted({cell for sample in cells for cell in sample})
    counts = [np.array([sample.count(group) for group in groups]) + 0.5 for sample in cells]
    q, p = (count / count.sum() for count in counts)
    chance = (len(groups) - 1) * (1 / len(before) + 1 / len(after))
    return float(((p - q) * np.log(p / q)).sum() - chance)


def new_share(before: pl.Series, after: pl.Series) -> float:
    """Return by how much the share of rows grew that are missing, beyond the first sample's range, or new to it."""
    known, lost = set(before), _share(after.is_null()) - _share(before.is_null())
    if before.dtype == pl.String:
        return lost + _share(pl.Series([value is not None and value not in known for value in after]))
    numbers = before.drop_nulls().to_numpy()
    return lost + _share((after < numbers.min()) | (after > numbers.max()))


def _share(rows: pl.Series) -> float:
    return int(rows.sum()) / len(rows)


def _cells(before: pl.Series, values: pl.Series) -> list[str]:
    if before.dtype == pl.String:
        return [f"of {value}" for value in values]
    numbers: Floats = before.drop_nulls().cast(pl.Float64).to_numpy()
    cuts = np.unique([*np.quantile(numbers, np.arange(1, GROUPS) / GROUPS), numbers.min(), numbers.max() * (1 + 1e-9)])
    places = np.searchsorted(cuts, values.cast(pl.Float64).fill_null(np.nan).to_numpy(), side="right")
    return ["missing" if value is None else str(place) for value, place in zip(values, places, strict=True)]
