"""The shape of a feature: its distribution in the reference and in a window, as data to draw."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from driftmeter.page.categories import category_shape
from driftmeter.page.numbers import numeric_shape
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import JSON, Counts


def shape_of(feature: Feature, counts: Counts, new: Mapping[str, int] = MappingProxyType({})) -> JSON:
    """Return a feature's shape in a window with counts (bins,); `new` are rows by texts that the reference never held.

    All numbers are rows, so that they add up to `reference_rows` and `now_rows`: those of intervals or categories, of
    atoms or others, and those apart that are not drawn.
    """
    if isinstance(feature.grid, NumericGrid):
        return numeric_shape(feature, counts)
    return category_shape(feature, counts, new)
