"""The values of a number as the hypotheses see them: shares of bins, and where the reference's values lie."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import Codes, Counts, Floats
from driftmeter.verdict.changes.hypothesis import Noise

SMOOTH, LUMPY = 30, 3
"""The values within a bin are taken to be as uneven as if they were so many different ones."""


@dataclass(frozen=True, eq=False)
class Values:
    """The finite values of a feature: `was` and `now` (bins,) are the shares of the reference and of a window.

    `lumps` is how many different values a bin is taken to hold.
    """

    feature: Feature
    grid: NumericGrid
    was: Floats
    now: Floats
    noise: Noise
    lumps: int = SMOOTH

    @classmethod
    def of(cls, feature: Feature, counts: Counts, worth: float = 1.0, usual: Floats | None = None) -> Values | None:
        """Return the values of a window; None where it, or the reference, has none.

        `worth` is how many independent rows a row of the window is worth; `usual` (bins,) are the shares to compare
        with, where these are not the reference's.
        """
        grid = feature.grid
        if not isinstance(grid, NumericGrid):
            return None
        was, now = feature.reference[grid.present], counts[grid.present]
        known, rows = int(was.sum()), int(now.sum())
        if not known or not rows:
            return None
        shares = was / known if usual is None else usual[grid.present] / usual[grid.present].sum()
        return cls(feature, grid, shares, now / rows, Noise(max(rows * worth, 1.0), known))

    @cached_property
    def cuts(self) -> Floats:
        """The cuts between all bins, (bins - 1,)."""
        return self.grid.edges

    @cached_property
    def known(self) -> Floats:
        """The share of the reference's values below each cut, (bins - 1,)."""
        below: Floats = np.cumsum(self.was)[:-1]
        return below

    @cached_property
    def curve(self) -> tuple[Floats, Floats]:
        """The distribution function of the reference as a polygon: ascending values, and the share of those below."""
        at, bin_, part = _knots(self.feature)
        before = np.append(0.0, self.known)
        return at, np.minimum(before[bin_] + part * self.was[bin_], 1.0)

    def below(self, values: Floats) -> Floats:
        """Return the share of the reference's values below some values, any shape."""
        at, below = self.curve
        share: Floats = np.interp(values, at, below, left=0.0, right=1.0)
        return share

    def unsure(self, values: Floats, below: Floats) -> Floats:
        """Return the variance of `below`, of shape (…, cuts), for what is not known of where in a bin values lie."""
        bin_ = np.searchsorted(self.cuts, values, side="right")
        before = np.append(0.0, self.known)
        share = self.was[bin_]
        into = np.minimum(np.maximum(below - before[bin_], 0.0), share)
        variance: Floats = into * (share - into) / self.lumps
        return variance

    def quantiles(self, levels: Floats) -> Floats:
        """Return the reference's quantiles, same shape as the levels."""
        at, below = self.curve
        found: Floats = np.interp(levels, below + 1e-12 * np.arange(len(below)), at)
        return found

    @cached_property
    def middle(self) -> float:
        """The reference's median."""
        return float(self.quantiles(np.array([0.5]))[0])

    @cached_property
    def usual_doubt(self) -> Floats:
        """What `unsure` is about on average, of a bin: (bins,)."""
        open_ = np.array([atom is None for atom in self.grid.atoms], dtype=np.float64)
        doubt: Floats = np.zeros_like(self.was)
        doubt[2:-2] = open_ * self.was[2:-2] ** 2 / (3 * self.lumps)
        return doubt

    @cached_property
    def scale(self) -> float:
        """The width of the middle two thirds of the reference's values, halved: a standard deviation of normal ones."""
        low, high = self.quantiles(np.array([0.16, 0.84]))
        spread = float(high / 2 - low / 2)
        if spread <= 0:
            spread = self.feature.unit_values.high / 6 - self.feature.unit_values.low / 6
        return max(spread, 1e-300)

    @cached_property
    def ends(self) -> tuple[Floats, Floats]:
        """The least and the largest value of each bin, both (bins,); infinite at the far ends."""
        low = np.concatenate([[-np.inf], self.cuts])
        high = np.concatenate([self.cuts, [np.inf]])
        values = self.feature.unit_values
        low[2], high[1], high[-3], low[-2] = values.low, values.low, values.high, values.high
        for index, atom in enumerate(self.grid.atoms):
            if atom is not None:
                low[index + 2] = high[index + 2] = atom
        return low, high


def _knots(feature: Feature) -> tuple[Floats, Codes, Floats]:
    """Return the corners of a distribution function: values, the bin of each, and which part of the bin is below it.

    A bin of a single value is a step. In any other, values are spread evenly on both sides of their mean, so that the
    mean is right.
    """
    values, grid = feature.unit_values, feature.grid
    assert isinstance(grid, NumericGrid), feature.name
    means, ends = iter(values.means), [values.low, *grid.cuts[2:-2], values.high]
    knots = [(grid.cuts[0], 0, 1.0), (grid.cuts[1], 1, 1.0)]
    for index, atom in enumerate(grid.atoms):
        bin_ = index + 2
        if atom is not None:
            knots += [(atom, bin_, 0.0), (float(np.nextafter(atom, np.inf)), bin_, 1.0)]
            continue
        low, high = ends[index], ends[index + 1]
        mean = min(max(next(means), low), high)
        part = (high - mean) / (high - low) if high > low else 0.5
        knots += [(low, bin_, 0.0), (mean, bin_, part), (high, bin_, 1.0)]
    last = len(grid.cuts) - 1
    knots += [(grid.cuts[-2], last, 0.0), (grid.cuts[-1], last, 1.0)]
    at, bins, parts = zip(*knots, strict=True)
    return np.maximum.accumulate(np.array(at)), np.array(bins, dtype=np.intp), np.array(parts)
