"""Metrics as functions of sums by group: positives and rows of a class, or moments of the error in regression.

All take any number of such sums at once, in leading axes, so that their derivatives are differences of two calls.
A metric that is not defined, such as the precision of a model that predicts no positive, is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from driftmeter.profile.performance import MOMENTS, CellTable, Performance
from driftmeter.types import Floats

CALIBRATION_BINS = 10
"""Tenths of the score by which the expected calibration error compares scores with rates."""
OUTCOMES = ("tp", "fp", "fn", "tn")
LOSSES = frozenset(("log_loss", "brier", "ece", "mae", "rmse", "mape"))
"""Metrics of which less is better."""
NEUTRAL = frozenset((*OUTCOMES, "bias"))
"""Metrics of which neither more nor less is better."""

Metrics = dict[str, Floats]


def metrics_of(
    performance: Performance, sums: Floats, rows: Floats, cost: Mapping[str, float] | None = None
) -> Metrics:
    """Return every metric of the task, each of the shape (…).

    `rows` (groups of all tables,) are rows by group. `sums` (…, groups of all tables) are the positives among them, in
    regression (…, MOMENTS) the sums of the moments. `cost` is the business value of each of OUTCOMES: the metric
    `value` is its mean over the rows.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if performance.task == "regression":
            return _regression(sums, float(rows.sum()), relative=performance.tables[0].moments[0][-1] >= 0)
        if performance.task == "binary":
            return _binary(performance.tables[0], sums, rows, cost)
        return _multiclass(performance, sums, rows)


def _binary(table: CellTable, positives: Floats, rows: Floats, cost: Mapping[str, float] | None) -> Metrics:
    side = np.array(table.positive)
    negatives = rows - positives
    total, all_positives = rows.sum(), positives.sum(axis=-1)
    tp, fp = positives[..., side].sum(axis=-1), negatives[..., side].sum(axis=-1)
    fn, tn = positives[..., ~side].sum(axis=-1), negatives[..., ~side].sum(axis=-1)
    metrics = {
        "accuracy": (tp + tn) / total,
        "precision": tp / (tp + fp),
        "recall": tp / all_positives,
        "f1": 2 * tp / (2 * tp + fp + fn),
        "specificity": tn / (tn + fp),
    }
    if table.axes[0].size > 2:
        metrics |= _of_score(table, _by_rank(table, positives), _by_rank(table, rows))
    metrics |= {"tp": tp, "fp": fp, "fn": fn, "tn": tn}
    if cost is not None:
        metrics["value"] = sum((metrics[name] * cost.get(name, 0.0) for name in OUTCOMES), np.zeros(())) / total
    return metrics


def _by_rank(table: CellTable, by_group: Floats) -> Floats:
    """Add up the groups of each group of the score, the first axis."""
    ranks: Floats = by_group.reshape(*by_group.shape[:-1], table.axes[0].size, -1).sum(axis=-1)
    return ranks


def _of_score(table: CellTable, positives: Floats, rows: Floats) -> Metrics:
    """Return the metrics of scores; rows of one group are ties, and their scores are the means of the reference."""
    negatives = rows - positives
    all_positives, all_negatives = positives.sum(axis=-1), negatives.sum(axis=-1)
    below = np.cumsum(negatives, axis=-1) - negatives / 2
    metrics = {"roc_auc": (positives * below).sum(axis=-1) / (all_positives * all_negatives)}
    found, taken = np.cumsum(positives[..., ::-1], axis=-1), np.cumsum(rows[..., ::-1], axis=-1)
    precision = np.where(taken > 0, found / np.maximum(taken, 1e-300), 0.0)
    metrics["average_precision"] = (positives[..., ::-1] * precision).sum(axis=-1) / all_positives
    if not table.scores:
        return metrics
    mean, square, log_score, log_rest = np.array(table.scores)
    total = rows.sum()
    metrics["log_loss"] = -(positives * log_score + negatives * log_rest).sum(axis=-1) / total
    metrics["brier"] = (rows * square - 2 * mean * positives + positives).sum(axis=-1) / total
    tenth = np.minimum((mean * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)
    tenths = np.eye(CALIBRATION_BINS)[tenth]
    metrics["ece"] = np.abs((rows * mean - positives) @ tenths).sum(axis=-1) / total
    return metrics


def _multiclass(performance: Performance, positives: Floats, rows: Floats) -> Metrics:
    """Return the metrics of classes, each against the rest, and their means."""
    metrics: Metrics = {}
    by_class: list[Metrics] = []
    start = 0
    for table in performance.tables:
        part = slice(start, start + table.groups)
        start = part.stop
        by_class.append(_binary(table, positives[..., part], rows[part], None))
    total = rows[: performance.tables[0].groups].sum()
    metrics["accuracy"] = sum((one["tp"] for one in by_class), np.zeros(())) / total
    for name in ("f1", "precision", "recall", "roc_auc"):
        if all(name in one for one in by_class):
            metrics[name] = np.mean([one[name] for one in by_class], axis=0)
    if all("brier" in one for one in by_class):
        metrics["brier"] = np.sum([one["brier"] for one in by_class], axis=0)
    for text, one in zip(performance.classes, by_class, strict=True):
        metrics |= {f"{name} of {text}": one[name] for name in ("precision", "recall", "f1", "specificity")}
        if "roc_auc" in one:
            metrics[f"roc_auc of {text}"] = one["roc_auc"]
    return metrics


def _regression(sums: Floats, rows: float, *, relative: bool) -> Metrics:
    """Return the metrics of the sums of moments over all groups, (…, groups, MOMENTS)."""
    of = dict(zip(MOMENTS, np.moveaxis(sums.sum(axis=-2), -1, 0), strict=True))
    metrics = {
        "mae": of["absolute"] / rows,
        "rmse": np.sqrt(of["squared"] / rows),
        "bias": of["error"] / rows,
        "r2": 1 - of["squared"] / (of["label_squared"] - of["label"] ** 2 / rows),
    }
    if relative:
        metrics["mape"] = of["relative"] / rows
    return metrics
