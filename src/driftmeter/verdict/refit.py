"""A refit without rows: what a change of one column does to the residuals of all, from counts alone.

A profile keeps the regressions, and the counts of every column and every residual; it keeps no rows. So the residuals
that a change leads to are predicted, and compared with the counted ones. With z the standardised column k, before and
after the change, and r the residual of t,

    r' − r  =  b (z' − z) + Σ c_l z_l (z' − z) + c (z'² − z²)      b, c_l, c: coefficients of t

Who goes from which z to which z' is not known from counts. It is taken to be one of these, or a mixture of the first
two: in step (each row keeps its rank: units, shifts, clipping, a value that is stuck), independent (values of other
rows or days), against (the rank is turned round: a sign flipped); and rows that lost their value count as the mean, as
in the regression. The other columns z_l are taken to be normal, with the correlations that the means of the products
are. Each pairing is a few nodes, and the residual at a node is normal: so are its first two moments found, within the
range that counts can tell.

Where a value lies out of the column's range, the residuals that lean on it are missing: they are of the rows that are
left, which are some ranks of the column and not others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from driftmeter.profile import bin_names
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.profile.residuals import CLIP, FACTOR_CLIP, LEAST_WEIGHT, STEPS, UNIT, Residuals
from driftmeter.types import Codes, Counts, Floats

_FINE, _COARSE = 8, 5
"""Nodes of pairings by rank, and along each side of independent pairs."""
_IN_STEP = (1.0, 0.75, 0.5, 0.25, 0.0)
"""Shares of the rows that keep their rank; all others are independent."""
_NORMAL = np.array([-np.sqrt(3.0), 0.0, np.sqrt(3.0)]), np.array([1.0, 4.0, 1.0]) / 6
"""Gauss–Hermite nodes and weights of a normal law."""
_LEAST_SPREAD = 0.05
"""Of the reference's: less is not told apart."""


def _pairings() -> Floats:
    """Return the weight of each node in each pairing, (pairings, nodes): in step, against, independent."""
    ranks, pairs = np.full(_FINE, 1 / _FINE), np.full(_COARSE**2, 1 / _COARSE**2)
    rows = [np.concatenate([share * ranks, 0 * ranks, (1 - share) * pairs]) for share in _IN_STEP]
    return np.array([*rows, np.concatenate([0 * ranks, ranks, 0 * pairs])])


PAIRINGS = _pairings()
AGAINST = len(PAIRINGS) - 1
"""The pairing in which ranks are turned round."""
_NODES = PAIRINGS.shape[1]


@dataclass(frozen=True)
class ColumnEffect:
    """What a column's change adds to each residual: a normal law at each node, the last ones of rows that lost it.

    `mean` and `variance` have the shape (nodes, targets), `weights` (pairings, nodes), with less than 1 in all where
    rows had no value before either. `own` is the residual of the column itself, which only rows with a value have: of
    it `own_weights` count; None where the column has none. `total_mean` and `total_variance` are (pairings, targets).
    `shift` is by how many standard deviations the column's mean moved.
    """

    mean: Floats
    variance: Floats
    weights: Floats
    own: int | None
    own_weights: Floats
    total_mean: Floats
    total_variance: Floats
    shift: float


