"""The cells of a batch that hold unseen categories: which rows, and which texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from driftmeter.counts.unseen import UnseenTexts, is_sampled, shown_text
from driftmeter.data.columns import Column, Dictionary
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.values import texts_of
from driftmeter.types import Codes


@dataclass(frozen=True)
class UnseenCells:
    """Cells with unseen categories: `rows` (cells,) ascend; `texts` (cells,) index into `distinct`, (feature, text)."""

    rows: Codes
    texts: Codes
    distinct: tuple[tuple[str, str], ...]

    @property
    def bytes(self) -> int:
        """Memory of the cells, about."""
        return self.rows.nbytes + self.texts.nbytes + sum(150 + 4 * len(text) for _, text in self.distinct)

    def take(self, chosen: Codes, rows: int) -> UnseenCells | None:
        """Return the cells of the chosen ones of all `rows` rows, each chosen once; None where there are none."""
        places = np.full(rows, -1, np.intp)
        places[chosen] = np.arange(len(chosen))
        places = places[self.rows]
        order = np.argsort(places, kind="stable")[np.count_nonzero(places < 0) :]
        return UnseenCells(places[order], self.texts[order], self.distinct) if order.size else None

    def between(self, first: int, last: int) -> UnseenCells | None:
        """Return the cells of the rows from `first` to before `last`; None where there are none."""
        begin, end = np.searchsorted(self.rows, (first, last)).tolist()
        return UnseenCells(self.rows[begin:end] - first, self.texts[begin:end], self.distinct) if begin < end else None

    @classmethod
    def join(cls, parts: Sequence[tuple[UnseenCells | None, int]]) -> UnseenCells | None:
        """Join the cells of batches, each given with its number of rows; None where there are none."""
        rows: list[Codes] = []
        texts: list[Codes] = []
        distinct: list[tuple[str, str]] = []
        before = 0
        for cells, length in parts:
            if cells is not None:
                rows.append(cells.rows + before)
                texts.append(cells.texts + len(distinct))
                distinct += cells.distinct
            before += length
        return cls(np.concatenate(rows), np.concatenate(texts), tuple(distinct)) if rows else None

    def sample(self) -> UnseenTexts:
        """Return the sample of the texts."""
        counts: dict[str, dict[str, int]] = {}
        for index, rows in zip(*(part.tolist() for part in np.unique(self.texts, return_counts=True)), strict=True):
            name, text = self.distinct[index]
            known = counts.setdefault(name, {})
            known[text] = known.get(text, 0) + rows
        return UnseenTexts.of(counts)


class UnseenFinder:
    """Finds the unseen categories in typed rows of some categorical features."""

    def __init__(self, features: Sequence[Feature]) -> None:
        """Look into those of `features` whose texts are kept."""
        self._features = tuple(features)
        self._first = np.full(len(features), np.iinfo(np.intp).max)
        self._bins = np.zeros(len(features), np.uintp)
        for position, feature in enumerate(features):
            if is_sampled(feature):
                assert isinstance(feature.grid, CategoryGrid)
                unseen = feature.grid.unseen
                self._first[position], self._bins[position] = unseen.start, unseen.stop - unseen.start
        self._idle = not self._bins.any()

    def find(self, codes: Codes, columns: Mapping[str, Column]) -> UnseenCells | None:
        """Return the cells that are unseen by their bins, `codes` (rows, features); None where there are none.

        Texts come from `columns`, in which the rows are as in `codes`.
        """
        if self._idle:
            return None
        # columns that reach as far; above the unseen there are only missing and unreadable
        high = np.flatnonzero(codes.max(axis=0, initial=0) >= self._first)
        if not high.size:
            return None
        # below the first unseen bin the difference wraps to a large number: one comparison is enough
        unseen: npt.NDArray[np.bool_] = (codes[:, high] - self._first[high]).view(np.uintp) < self._bins[high]
        if not np.count_nonzero(unseen):
            return None
        rows, positions = np.nonzero(unseen)
        positions = high[positions]
        known: dict[object, int] = {}
        distinct: list[tuple[str, str]] = []
        texts = np.empty(len(rows), np.intp)
        for cell, (row, position) in enumerate(zip(rows.tolist(), positions.tolist(), strict=True)):
            feature = self._features[position]
            column = columns[feature.column]
            value = column.values[column.indices[row]] if isinstance(column, Dictionary) else column[row]
            # 1, 1.0 and True are one key of a dict, but different categories
            key = position, type(value), value
            try:
                index = known.setdefault(key, len(distinct))
            except TypeError:  # not hashable: an array of one value
                index = len(distinct)
            if index == len(distinct):
                assert isinstance(feature.grid, CategoryGrid)
                distinct.append((feature.name, shown_text(texts_of(value, feature.grid.dtype)[0])))
            texts[cell] = index
        return UnseenCells(rows, texts, tuple(distinct))
