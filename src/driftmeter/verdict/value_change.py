"""How the values of a number changed, in its own unit, from the counts of one window and of the reference.

With D the largest distance between the window's distribution function and the reference's, and s₁ to s₄ Neyman's smooth
components of the ranks, s₁ being the mean distance times √12:

    |s₁| ≥ 1.5 D                   values rose or fell: their mean, or the median where few far values make up the mean
    s₂² ≥ s₁² + s₃² + s₄²          they spread out, or gathered: their deviation, or the width of their middle half
    otherwise                      their shape changed: the interval that gained, or lost, the most certain share

If all values move by little, s₁ is √12 D / 2 or more; if a tenth gather somewhere in the middle, it is D or less.
A mean that moved by half a deviation is told in any case. Else a single value that took over rows of all others is told
as an interval, too.
What lies out of the reference's range is known by its number alone: where that matters, the mean and the deviation
are not told.
Source: Neyman (1937); Rayner & Best, Smooth Tests of Goodness of Fit (1989), ch. 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import Literal

import numpy as np

from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import Counts, Floats

Measure = Literal["mean", "median", "beyond", "deviation", "middle half", "share"]

_MOST_OUTSIDE = 0.02
"""With a larger share of values out of range neither the mean nor the standard deviation is told."""
_PLAIN_SHIFT = 1.5
_MOST_OF_GAIN = 0.75
_PLAIN = 0.5
"""Standard deviations: a mean that moved by as much is told whatever else happened."""
_FALL_STANDS_OUT = 1.5
"""An interval that lost rows is told if it is this much more certain than the one that gained most."""
_MOST_WITHIN = 0.1
"""With a larger part of the variance within bins, of heavy tails, counts do not tell how it changed."""
_ROUGH = 0.15
"""Standard deviations: a mean that may be off by as much, since many values are in wide bins, is told as about that."""
_MOST_INTERVALS = 128
"""Longer grids are searched with fewer ends of intervals."""


@dataclass(frozen=True)
class ValueChange:
    """One measure of a feature's values in the reference and in a window.

    A "share" is that of the values from `low` to `high`, infinite where an interval has no such end; `scale` is a
    difference of values that matters there. All else is in the feature's own unit. `deviations` is by how many of the
    reference's standard deviations a mean or a median moved; 0 of a median where a few large values make up that
    deviation. "beyond" is a median that is now out of the reference's range: `now` is the end of the range. `rough`
    says that a mean now is known roughly.
    """

    measure: Measure
    was: float
    now: float
    deviations: float = 0.0
    low: float = -inf
    high: float = inf
    scale: float = 0.0
    rough: bool = False


def change_of(feature: Feature, counts: Counts, what: str = "", usual: Floats | None = None) -> ValueChange | None:
    """Return the change that says most, None where there is nothing to compare.

    `counts` (bins,) are those of the feature in a window. `what` is the test that found it: a "mean" is told as a shift
    and a "spread" as a spread, whatever else changed. `usual` (bins,) are the shares to compare with, where these are
    not the reference's.

    >>> grid = NumericGrid.fit(np.arange(100.0), bins=4)
    >>> feature = Feature("x", "numeric", "feature", grid, (0, 0, 25, 25, 25, 25, 0, 0, 0, 0, 0), "x")
    >>> change = change_of(feature, np.array([0, 0, 0, 0, 10, 30, 0, 0, 0, 0, 0]))
    >>> change.measure, round(change.was, 1), round(change.now, 1)
    ('mean', 49.5, 80.6)
    """
    samples = Samples.of(feature, counts, usual)
    if samples is None:
        return None
    shift = samples.shift()
    plain = shift is not None and abs(shift.deviations) >= _PLAIN
    if what == "stuck":
        value = samples.one_value()
        return shift if plain and value is not None and value.low != value.high else value
    if what == "mean" or samples.moved or plain:
        return shift if shift is not None and (plain or not samples.one_took_over) else samples.interval()
    squares = np.square(samples.components())
    if what == "spread" or squares[1] >= squares.sum() / 2:
        return samples.spread() or samples.interval()
    return samples.interval()


def commonest(feature: Feature, counts: Counts, *, growing: bool = False) -> tuple[int, float, float]:
    """Return the bin of a categorical feature whose share of the rows changed most, and the two shares.

    Most is by Δ²/p̄, what a bin adds to the effect, p̄ being the mean of the two shares. `growing` looks for a gain only.
    """
    grid = feature.grid
    assert isinstance(grid, CategoryGrid), feature.name
    was, now = feature.reference / max(feature.reference.sum(), 1), counts / max(counts.sum(), 1)
    shares = [*range(len(grid.categories))]
    adds = np.square(now - was) / np.maximum(now / 2 + was / 2, 1e-12)
    if growing:
        adds = np.where(now > was, adds, 0.0)
    rest = [bin_ for bin_ in range(feature.size) if bin_ not in shares]
    index = int(adds[shares].argmax()) if shares and adds[shares].any() else rest[int(adds[rest].argmax())]
    return index, float(was[index]), float(now[index])


@dataclass(frozen=True, eq=False)
class Samples:
    """The finite values of the reference and of a window as shares of the bins of one grid.

    `was` and `now` (present bins,) add up to 1, of `rows` values each; `value` and `deviation` are those of the bins.
    """

    feature: Feature
    grid: NumericGrid
    was: Floats
    now: Floats
    rows: tuple[int, int]
    value: Floats
    deviation: Floats

    @classmethod
    def of(cls, feature: Feature, counts: Counts, usual: Floats | None = None) -> Samples | None:
        """Return the two samples; None for a feature that is no number, and where one of them has no finite value."""
        grid = feature.grid
        if not isinstance(grid, NumericGrid):
            return None
        was, now = feature.reference[grid.present], counts[grid.present]
        rows = int(was.sum()), int(now.sum())
        if not all(rows):
            return None
        expected = was if usual is None else usual[grid.present]
        value, deviation = feature.by_bin
        return cls(feature, grid, expected / expected.sum(), now / rows[1], rows, value, deviation)

    def components(self) -> Floats:
        """Return s₁ to s₄, (4,)."""
        x = 2 * np.cumsum(self.was) - self.was - 1
        legendre = np.stack(
            [x, (3 * x**2 - 1) / 2, (5 * x**3 - 3 * x) / 2, (35 * x**4 - 30 * x**2 + 3) / 8],
        )
        moved: Floats = legendre @ (self.now - self.was) * np.sqrt([3.0, 5.0, 7.0, 9.0])
        return moved

    def shift(self) -> ValueChange | None:
        """Return how mean or median moved; None where neither is known, or neither moved as the ranks did."""
        rank = float(self.components()[0])
        if rank == 0:
            return None
        (mean_was, deviation), (mean_now, _) = map(self._moments, (self.was, self.now))
        deviation = max(deviation, 1e-300)
        rough = self._uncertainty(self.now) > _ROUGH * deviation
        change = ValueChange("mean", mean_was, mean_now, mean_now / deviation - mean_was / deviation, rough=rough)
        # a mean that moved far less than the ranks is one of a few large values
        if self._known and change.deviations * np.sign(rank) >= abs(rank) / 3:
            return change
        was, now = self._quantile(self.was, 0.5), self._quantile(self.now, 0.5)
        if isfinite(was) and not isfinite(now):
            end = self.feature.unit_values.high if rank > 0 else self.feature.unit_values.low
            end *= self.feature.unit_values.unit
            return ValueChange("beyond", was, end, end / deviation - was / deviation)
        if isfinite(was) and isfinite(now) and (now - was) * rank > 0:
            moved = now / deviation - was / deviation
            return ValueChange("median", was, now, moved if abs(moved) >= abs(rank) / 3 else 0.0)
        return change if self._in_range and change.deviations * rank > 0 else None

    def spread(self) -> ValueChange | None:
        """Return how the deviation or the width of the middle half changed; None where neither did as the ranks did.

        Of values that spread out, those in the outermost bins are farther out than the reference's were there: the
        deviation would be told too small, unless the middle half hardly takes part.
        """
        rank = float(self.components()[1])
        deviation = ValueChange("deviation", self._moments(self.was)[1], self._moments(self.now)[1])
        width = ValueChange("middle half", self._width(self.was), self._width(self.now))
        widened = isfinite(width.was + width.now) and (width.now - width.was) * rank > 0
        agrees = self._known and (deviation.now - deviation.was) * rank > 0
        if agrees and (rank < 0 or not widened or _ratio(deviation) > _ratio(width) ** 2):
            return deviation
        return width if widened else None

    def interval(self) -> ValueChange | None:
        """Return the interval of bins whose share changed most, in standard errors: rather one that gained rows."""
        ends = np.unique(np.linspace(0, len(self.was), min(len(self.was), _MOST_INTERVALS) + 1).astype(np.intp))
        was, now = (np.concatenate([[0.0], np.cumsum(sample)])[ends] for sample in (self.was, self.now))
        before, after = was[np.newaxis, :] - was[:, np.newaxis], now[np.newaxis, :] - now[:, np.newaxis]
        middle = before / 2 + after / 2
        noise = 1 / self.rows[0] + 1 / self.rows[1]
        certainty = np.triu(after - before, 1) / np.sqrt(np.maximum(middle * (1 - middle), noise / 4) * noise)
        gained, lost = float(certainty.max()), float(-certainty.min())
        wanted = certainty.min() if lost > _FALL_STANDS_OUT * gained else certainty.max()
        first, last = np.argwhere(certainty == wanted)[0].tolist()
        if wanted == 0:
            return None
        return self.share_of(int(ends[first]), int(ends[last]))

    def one_value(self) -> ValueChange | None:
        """Return the share of the bin within the range that gained most."""
        core = self.grid.core
        index = core.start + int((self.now - self.was)[core].argmax())
        return self.share_of(index, index + 1)

    def share_of(self, first: int, last: int) -> ValueChange | None:
        """Return the shares of the bins from `first` to before `last`; None where these are all."""
        empty = (self.was == 0) & (self.now == 0)
        while first < last - 1 and empty[first]:
            first += 1
        while first < last - 1 and empty[last - 1]:
            last -= 1
        alone = first == last - 1 and self._low(first) == self._high(first)
        while not alone and first > 0 and empty[first - 1]:
            first -= 1
        while not alone and last < len(empty) and empty[last]:
            last += 1
        if first == 0 and last == len(empty):
            return None
        was, now = float(self.was[first:last].sum()), float(self.now[first:last].sum())
        values = self.feature.unit_values
        scale = (values.high / 100 - values.low / 100) * values.unit
        return ValueChange("share", was, now, low=self._low(first), high=self._high(last - 1), scale=scale)

    # --- parts

    @property
    def moved(self) -> bool:
        """Whether nearly all that changed went up, or nearly all of it down."""
        gap = np.cumsum(self.was - self.now)
        return bool(abs(self.components()[0]) >= _PLAIN_SHIFT * np.abs(gap).max())

    @property
    def one_took_over(self) -> bool:
        """Whether one value or bin of several took nearly all that the others lost."""
        gain = np.maximum(self.now - self.was, 0)
        return int(np.count_nonzero(self.was + self.now)) > 2 and bool(gain.max() >= _MOST_OF_GAIN * gain.sum() > 0)

    @property
    def _known(self) -> bool:
        """Whether the bins tell means and deviations: hardly a value is out of range, or in a bin as wide as all."""
        _, deviation = self._moments(self.was)
        within = self.deviation / max(deviation, 1e-300)
        return self._in_range and float(self.was @ np.square(within)) <= _MOST_WITHIN

    @property
    def _in_range(self) -> bool:
        outside = [*range(2), *range(len(self.was) - 2, len(self.was))]
        far = self.was[[0, -1]].any() or self.now[[0, -1]].any()
        return not far and max(self.was[outside].sum(), self.now[outside].sum()) <= _MOST_OUTSIDE

    def _moments(self, share: Floats) -> tuple[float, float]:
        """Return mean and standard deviation of a sample, in the feature's unit."""
        scale = max(float(np.abs(self.value[share > 0]).max()), 1e-300)  # squares of finite values may overflow
        value, deviation = self.value / scale, self.deviation / scale
        held = share > 0
        mean = float(share[held] @ value[held])
        variance = float(share[held] @ ((value[held] - mean) ** 2 + deviation[held] ** 2))
        return mean * scale, float(np.sqrt(variance)) * scale

    def _uncertainty(self, share: Floats) -> float:
        """Return how far off a mean may be, in the feature's unit: half as far as if all were at the ends of bins."""
        held = [index for index in np.flatnonzero(share).tolist() if isfinite(self._high(index) - self._low(index))]
        return float(sum(share[index] * (self._high(index) - self._low(index)) / 4 for index in held))

    def _quantile(self, share: Floats, level: float) -> float:
        """Return a quantile of a sample, in the feature's unit; infinite where it is out of range."""
        ends = np.cumsum(share)
        index = int(np.searchsorted(ends, level - 1e-12))
        low, high = self._low(index), self._high(index)
        if not isfinite(low) or not isfinite(high) or not self.grid.core.start <= index < self.grid.core.stop:
            return inf
        part = (level - (float(ends[index]) - float(share[index]))) / float(share[index])
        return low + part * (high - low)

    def _width(self, share: Floats) -> float:
        """Return the width of the middle half of a sample, in the feature's unit; not finite where it is not known."""
        high = self._quantile(share, 0.75)
        return high - self._quantile(share, 0.25) if isfinite(high) else inf

    def _low(self, index: int) -> float:
        """Return the least value of a bin, in the feature's unit."""
        return self._end(index, index - 1)

    def _high(self, index: int) -> float:
        """Return the largest value of a bin, in the feature's unit."""
        return self._end(index, index)

    def _end(self, index: int, cut: int) -> float:
        grid, values = self.grid, self.feature.unit_values
        core = index - int(grid.core.start)
        if 0 <= core < len(grid.atoms):
            atom = grid.atoms[core]
            if atom is not None:
                return atom * values.unit
        if not 0 <= cut < len(grid.cuts):
            return inf if cut > 0 else -inf
        # the outermost cuts are a hair beyond the extremes
        edges: dict[int, float] = {1: values.low, len(grid.cuts) - 2: values.high}
        return edges.get(cut, grid.cuts[cut]) * values.unit


def _ratio(change: ValueChange) -> float:
    return change.now / max(change.was, 1e-300)
