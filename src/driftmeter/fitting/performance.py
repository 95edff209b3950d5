"""From a reference with labels to what estimates performance without them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Rows
from driftmeter.data.time_columns import Times
from driftmeter.errors import ProfileError
from driftmeter.fitting.cell_tables import Hashes, axes_of, rounded, table_of
from driftmeter.fitting.labelled import Plan
from driftmeter.performance.estimate import expected_sums, gradients_of
from driftmeter.performance.metrics import OUTCOMES, metrics_of
from driftmeter.performance.realised import label_sums
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.performance import Performance, Usual, bins_of
from driftmeter.profile.profile import Profile
from driftmeter.types import Codes, Floats

_BLOCK = 50_000
"""Rows that are put into bins at once."""
"""Rows that are put into bins at once."""
_MIX = np.uint64(0x9E3779B97F4A7C15)
"""An odd number without a pattern, to mix bits with."""
_BLOCKS, _LEAST_BLOCK = 20, 250
"""Stretches of time by which metrics vary, and the fewest rows of one."""
_LEAST_BLOCKS = 5


def with_threshold(feature: Feature, threshold: float, values: Floats) -> Feature:
    """Return the prediction with the threshold among its cuts; `values` (rows,) are the reference's."""
    assert isinstance(feature.grid, NumericGrid)
    try:
        grid = feature.grid.with_cut(threshold, values)
    except ValueError as error:
        raise ProfileError(f"threshold {threshold:g}: {error}") from error
    return replace(feature, grid=grid, counts=(0,) * grid.size)


def fitted(profile: Profile, rows: Rows, plan: Plan, times: Times | None) -> Performance:
    """Return the performance of a counted profile; `times` (rows,) are negative where there is none.

    The order of the rows has no influence: what is summed as floats is summed in an order of its own.
    """
    features = profile.features
    place = {feature.column: index for index, feature in enumerate(features) if feature.role == "prediction"}
    prediction = next(index for index, feature in enumerate(features) if feature.column == profile.prediction_column)
    bins, hashes = _bins(profile, rows)
    numbers = [index for index, feature in enumerate(features) if feature.kind == "numeric"]
    scores = {index: rows.numbers[:, numbers.index(index)] for index in place.values() if index in numbers}
    of_prediction = scores.get(prediction, np.zeros(len(rows)))
    order = np.lexsort((*scores.values(), plan.labels, hashes))
    order = order[~np.isnan(plan.labels[order])]
    bins, hashes, labels = bins[order], hashes[order], plan.labels[order]
    tables = []
    made = plan.performance
    for number, text in enumerate(made.classes if made.task == "multiclass" else ("",)):
        axis_features = [place[plan.probabilities[text]]] if plan.probabilities else []
        axes, positive = axes_of(features, bins, axis_features, prediction, made, text)
        target = labels if made.task == "regression" else (labels == (number if text else 1)).astype(np.float64)
        score = scores.get(axes[0].feature)
        tables.append(
            table_of(features, axes, positive, bins, hashes, target, None if score is None else score[order], made.task)
        )
    made = replace(made, tables=tuple(tables))
    moments = None if times is None else times[order]
    return replace(made, usual=_usual(made, bins, of_prediction[order], labels, moments))


def _bins(profile: Profile, rows: Rows) -> tuple[Codes, Hashes]:
    """Return the bins of each row within each feature, (rows, features), and a hash of them, (rows,)."""
    binner = Binner(profile)
    bins = np.empty((len(rows), len(profile.features)), dtype=np.intp)
    hashes = np.empty(len(rows), dtype=np.uint64)
    factors = np.arange(1, 2 * len(profile.features), 2, dtype=np.uint64) * _MIX
    for start in range(0, len(rows), _BLOCK):
        block = bins_of(binner.places(rows.between(start, min(start + _BLOCK, len(rows)))), profile.offsets)
        bins[start : start + len(block)] = block
        mixed = (block.astype(np.uint64) + np.uint64(1)) * factors
        mixed = (mixed ^ (mixed >> np.uint64(29))) * _MIX
        hashes[start : start + len(block)] = mixed.sum(axis=1, dtype=np.uint64)
    hashes ^= hashes >> np.uint64(32)
    return bins, hashes * _MIX


def _usual(
    made: Performance, bins: Codes, predictions: Floats, labels: Floats, times: Times | None
) -> dict[str, Usual]:
    """Return what the reference says of each metric; `times` (rows,) are negative where there is none."""
    sums = expected_sums(made, _counts(made, bins))
    rows, realised = label_sums(made, bins, predictions, labels)
    whole = metrics_of(made, realised, rows)
    gradients = gradients_of(made, sums)
    number = len(bins)
    usual = {
        name: Usual(float(value), number * sums.variance("sampling", gradients[name]))
        for name, value in whole.items()
        if np.isfinite(value) and np.isfinite(gradients[name]).all()
    }
    between = _between(made, bins, predictions, labels, times) if times is not None else {}
    return {
        name: Usual(*rounded(np.array([one.value, one.of_row, *between.get(name, (0.0, 0.0))])))
        for name, one in usual.items()
    }


def _between(
    made: Performance, bins: Codes, predictions: Floats, labels: Floats, times: Times
) -> dict[str, tuple[float, float]]:
    """Return, by metric, the variance of the realised one between stretches of time, and of what the estimate misses.

    Both without sampling. Outcomes are counts of rows, and taken per row.
    """
    order = np.argsort(times, kind="stable")[np.count_nonzero(times < 0) :]
    blocks = min(_BLOCKS, len(order) // _LEAST_BLOCK)
    if blocks < _LEAST_BLOCKS:
        return {}
    found: dict[str, list[tuple[float, float, float]]] = {}
    for part in np.array_split(order, blocks):
        sums = expected_sums(made, _counts(made, bins[part]))
        rows, realised = label_sums(made, bins[part], predictions[part], labels[part])
        metrics, gradients = metrics_of(made, realised, rows), gradients_of(made, sums)
        for name, expected in metrics_of(made, sums.sums, sums.rows).items():
            scale = len(part) if name in OUTCOMES else 1
            value, miss = float(metrics[name]) / scale, float(metrics[name] - expected) / scale
            found.setdefault(name, []).append((value, miss, sums.variance("sampling", gradients[name]) / scale**2))
    between = {}
    for name, triples in found.items():
        values, misses, sampling = np.array(triples).T
        if np.isfinite(values).all() and np.isfinite(sampling).all():
            between[name] = (
                max(0.0, float(values.var(ddof=1) - sampling.mean())),
                max(0.0, float(np.square(misses).mean() - sampling.mean())),
            )
    return between


def _counts(made: Performance, bins: Codes) -> Codes:
    """Return the counts of some rows by cell of all tables, (size,)."""
    return np.concatenate([np.bincount(table.cells_of(bins), minlength=table.size) for table in made.tables])
