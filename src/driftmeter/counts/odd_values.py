"""Values that the compiled counter leaves to Python: texts of numbers, wrapped values, categories not seen before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from driftmeter.counts.compiled import Cache
from driftmeter.counts.unseen import is_sampled, shown_text
from driftmeter.data.rejected import Rejected, describe
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.values import UNREADABLE, number_of, texts_of

_LONGEST_CACHED = 64
"""Longer texts are not cached, so that the memory that foreign data can take is bounded in bytes."""
_WRAPPED = (np.number, np.bool_, np.str_)
"""Types of numpy whose `item` is the plain value; but for their subtype timedelta64, see `values.plain`."""


class OddValues:
    """Reads single values of some features as `Reader` does, and keeps an example of those that cannot be read."""

    def __init__(
        self,
        numeric: Sequence[Feature],
        categorical: Sequence[Feature],
        look_up: Callable[[Feature, object], int],
        *,
        most_cached: int,
        unseen_texts: bool = True,
    ) -> None:
        """`look_up` finds the bin of a category; `most_cached` values of each feature are kept in its cache."""
        self._numeric, self._categorical, self._look_up = tuple(numeric), tuple(categorical), look_up
        self._most_cached = most_cached
        self.caches: tuple[Cache, ...] = tuple(({}, {}, {}) for _ in categorical)
        self._cache_by_type: tuple[dict[type, dict[Any, int]], ...]
        self._cache_by_type = tuple(
            dict(zip((str, int, float, bool), (*cache, {}), strict=True)) for cache in self.caches
        )
        self._unseen = tuple(_sampled(feature) if unseen_texts else slice(0, 0) for feature in categorical)
        self.examples: dict[str, Rejected] = {}
        """The last unreadable value of each column."""

    def number(self, index: int, value: object) -> float:
        """Return a value of a numeric feature as a number, see `Rows.numbers`."""
        try:
            return number_of(value)
        except Exception:  # of any kind: an object may fail even to say what it is
            self._keep(self._numeric[index].column, "a number", value)
            return UNREADABLE

    def category(self, index: int, value: object) -> int | tuple[int, str]:
        """Return the bin of a value of a categorical feature, and its text where it is unseen and texts are kept."""
        if isinstance(value, _WRAPPED):
            value, known = self.known(index, value)
            if known is not None:
                return known
        feature, grid = self._categorical[index], self._categorical[index].grid
        assert isinstance(grid, CategoryGrid)
        try:
            bin_ = self._look_up(feature, value)
        except Exception:
            bin_ = grid.special[bin_names.UNREADABLE]
        if bin_ == grid.special[bin_names.UNREADABLE]:
            self._keep(feature.column, expected_of(feature), value)
        unseen = self._unseen[index]
        if unseen.start <= bin_ < unseen.stop:
            return bin_, shown_text(texts_of(value, grid.dtype)[0])
        if feature.part is None:
            self.keep(index, value, bin_)
        return bin_

    def known(self, index: int, value: Any) -> tuple[Any, int | None]:
        """Return a value, without the wrapper of a scalar of numpy, and its bin if that is in the cache."""
        cache = self._cache_by_type[index].get(type(value))
        if cache is None and isinstance(value, _WRAPPED) and not isinstance(value, np.timedelta64):
            value = value.item()
            cache = self._cache_by_type[index].get(type(value))
        return value, None if cache is None else cache.get(value)

    def keep(self, index: int, value: Any, bin_: int) -> None:
        """Put the bin of a value into the cache, if values like this one are cached."""
        cache = self._cache_by_type[index].get(type(value))
        if cache is None or not is_short(value) or value != value:
            return
        if len(cache) >= self._most_cached:
            cache.clear()
        cache[value] = bin_

    def _keep(self, column: str, expected: str, value: object) -> None:
        try:
            got = describe(value)
        except Exception:
            got = f"a {type(value).__name__[:40]} that fails"
        self.examples[column] = Rejected(0, column, expected, got)


def is_short(value: object) -> bool:
    """Say whether a value is small enough to be cached."""
    if type(value) is str:
        return len(value) <= _LONGEST_CACHED
    if type(value) is int:
        return value.bit_length() <= 64
    return isinstance(value, bool | float | np.number | np.bool_)


def _sampled(feature: Feature) -> slice:
    """Return the bins of a feature whose texts are kept."""
    return feature.grid.unseen if isinstance(feature.grid, CategoryGrid) and is_sampled(feature) else slice(0, 0)


def expected_of(feature: Feature) -> str:
    """Return what is expected as a value of a categorical feature, in words."""
    if feature.kind == "boolean":
        return "true or false"
    return f"a date-time, for its {feature.part}" if feature.part else "a category (text or number)"
