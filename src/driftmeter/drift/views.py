"""Views: which bins of a feature a drift test looks at, as tables of many features at once.

A slot is a place in a view's row for one feature: one bin, or several bins added up.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from driftmeter.drift.categories import groups_of, hashed_groups, order_of
from driftmeter.drift.protocol import Pair, View
from driftmeter.drift.psi import MOST_GROUPS, reference_groups
from driftmeter.drift.wasserstein import positions
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import MOST_HASHED, CategoryGrid
from driftmeter.profile.expected import expected_by_hash, expected_counts
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import Codes, Counts, Floats

OUTSIDE = (*bin_names.OUT_OF_RANGE, bin_names.NOT_FINITE)
"""Bins that count as out of range: an infinite number is beyond any range."""
_MOST_ONCE = 0.05
"""Where categories that the reference held once have a larger share of its rows, absence of the rest says nothing."""


class ViewTable:
    """One view of some features: arranges their counts, from a vector of all counts, as rows of one width."""

    def __init__(self, view: View, features: Sequence[Feature], starts: Sequence[int], bins: int) -> None:
        """Compile the table; `starts` says where each feature's bins are in a vector of `bins` counts."""
        slots_by_feature = [slots_of(view, feature) for feature in features]
        width = max(1, *(int(slots.max()) + 1 for slots in slots_by_feature))
        self._shape = (len(features), width)
        self._spare = len(features) * width
        self._slots: Codes = np.full(bins, self._spare, dtype=np.intp)
        self.reference: Floats = np.zeros(self._shape)
        self._positions: Floats | None = None
        self._clustering: Floats | None = None
        if view == "unseen":
            grids = [(f.grid, int(f.reference[f.grid.present].sum())) for f in features]
            self._clustering = np.array([g.clustering(m) for g, m in grids if isinstance(g, CategoryGrid)])
        if view == "present" and all(isinstance(feature.grid, NumericGrid) for feature in features):
            self._positions = np.zeros(self._shape)
        for row, (feature, slots, start) in enumerate(zip(features, slots_by_feature, starts, strict=True)):
            self._slots[start : start + feature.size] = np.where(slots < 0, self._spare, slots + row * width)
            counts = reference_of(view, feature, slots)
            self.reference[row, : len(counts)] = counts
            if self._positions is not None and isinstance(feature.grid, NumericGrid):
                places = positions(feature.grid)
                # no gap behind the last bin: the padding must add no distance
                self._positions[row] = np.append(places, np.full(width - len(places), places[-1]))

    def pair(self, counts: Counts) -> Pair:
        """Return the window's counts of this view, from all counts (bins,), together with the reference's."""
        window: Floats = np.asarray(np.bincount(self._slots, counts, self._spare + 1), dtype=np.float64)
        return Pair(self.reference, window[: self._spare].reshape(self._shape), self._positions, self._clustering)


def slots_of(view: View, feature: Feature) -> Codes:
    """Return the slot that each bin of the feature is added to, shape (bins,); -1 where the view leaves it out.

    - `present`: the bins of values; rare categories by their hash, in at most 16 slots, unseen ones with the rest of
      their hash: only together do they have one expectation.
    - `hashed`: the same with a slot for each hashed bin; `known`: the same without the unseen, and without the rest
      where many of its categories were in the reference once: few of these come again.
    - `groups`: every row, in groups of about equal shares; missing, unreadable, not finite and unseen rows are a group
      each, but missing residuals are left out. `hashed_64`, `hashed_256`, `hashed_1024`: every row, in 64, 256 or 1,024
      groups by hash.
    - `missing`, `unreadable`: those rows, and all other rows. `unseen`, `out_of_range`: those rows, and all other rows
      with a value.
    """
    grid = feature.grid
    special = grid.special
    if view.startswith("hashed_"):
        return _with_groups_of_their_own(feature, hashed_groups(feature, int(view.removeprefix("hashed_"))))
    if view in ("present", "hashed", "known"):
        present = _present(feature, MOST_GROUPS if view == "present" else MOST_HASHED)
        if view == "known" and isinstance(grid, CategoryGrid):
            present[grid.unseen] = -1
            if grid.once > _MOST_ONCE * int(feature.reference[grid.present].sum()):
                present[grid.rest] = -1
        return present
    if view == "groups":
        return _groups(feature)
    slots = np.ones(grid.size, dtype=np.intp)
    if view in ("missing", "unreadable"):
        slots[special[view]] = 0
        return slots
    slots[[special[bin_names.MISSING], special[bin_names.UNREADABLE]]] = -1
    if isinstance(grid, CategoryGrid):
        slots[grid.unseen] = 0
    else:
        slots[[special[name] for name in OUTSIDE]] = 0
    return slots


def _present(feature: Feature, most_of_rest: int = MOST_GROUPS) -> Codes:
    grid = feature.grid
    slots = np.full(grid.size, -1, dtype=np.intp)
    if isinstance(grid, NumericGrid):
        slots[grid.present] = np.arange(grid.size)[grid.present]
        return slots
    # not by rank: tests add up neighbours
    categories = len(grid.categories)
    slots[order_of(feature)[:categories]] = np.arange(categories)
    slots[grid.rest] = categories + np.arange(grid.hashed) % most_of_rest
    slots[grid.unseen] = slots[grid.rest][: grid.unseen.stop - grid.unseen.start]
    return slots


def _groups(feature: Feature) -> Codes:
    if isinstance(feature.grid, CategoryGrid):
        groups = groups_of(feature)
        groups[feature.grid.unseen] = groups.max() + 1
    else:
        present = _present(feature)
        groups = np.where(present < 0, -1, reference_groups(_added(present, feature.reference))[present])
    return _with_groups_of_their_own(feature, groups)


def _with_groups_of_their_own(feature: Feature, groups: Codes) -> Codes:
    special = feature.grid.special
    for name in (bin_names.NOT_FINITE, bin_names.MISSING, bin_names.UNREADABLE):
        if name in special:
            # a residual is missing where its column is, or another one is out of range: these tell of it themselves
            silent = name == bin_names.MISSING and feature.role == "derived"
            groups[special[name]] = -1 if silent else groups.max() + 1
    return groups


def reference_of(view: View, feature: Feature, slots: Codes) -> Counts:
    """Return what the reference lets one expect in each slot, in rows, shape (slots,).

    See expected.py. `known` leaves the unseen bins out, and a rest bin then has all of its rows.
    """
    return _added(slots, expected_by_hash(feature) if view == "known" else expected_counts(feature))


def _added(slots: Codes, counts: Counts) -> Counts:
    kept = slots >= 0
    return np.bincount(slots[kept], counts[kept], int(slots.max()) + 1).astype(np.int64)
