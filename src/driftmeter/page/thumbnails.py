"""Densities of a few dozen points: the reference and a window beside each other, small enough for a list."""

from __future__ import annotations

import numpy as np

from driftmeter.page.categories import grid_of_category
from driftmeter.page.spans import drawn_spans, grid_of_number, on_axis, quantiles_of, scale_of
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.types import JSON, Counts, Floats

POINTS = 32
_HIGHEST = 255
_CLIP = 3.0
"""Times as high as the reference's highest point: what is higher is cut off, so that the reference stays visible."""
_SMALLER = 1 / 8
"""By which all values are multiplied: a range of the largest numbers would be infinite."""
_MARGIN = 0.15
"""Room on either side of the reference's middle 98 %, as a part of that range."""


class Thumbnails:
    """Small densities of all features of a profile, compiled once. Threads may share it."""

    def __init__(self, profile: Profile) -> None:
        """Work out which part of each bin falls on each point."""
        self._parts = [(part, _weights(feature)) for feature, part in profile.slices()]
        self._names = [(feature.name, _are_bars(feature)) for feature in profile.features]
        self._reference = self._shares(np.concatenate([feature.reference for feature in profile.features]))

    def of(self, counts: Counts) -> dict[str, JSON]:
        """Return the density of each feature for a window's counts (bins of the profile,).

        Each has at most 32 points from 0 to 255, on one scale for `reference` and `now`, both as shares; a `now` that
        is three times as high as all of the reference is cut off. `bars` says
        that the points are categories or single values, with a last one for all other categories, and a first and a
        last one for values below and above.
        """
        shares = np.stack([self._reference, self._shares(counts)])
        was, now = shares.max(axis=2, initial=0.0)
        top = np.where(was > 0, np.minimum(np.maximum(was, now), _CLIP * was), now)[:, np.newaxis]
        scaled = np.minimum(shares / np.where(top > 0, top, 1.0), 1.0)
        points = np.floor(scaled * _HIGHEST + 0.5).astype(np.int64)
        rows = zip(self._names, self._parts, *points.tolist(), strict=True)
        return {
            name: {"bars": bars, "reference": was[: weights.shape[1]], "now": now[: weights.shape[1]]}
            for (name, bars), (_, weights), was, now in rows
        }

    def _shares(self, counts: Counts) -> Floats:
        """Return the share of the rows on each point, (features, POINTS); 0 where there are no rows."""
        rows = np.zeros((len(self._parts), POINTS))
        for row, (part, weights) in zip(rows, self._parts, strict=True):
            np.matmul(counts[part].astype(np.float64), weights, out=row[: weights.shape[1]])
        return np.asarray(rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-300))


def _are_bars(feature: Feature) -> bool:
    """Say whether the points are categories or single values: of a number, where few values are all that there is."""
    grid = feature.grid
    return not isinstance(grid, NumericGrid) or (None not in grid.atoms and len(grid.atoms) <= POINTS - 2)


def _weights(feature: Feature) -> Floats:
    """Return the part of each bin that falls on each point, (bins, points)."""
    if not isinstance(feature.grid, NumericGrid):
        return _of_category(feature)
    return _of_few_values(feature) if _are_bars(feature) else _of_number(feature)


def _of_category(feature: Feature) -> Floats:
    """Give each of the most frequent categories a point, and all other rows the last one."""
    grid = grid_of_category(feature)
    named = min(len(grid.categories), POINTS - 1)
    weights = np.zeros((feature.size, named + 1))
    order = np.argsort(-feature.reference[: len(grid.categories)], kind="stable")
    chosen = order[:named] if feature.part is None else np.arange(named)
    weights[:, named] = 1.0
    weights[chosen, named] = 0.0
    weights[chosen, np.arange(named)] = 1.0
    return weights


def _of_few_values(feature: Feature) -> Floats:
    """Give each value a point, and those below and above all values the first and the last one."""
    grid = grid_of_number(feature)
    values = len(grid.atoms)
    weights = np.zeros((feature.size, values + 2))
    for bin_ in range(grid.present.stop):
        weights[bin_, min(max(bin_ - grid.core.start + 1, 0), values + 1)] = 1.0
    return weights


def _of_number(feature: Feature) -> Floats:
    """Spread each bin over the points that it covers; the first and the last point take all that lies beyond."""
    scale, grid = scale_of(feature), grid_of_number(feature)
    range_ = quantiles_of(feature, feature.reference, (0.01, 0.99))
    low, high = (on_axis(value, scale) * _SMALLER for value in range_ or (0.0, 1.0))
    width = (high - low) * (1 + 2 * _MARGIN) or 1.0
    start = low - (width - (high - low)) / 2
    ends = [
        (np.clip([on_axis(value, scale) * _SMALLER for value in span.tolist()], start, start + width) - start)
        / width
        * POINTS
        for span in drawn_spans(feature)
    ]
    weights = np.zeros((feature.size, POINTS))
    weights[grid.present] = _covered(*ends)
    return weights


def _covered(first: Floats, last: Floats) -> Floats:
    """Return which part of each stretch from `first` to `last`, both (bins,) from 0 to POINTS, lies on each point."""
    edges, length = np.arange(POINTS + 1.0), last - first
    parts: Floats = np.diff(np.clip(edges, first[:, np.newaxis], last[:, np.newaxis]), axis=1)
    parts /= np.maximum(length, 1e-9)[:, np.newaxis]
    alone = np.flatnonzero(length < 1e-9)
    parts[alone] = 0.0
    parts[alone, np.minimum(first[alone].astype(np.intp), POINTS - 1)] = 1.0
    return parts
