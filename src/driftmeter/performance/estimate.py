"""Estimate the performance of a model from counts of cells: no labels, no rows, no randomness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from driftmeter.performance.metrics import LOSSES, NEUTRAL, OUTCOMES, Metrics, metrics_of
from driftmeter.profile.performance import MOMENTS, CellTable, Performance
from driftmeter.types import JSON, Counts, Floats

WEIGHT = 100.0
"""A cell has the rate that its group and its leaf let one expect, until its own rows outweigh so many."""
_STEPS, _LONGEST_STEP = 30, 2.0
"""Of the fit of the additive model, effect by effect."""
HARDLY_KNOWN = 3
"""Reference rows below which a cell is hardly known."""
MOST_HARDLY_KNOWN = 0.05
"""The share of rows in such cells, or without a prediction, from which on an estimate is unreliable."""
FEWEST_ROWS = 100
"""With fewer rows the interval, which takes sums to be normal, is too narrow."""
_Z = 1.959964
"""Standard deviations on either side of a 95 % interval."""
_FAR = 3.0
"""Standard deviations to which the reference's own range goes."""


@dataclass(frozen=True)
class Estimate:
    """A metric: its value, its 95 % interval, and the reference's own range for as many rows; None where undefined.

    `worse` says that the value is outside of that range on the bad side.
    """

    value: float | None
    low: float | None
    high: float | None
    usual: tuple[float, float] | None = None
    worse: bool = False

    def to_json(self) -> JSON:
        """Return plain JSON."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "usual": None if self.usual is None else list(self.usual),
            "worse": self.worse,
        }


@dataclass(frozen=True)
class Estimates:
    """The estimated metrics of some rows, by name; `unreliable` are the reasons why they may be wrong."""

    rows: int
    metrics: dict[str, Estimate]
    unreliable: tuple[str, ...] = ()

    @property
    def worse(self) -> list[str]:
        """The metrics that are worse than the reference's own range."""
        return [name for name, one in self.metrics.items() if one.worse]

    def to_json(self) -> JSON:
        """Return plain JSON."""
        metrics = {name: one.to_json() for name, one in self.metrics.items()}
        return {"rows": self.rows, "metrics": metrics, "unreliable": list(self.unreliable)}


@dataclass(frozen=True)
class Sums:
    """What some rows are expected to sum up to, by group of all tables.

    `rows` (groups,). `sums` (groups,) are positives, in regression (groups, MOMENTS). `sampling` and `reference` are
    variances of the sums, (groups,), in regression covariances, (groups, MOMENTS, MOMENTS): from the labels that these
    rows happen to have, and from the size of the reference.
    """

    rows: Floats
    sums: Floats
    sampling: Floats
    reference: Floats

    def variance(self, of: str, gradient: Floats) -> float:
        """Return the variance of a metric, from `of`, sampling or reference, by its gradient (groups[, MOMENTS])."""
        spread: Floats = getattr(self, of)
        if gradient.ndim == 1:
            return float((np.square(gradient) * spread).sum())
        return float(np.einsum("gi,gij,gj->", gradient, spread, gradient))


def estimate(performance: Performance, counts: Counts, *, cost: Mapping[str, float] | None = None) -> Estimates:
    """Estimate every metric of the rows that `counts` (performance.size,) are of, by cell of each table.

    The interval is for the metric that labels would show: it holds the chance in the labels of so many rows
    (Poisson-binomial), the size of the reference, and how much estimates of the reference missed from time to time
    where the profile has a time. All of it is to first order in the sums (the delta method). With a `cost`, the value
    of each outcome (`tp`, `fp`, `fn`, `tn`), there is the metric `value`, per row.
    """
    expected = expected_sums(performance, counts)
    rows = int(expected.rows[: performance.tables[0].groups].sum())
    if not rows:
        return Estimates(0, {}, ("there are no rows with a prediction",))
    metrics = metrics_of(performance, expected.sums, expected.rows, cost)
    gradients = gradients_of(performance, expected, cost)
    found = {}
    for name, value in metrics.items():
        found[name] = _estimate(performance, name, float(value), gradients[name], expected, rows)
    return Estimates(rows, found, _reasons(performance, counts, rows))


