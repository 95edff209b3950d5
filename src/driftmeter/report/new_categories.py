"""Names of categories that the reference never held, collected from the frame that a report is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from driftmeter.counts.rows import Rows
from driftmeter.counts.unseen import is_sampled
from driftmeter.data.columns import Column, Dictionary
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.values import texts_of

MOST_COUNTED = 10_000
"""Different new categories that are counted of each feature; later ones are not named."""


class NewCategories:
    """Counts the rows of each new category, feature by feature and block by block."""

    def __init__(self, features: Sequence[Feature]) -> None:
        """Begin without any rows; `features` are the categorical ones, in the order of the codes of rows.

        As in live traffic, columns of mostly new values are left out.
        """
        self._features = [
            (place, feature.name, feature.column, feature.grid)
            for place, feature in enumerate(features)
            if isinstance(feature.grid, CategoryGrid) and is_sampled(feature)
        ]
        self._counted: dict[str, Counter[str]] = {}

    def add(self, columns: Mapping[str, Column], rows: Rows) -> None:
        """Take one block: its columns, and the rows that were read from them."""
        for place, name, column, grid in self._features:
            codes = rows.codes[:, place]
            new = (codes >= grid.unseen.start) & (codes < grid.unseen.stop)
            if column in columns and new.any():
                counted = self._counted.setdefault(name, Counter())
                for value, number in _values(columns[column], rows.index[new]):
                    texts = texts_of(value, grid.dtype)
                    if texts and (texts[0] in counted or len(counted) < MOST_COUNTED):
                        counted[texts[0]] += number

    def rows(self) -> dict[str, dict[str, int]]:
        """Return the rows of each feature's new categories."""
        return {name: dict(counted) for name, counted in self._counted.items()}

    def shares(self, rows: int) -> dict[str, list[tuple[str, float]]]:
        """Return each feature's new categories with their shares of all `rows`, the largest first."""
        return {
            name: [
                (text, number / rows) for text, number in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
            ]
            for name, counted in self._counted.items()
        }


def _values(column: Column, chosen: np.ndarray[tuple[int], np.dtype[np.intp]]) -> list[tuple[object, int]]:
    """Return the different values of some rows, and how many of these rows hold each."""
    if isinstance(column, Dictionary):
        numbers = np.bincount(column.indices[chosen], minlength=len(column.values))
        return [(column.values[index], int(numbers[index])) for index in np.flatnonzero(numbers).tolist()]
    if isinstance(column, np.ndarray):
        distinct, numbers = np.unique(column[chosen], return_counts=True)
        return list(zip(distinct.tolist(), numbers.tolist(), strict=True))
    return [(column[index], 1) for index in chosen.tolist()]
