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
_MARGIN = 0.15
"""Room on either side of the reference's middle 98 %, as a part of that range."""


class Thumbnails:
    """Small densities of all features of a profile, compiled once. Threads may share it."""

    def __init__(self, profile: Profile) -> None:
        """Work out which part of each bin falls on each point."""
        self._features = [(feature.name, part, _weights(feature)) for feature, part in profile.slices()]
        self._reference = {
            feature.name: feature.reference @ weights
            for feature, (_, _, weights) in zip(profile.features, self._features, strict=True)
        }
        self._bars = {feature.name: _are_bars(feature) for feature in profile.features}

    def of(self, counts: Counts) -> dict[str, JSON]:
        """Return the density of each feature for a window's counts (bins of the profile,).

        Each has at most 32 points from 0 to 255, on one scale for `reference` and `now`, both as shares. `bars` says
        that the points are categories or single values, with a last one for all other categories, and a first and a
        last one for values below and above.
        """
        return {
            name: {"bars": self._bars[name], **_scaled(self._reference[name], counts[part] @ weights)}
            for name, part, weights in self._features
        }


def _scaled(reference: Floats, now: Floats) -> JSON:
    shares = [points / max(float(points.sum()), 1e-300) for points in (reference, now)]
    top = max(float(share.max(initial=0.0)) for share in shares) or 1.0
    was, is_ = (np.floor(share * (_HIGHEST / top) + 0.5).astype(int).tolist() for share in shares)
    return {"reference": was, "now": is_}


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
    low, high = (on_axis(value, scale) for value in range_ or (0.0, 1.0))
    width = (high - low) * (1 + 2 * _MARGIN) or 1.0
    start = low - (width - (high - low)) / 2
    ends = [
        (np.clip([on_axis(value, scale) for value in span.tolist()], start, start + width) - start) / width * POINTS
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