class Refit:
    """The regressions of a profile as a model of what changes do. Compiled once.

    A signature says how a residual moved: asinh of its mean, in its standard deviations, and the log of its root mean
    square over the reference's; (targets, 2), 0 where it did not move.
    """

    def __init__(self, profile: Profile, residuals: Residuals) -> None:
        """Compile the arrays; `residuals` are the profile's."""
        of_column = {f.column: f for f in profile.features if f.kind == "numeric" and f.role == "feature"}
        of_target = {f.column: f for f in profile.features if f.role == "derived"}
        self.features: list[Feature] = [of_column[name] for name in residuals.columns]
        self.derived: list[Feature] = [of_target[name] for name in residuals.targets]
        self.own: Codes = np.array([residuals.columns.index(name) for name in residuals.targets], dtype=np.intp)
        """The column of each target."""
        self._compile(residuals)
        self._values = [
            _standard_values(*parts) for parts in zip(self.features, residuals.means, residuals.sds, strict=True)
        ]
        self._ranks = [
            _Ranks.of(values, _finite(feature, feature.reference))
            for values, feature in zip(self._values, self.features, strict=True)
        ]
        seen = np.array([_moments(feature, feature.reference) for feature in self.derived])
        self._mean, self._sd = seen[:, 0], np.maximum(seen[:, 1], 1e-6)
        self.usual: Floats = seen[:, 2] / np.array([max(sum(feature.counts), 1) for feature in self.derived])
        """The share of the reference's rows that have each residual."""
        self._low, self._high = np.array([_range(feature) for feature in self.derived]).T

    def _compile(self, residuals: Residuals) -> None:
        """Take the coefficients apart: of columns, of their squares, and of their products with all others."""
        width = len(residuals.columns)
        integers = np.array(residuals.coefficients, dtype=np.int64)
        weighty, coefficients = np.abs(integers) >= LEAST_WEIGHT, integers / UNIT
        self.straight: Floats = coefficients[:, :width].copy()
        """b, (targets, columns)."""
        self.leaning = weighty[:, :width].copy()
        """Which residuals are missing where which column is out of range, (targets, columns)."""
        self._square, self._mean_square = np.zeros_like(self.straight), np.ones(width)
        crossed = sorted(
            {index for first, second, _ in residuals.products if first != second for index in (first, second)}
        )
        place = {index: number for number, index in enumerate(crossed)}
        correlation, cross = np.eye(len(crossed)), np.zeros((len(integers), len(crossed), len(crossed)))
        for term, (first, second, mean) in enumerate(residuals.products, width):
            self.leaning[:, first] |= weighty[:, term]
            self.leaning[:, second] |= weighty[:, term]
            if first == second:
                self._square[:, first], self._mean_square[first] = coefficients[:, term], mean / STEPS
            else:
                at = [place[first], place[second]], [place[second], place[first]]
                cross[:, *at] = coefficients[:, term, np.newaxis]
                correlation[at] = mean / STEPS
        self.leaning[np.arange(len(self.own)), self.own] = False
        # the slope in z_k varies from row to row: Σ c_l z_l has this covariance with z_k, and this variance beside it
        self._slope, self._slope_variance = np.zeros_like(self.straight), np.zeros_like(self.straight)
        self._slope[:, crossed] = np.einsum("tkl,lk->tk", cross, correlation)
        variance = np.einsum("tkl,lm,tkm->tk", cross, correlation, cross)
        self._slope_variance[:, crossed] = np.maximum(variance - self._slope[:, crossed] ** 2, 0.0)

    def effect(self, column: int, now: Counts) -> ColumnEffect:
        """Return what the change of a column does to the residuals; `now` (bins,) are its counts."""
        feature, values = self.features[column], self._values[column]
        grid = feature.grid
        assert isinstance(grid, NumericGrid)
        after = _finite(feature, now)
        core = np.zeros_like(after)
        core[grid.core] = after[grid.core]
        below, above = after[: grid.core.start].sum() / after.sum(), after[grid.core.stop :].sum() / after.sum()
        was, every = self._ranks[column], _Ranks.of(values, after)
        whole = _pairs(was, every, 0.0, 0.0)
        inside = _pairs(was, _Ranks.of(values, core), below, above) if core.any() and below + above else whole
        leaning = self.leaning[:, column]
        before, behind = (
            np.where(leaning, some[:, np.newaxis], each[:, np.newaxis])
            for some, each in zip(inside, whole, strict=True)
        )
        lost_values = np.repeat(whole[0][:_FINE, np.newaxis], len(leaning), axis=1)
        before, behind = np.vstack([before, lost_values]), np.vstack([behind, np.zeros_like(lost_values)])
        mean, variance = self._added(column, before, behind)
        # a product without one of its columns counts as its mean
        mean[_NODES:] += self._slope[:, column] + self._square[:, column] * self._mean_square[column]

        had, lost = _had_and_lost(feature, now)
        weights = np.hstack([had * (1 - lost) * PAIRINGS, np.full((len(PAIRINGS), _FINE), had * lost / _FINE)])
        own_weights = np.hstack([PAIRINGS, np.zeros((len(PAIRINGS), _FINE))])
        own = next(iter(np.flatnonzero(self.own == column).tolist()), None)
        if own is not None:
            unexplained = min(self._sd[own] ** 2, 1.0)  # also the covariance of a residual with its column
            mean[:_NODES, own] = whole[1] - whole[0] + unexplained * whole[0]
            variance[:, own] = -(unexplained**2)
        total_mean, square = _mixed(weights, own, own_weights, mean, mean**2 + variance)
        shift = float(whole[1][:_FINE].mean() - whole[0][:_FINE].mean())
        return ColumnEffect(mean, variance, weights, own, own_weights, total_mean, square - total_mean**2, shift)

    def _added(self, column: int, before: Floats, behind: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of r' − r where a column goes from a value to another, all (nodes, targets)."""
        x, after_x = (np.clip(values, -CLIP, CLIP) for values in (before, behind))
        y, after_y = (np.clip(values, -FACTOR_CLIP, FACTOR_CLIP) for values in (before, behind))
        mean = self.straight[:, column] * (after_x - x)
        mean += self._slope[:, column] * y * (after_y - y) + self._square[:, column] * (after_y**2 - y**2)
        return mean, self._slope_variance[:, column] * (after_y - y) ** 2

    def seen(self, counts: Mapping[str, Counts]) -> tuple[Floats, Floats]:
        """Return the signature of counts of the derived features, and the rows that have each residual (targets,)."""
        mean, sd, rows = np.array([_moments(feature, counts[feature.name]) for feature in self.derived]).T
        signature = self._signature(mean, sd**2 + mean**2)
        signature[rows == 0] = 0.0
        return signature, rows

    def predicted(self, effects: Sequence[ColumnEffect], mean: Floats, variance: Floats) -> Floats:
        """Return the signatures (effects, pairings, targets, 2) that each effect alone leads to.

        What other columns add to the residuals is normal, with `mean` and `variance` (targets,).
        """
        middle = self._mean + mean
        first, second = self._clipped(
            np.array([effect.mean for effect in effects]) + middle,
            np.array([effect.variance for effect in effects]) + self._sd**2 + variance,
        )
        still, still_square = self._clipped(middle, self._sd**2 + variance)
        means, squares = np.empty((2, len(effects), len(PAIRINGS), len(middle)))
        for index, effect in enumerate(effects):
            untouched = 1 - effect.weights.sum(axis=1)[:, np.newaxis]
            moved = _mixed(effect.weights, effect.own, effect.own_weights, first[index], second[index])
            means[index], squares[index] = moved[0] + untouched * still, moved[1] + untouched * still_square
            if effect.own is not None:
                own = effect.own
                means[index, :, own], squares[index, :, own] = moved[0][:, own], moved[1][:, own]
        return self._signature(means, squares)

    def _clipped(self, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
        """Return mean and mean square of normal residuals (…, targets), moved to the range that counts tell."""
        sd = np.sqrt(np.maximum(variance, 0.0))
        first, second = np.zeros_like(mean), np.zeros_like(mean)
        for node, weight in zip(*_NORMAL, strict=True):
            values = np.clip(mean + node * sd, self._low, self._high)
            first += weight * values
            values *= values
            second += weight * values
        return first, second

    def _signature(self, mean: Floats, square: Floats) -> Floats:
        away = np.maximum(square - 2 * mean * self._mean + self._mean**2, 0.0)
        spread = np.maximum(np.sqrt(away) / self._sd, _LEAST_SPREAD)
        return np.stack([np.arcsinh((mean - self._mean) / self._sd), np.log(spread)], axis=-1)


def _mixed(
    weights: Floats, own: int | None, own_weights: Floats, first: Floats, second: Floats
) -> tuple[Floats, Floats]:
    """Return two moments at nodes (nodes, targets) as weighed by each pairing, (pairings, targets)."""
    mixed = weights @ first, weights @ second
    if own is not None:
        for whole, nodes in zip(mixed, (first, second), strict=True):
            whole[:, own] = own_weights @ nodes[:, own]
    return mixed


@dataclass(frozen=True)
class _Ranks:
    """The values of rows by their rank, 0 to 1: at some `ranks`, ascending, the `sums` of all below, (bins + 1,)."""

    ranks: Floats
    sums: Floats

    @classmethod
    def of(cls, values: Floats, rows: Floats) -> _Ranks:
        """Take some rows (bins,) at each of some ascending values (bins,)."""
        ranks = np.concatenate([[0.0], np.cumsum(rows)]) / rows.sum()
        return cls(ranks, np.concatenate([[0.0], np.cumsum(np.diff(ranks) * values)]))

    def means(self, parts: int, low: float = 0.0, high: float = 1.0) -> Floats:
        """Return the mean value in each of `parts` equal shares of the ranks from `low` to `high`.

        >>> _Ranks.of(np.array([0.0, 1.0, 5.0]), np.array([2, 1, 1])).means(2).tolist()
        [0.0, 3.0]
        """
        ends = np.linspace(max(low, 0.0), max(min(high, 1.0), low + 1e-9), parts + 1)
        means: Floats = np.diff(np.interp(ends, self.ranks, self.sums)) / np.diff(ends)
        return means


def _pairs(was: _Ranks, now: _Ranks, below: float, above: float) -> tuple[Floats, Floats]:
    """Return the nodes' values before and after, (nodes,): pairs in step, against, and independent ones.

    `now` lacks the shares `below` and `above` of the rows, at both ends.
    """
    after, turned = now.means(_FINE), was.means(_FINE, above, 1 - below)[::-1]
    in_step, free, free_after = was.means(_FINE, below, 1 - above), was.means(_COARSE), now.means(_COARSE)
    return (
        np.concatenate([in_step, turned, np.repeat(free, _COARSE)]),
        np.concatenate([after, after, np.tile(free_after, _COARSE)]),
    )


def _standard_values(feature: Feature, mean: float, sd: float) -> Floats:
    """Return the standardised value of each bin of finite numbers; what lies far out may lie at the clip."""
    values: Floats = (feature.by_bin[0] - mean) / sd
    values[0], values[-1] = min(values[0], -CLIP), max(values[-1], CLIP)
    return values


def _finite(feature: Feature, counts: Counts) -> Floats:
    """Return the rows in each bin of finite numbers; those of the reference where there are none."""
    assert isinstance(feature.grid, NumericGrid)
    rows = counts[feature.grid.present]
    return (rows if rows.any() else feature.reference[feature.grid.present]).astype(np.float64)


def _had_and_lost(feature: Feature, now: Counts) -> tuple[float, float]:
    """Return which share of the reference's rows has a value, and which share of those has none now."""
    missing = feature.grid.special[bin_names.MISSING]
    had = 1 - float(feature.reference[missing]) / max(int(feature.reference.sum()), 1)
    has = 1 - float(now[missing]) / max(int(now.sum()), 1)
    return had, min(max(1 - has / max(had, 1e-9), 0.0), 1.0)


def _range(feature: Feature) -> tuple[float, float]:
    assert isinstance(feature.grid, NumericGrid)
    return feature.grid.cuts[0], feature.grid.cuts[-1]


def _moments(feature: Feature, counts: Counts) -> tuple[float, float, float]:
    """Return mean and standard deviation of a residual, in those of its column, and the number of rows."""
    assert isinstance(feature.grid, NumericGrid)
    value, deviation = (values / feature.unit_values.unit for values in feature.by_bin)
    inside = counts[feature.grid.present].astype(np.float64)
    rows = float(inside.sum())
    if not rows:
        return 0.0, 0.0, 0.0
    mean = float(inside @ value) / rows
    return mean, float(np.sqrt(inside @ (np.square(value - mean) + np.square(deviation)) / rows)), rows
