"""Realised performance: the same metrics where there are labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from driftmeter.performance.metrics import metrics_of
from driftmeter.profile.performance import Performance
from driftmeter.types import Codes, Floats


def label_sums(performance: Performance, bins: Codes, predictions: Floats, labels: Floats) -> tuple[Floats, Floats]:
    """Return the rows and the sums by group of all tables, of rows that have a label and a prediction.

    They add up over batches of rows, and are those that `metrics_of` takes. `bins` (rows, features) are the bins of the
    rows within each feature, `predictions` (rows,) in regression the predictions as numbers, `labels` (rows,) what
    `values_of` returns. All are whole numbers, but the sums of regression.
    """
    rows, sums = [], []
    for number, table in enumerate(performance.tables):
        groups = table.groups_of(bins)
        known = np.flatnonzero((groups >= 0) & ~np.isnan(labels))
        group, label = groups[known], labels[known]
        rows.append(np.bincount(group, minlength=table.groups).astype(np.float64))
        if performance.task == "regression":
            moments = row_moments(predictions[known], label)
            sums.append(np.stack([np.bincount(group, one, table.groups) for one in moments.T], axis=1))
        else:
            own = label == (number if performance.task == "multiclass" else 1)
            sums.append(np.bincount(group[own], minlength=table.groups).astype(np.float64))
    return np.concatenate(rows), np.concatenate(sums)


def row_moments(predictions: Floats, labels: Floats) -> Floats:
    """Return the MOMENTS of each row, (rows, MOMENTS); the relative error of a label of 0 is infinite."""
    error = predictions - labels
    absolute = np.abs(error)
    relative = np.divide(absolute, np.abs(labels), out=np.full(len(labels), np.inf), where=labels != 0)
    return np.stack([error, absolute, error**2, labels, labels**2, relative], axis=1)


def realised(
    performance: Performance, rows: Floats, sums: Floats, cost: Mapping[str, float] | None = None
) -> dict[str, float | None]:
    """Return every metric of what `label_sums` summed up; None where it is not defined.

    Metrics of classes are exact. Those of scores take the rows of one group as ties: on the sets of
    bench/performance.py, ROC AUC is .0003 to .0015 lower than from raw rows.
    """
    if not rows.any():
        return {}
    metrics = metrics_of(performance, sums, rows, cost)
    return {name: float(value) if np.isfinite(value) else None for name, value in metrics.items()}
