"""Which values of the reference a number's bins hold: what turns counts back into the feature's own unit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import JSON, Floats


@dataclass(frozen=True)
class BinValues:
    """The mean and the standard deviation of the reference's values in each bin of several values, and their extremes.

    `means` and `deviations` are of the core bins without an atom, in order; of an atom both are known. They are
    decimals of few digits, as fine as a tenth of the bin's deviation: that is finer than any sentence, the same on
    every machine, and short as JSON. `low` and `high` are the smallest and the largest value. `unit` is what 1 on the
    grid is in the column's unit: of a derived feature, the standard deviation of its column.

    >>> values = np.arange(1000.0)
    >>> grid = NumericGrid.fit(values, bins=4)
    >>> BinValues.of(grid, values)
    BinValues(means=(125.0, 375.0, 624.0, 874.0), deviations=(72.0, 72.0, 72.0, 72.0), low=0.0, high=999.0, unit=1.0)
    """

    means: tuple[float, ...]
    deviations: tuple[float, ...]
    low: float
    high: float
    unit: float = 1.0

    @classmethod
    def of(cls, grid: NumericGrid, values: Floats, *, unit: float = 1.0) -> BinValues:
        """Take the values of a reference, in any order; those that are not finite do not count."""
        ordered = np.sort(values[np.isfinite(values)]) + 0.0  # the order of a sum changes its last digits
        if not ordered.size:
            ordered = np.zeros(1)
        # halves, scaled: neither a sum nor a square of finite values may overflow
        scale = max(abs(float(ordered[0])), abs(float(ordered[-1])), 1e-300)
        places = [0, *np.searchsorted(ordered, grid.edges[2:-2]).tolist(), len(ordered)]
        means, deviations = [], []
        for index, (first, last) in enumerate(pairwise(places)):
            if grid.atoms[index] is not None:
                continue
            part = ordered[first:last] / scale
            if not part.size:
                part = grid.edges[index + 1 : index + 3] / scale
            deviation = float(part.std()) * scale
            means.append(_decimal(float(part.mean()) * scale, deviation))
            deviations.append(_decimal(deviation, deviation))
        return cls(tuple(means), tuple(deviations), float(ordered[0]), float(ordered[-1]), unit)

    @classmethod
    def of_grid(cls, grid: NumericGrid) -> BinValues:
        """Return what the cuts alone let one assume: values that fill each bin evenly.

        >>> grid = NumericGrid((0.0, 0.0, 1.0, 4.0, 4.0), (None,) * 2)
        >>> BinValues.of_grid(grid).means
        (0.5, 2.5)
        """
        bins = [pair for pair, atom in zip(pairwise(grid.cuts[1:-1]), grid.atoms, strict=True) if atom is None]
        means = tuple(low / 2 + high / 2 for low, high in bins)
        deviations = tuple((high / 2 - low / 2) / math.sqrt(3) for low, high in bins)
        return cls(means, deviations, grid.cuts[1], grid.cuts[-2])

    def by_bin(self, grid: NumericGrid) -> tuple[Floats, Floats]:
        """Return a value for each bin of finite numbers, and its deviation there, both (present bins,), on the grid.

        Values out of range are taken to be at its end, those far out of range at the far bound: they are no nearer.
        """
        means, deviations = iter(self.means), iter(self.deviations)
        core = [(next(means), next(deviations)) if atom is None else (atom, 0.0) for atom in grid.atoms]
        below, above = [(grid.cuts[0], 0.0), (self.low, 0.0)], [(self.high, 0.0), (grid.cuts[-1], 0.0)]
        value, deviation = np.array([*below, *core, *above]).T
        return value, deviation

    def to_json(self) -> JSON:
        """Return plain JSON; floats round-trip."""
        return {
            "means": list(self.means),
            "deviations": list(self.deviations),
            "low": self.low,
            "high": self.high,
            "unit": self.unit,
        }

    @classmethod
    def from_json(cls, data: JSON, grid: NumericGrid) -> BinValues:
        """Read what `to_json` wrote of a grid; raises ValueError, TypeError or KeyError on anything else."""
        means, deviations = tuple(map(float, data["means"])), tuple(map(float, data["deviations"]))
        low, high, unit = float(data["low"]), float(data["high"]), float(data["unit"])
        open_bins = grid.atoms.count(None)
        if not len(means) == len(deviations) == open_bins:
            raise ValueError(f"expected means and deviations of {open_bins} bins, got {len(means)}, {len(deviations)}")
        if not all(map(math.isfinite, (*means, *deviations, low, high, unit))) or not low <= high or unit <= 0:
            raise ValueError(f"expected finite values, low <= high and a unit above 0, got {low}, {high} and {unit}")
        return cls(means, deviations, low, high, unit)


def _decimal(value: float, deviation: float) -> float:
    """Round to a tenth of a deviation, in tens; the result has few digits as text."""
    if deviation <= 0 or not math.isfinite(deviation):
        return value
    places = 1 - math.floor(math.log10(deviation))
    rounded = round(value, places)
    return rounded + 0.0 if math.isfinite(rounded) else value