def expected_sums(performance: Performance, counts: Counts) -> Sums:
    """Return what the rows of `counts` (performance.size,) are expected to sum up to."""
    of = _moments if performance.task == "regression" else _positives
    parts = [
        of(table, counts[part][:-1].astype(np.float64).reshape(table.groups, table.leaves))
        for table, part in zip(performance.tables, performance.parts(), strict=True)
    ]
    return Sums(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def gradients_of(performance: Performance, sums: Sums, cost: Mapping[str, float] | None = None) -> Metrics:
    """Return the derivatives of each metric by the sums, (groups,) or (groups, MOMENTS), as central differences."""
    size = sums.sums.size
    step = 1e-4 * np.maximum(np.abs(sums.sums), 1.0)
    steps = (np.eye(size) * step.ravel()).reshape(size, *sums.sums.shape)
    above = metrics_of(performance, sums.sums + steps, sums.rows, cost)
    below = metrics_of(performance, sums.sums - steps, sums.rows, cost)
    return {name: ((above[name] - below[name]).reshape(sums.sums.shape) / (2 * step)) for name in above}


@lru_cache(maxsize=64)  # a table is asked for each period
def rates_of(table: CellTable) -> Floats:
    """Return the rate of positives of each cell, (groups, leaves): that of its rows, shrunk to the additive model.

    That has an effect of each group on the log odds, and of each leaf, which may also make them follow those of the
    groups more, or less (logistic regression): so what a leaf says is learnt from all groups. A row that a split sent
    nowhere has the rate of its group.
    """
    rows, positives = table.rows.astype(np.float64), table.found.astype(np.float64)
    overall = positives.sum() / rows.sum()
    of_group = (positives.sum(axis=1) + overall) / (rows.sum(axis=1) + 1)
    base, slopes = _log_odds(of_group)[:, None], slopes_of(of_group, rows.sum(axis=1))[:, None]
    group, leaf, turn = np.zeros((table.groups, 1)), np.zeros(table.leaves), np.zeros(table.leaves)
    for _ in range(_STEPS):
        for effect, factor, axis in ((leaf, 1.0, 0), (turn, slopes, 0), (group, 1.0, 1)):
            rates = _rate(base + group + leaf + turn * slopes)
            gap = ((positives - rows * rates) * factor).sum(axis=axis, keepdims=axis == 1) - effect
            curve = (rows * rates * (1 - rates) * factor**2).sum(axis=axis, keepdims=axis == 1) + 1
            effect += np.clip(gap / curve, -_LONGEST_STEP, _LONGEST_STEP)
    expected = _rate(base + group + leaf + turn * slopes)
    return (positives + WEIGHT * expected) / (rows + WEIGHT)


def slopes_of(rates: Floats, rows: Floats) -> Floats:
    """Return the log odds of the rates of groups, (groups,), centred and scaled by the rows in each."""
    odds = _log_odds(rates)
    centred = odds - np.average(odds, weights=rows)
    slopes: Floats = centred / max(float(np.sqrt(np.average(centred**2, weights=rows))), 1e-9)
    return slopes


def _log_odds(rates: Floats) -> Floats:
    odds: Floats = np.log(rates / (1 - rates))
    return odds


def _rate(log_odds: Floats) -> Floats:
    rate: Floats = 1 / (1 + np.exp(-log_odds))
    return rate


def _positives(table: CellTable, counts: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    rates, known = rates_of(table), table.rows + WEIGHT
    chance = rates * (1 - rates)
    # what a cell borrows from its group is as uncertain in all cells at once
    borrowed = np.square((counts * WEIGHT / known).sum(axis=1))
    group_rate = (counts * rates).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
    of_group = borrowed * group_rate * (1 - group_rate) / (table.rows.sum(axis=1) + 1)
    of_reference = (np.square(counts) * chance / known).sum(axis=1) + of_group
    return counts.sum(axis=1), (counts * rates).sum(axis=1), (counts * chance).sum(axis=1), of_reference


def _moments(table: CellTable, counts: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    rows = table.rows.astype(np.float64)
    shape = (table.groups, table.leaves, len(MOMENTS))
    sums = np.array(table.moments[:-1]).reshape(shape) * rows[..., None]
    spread = np.square(np.array(table.spread[:-1])).reshape(shape) * rows[..., None]
    all_rows = rows.sum()
    known = rows[..., None] + 1
    means = (sums + sums.sum(axis=(0, 1)) / all_rows) / known
    deviations = np.sqrt((spread + spread.sum(axis=(0, 1)) / all_rows) / known)
    covariances = deviations[..., :, None] * deviations[..., None, :] * np.array(table.correlation)
    of_reference = (np.square(counts) / (rows + 1))[..., None, None] * covariances
    return (
        counts.sum(axis=1),
        (counts[..., None] * means).sum(axis=1),
        (counts[..., None, None] * covariances).sum(axis=1),
        of_reference.sum(axis=1),
    )


def _estimate(performance: Performance, name: str, value: float, gradient: Floats, sums: Sums, rows: int) -> Estimate:
    if not np.isfinite(value) or not np.isfinite(gradient).all():
        return Estimate(None, None, None)
    usual = performance.usual.get(name)
    # outcomes are counts of rows, and what is kept of them is per row
    scale = rows if name in OUTCOMES else 1
    missed = 0.0 if usual is None else usual.missed * scale**2
    deviation = np.sqrt(sums.variance("sampling", gradient) + sums.variance("reference", gradient) + missed)
    least, most = bounds_of(name)
    low, high = (float(np.clip(value + sign * _Z * deviation, least, most)) for sign in (-1, 1))
    if usual is None or name in OUTCOMES:
        return Estimate(value, low, high)
    reach = _FAR * np.sqrt(usual.of_row / rows + usual.between)
    first, last = (float(np.clip(usual.value + sign * reach, least, most)) for sign in (-1, 1))
    worse = name not in NEUTRAL and (value > last if name in LOSSES else value < first)
    return Estimate(value, low, high, (first, last), bool(worse))


def bounds_of(name: str) -> tuple[float, float]:
    """Return the least and the largest value that a metric can have."""
    if name in ("bias", "value"):
        return -np.inf, np.inf
    if name in ("r2",):
        return -np.inf, 1.0
    return 0.0, np.inf if name in OUTCOMES or name in ("mae", "rmse", "mape", "log_loss") else 1.0


def _reasons(performance: Performance, counts: Counts, rows: int) -> tuple[str, ...]:
    reasons = []
    total, without, unknown = int(counts[performance.parts()[0]].sum()), 0, 0
    for table, part in zip(performance.tables, performance.parts(), strict=True):
        few = np.array(table.counts[:-1]) < HARDLY_KNOWN
        unknown = max(unknown, int(counts[part][:-1][few].sum()))
        without = max(without, int(counts[part][-1]))
    if unknown > MOST_HARDLY_KNOWN * rows:
        reasons.append(f"{unknown / rows:.0%} of the rows lie where the reference has fewer than {HARDLY_KNOWN} rows")
    if without > MOST_HARDLY_KNOWN * total:
        reasons.append(f"{without / total:.0%} of the rows have no prediction that can be read")
    if rows < FEWEST_ROWS:
        reasons.append(f"there are {rows} rows, fewer than {FEWEST_ROWS}")
    return tuple(reasons)
