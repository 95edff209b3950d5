"""What the label of a reference is: the task, its classes, and the threshold, as the user says or as it looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np

from driftmeter.data.columns import Source
from driftmeter.errors import ProfileError
from driftmeter.performance.labels import texts_of_labels, values_of
from driftmeter.profile.performance import TASKS, Performance, Task
from driftmeter.profile.values import CategoryType
from driftmeter.types import Floats

LEAST_ROWS = 500
"""With fewer labels there is no estimate."""
MOST_CLASSES = 20


@dataclass(frozen=True)
class Wanted:
    """What the user says of the labels; None is detected. `probabilities` maps classes to columns."""

    label: str | None
    task: str | None = None
    positive: str | None = None
    threshold: float | None = None
    probabilities: Mapping[str, str] | None = None

    @property
    def explicit(self) -> bool:
        """Whether something was asked for that only an estimate of performance needs."""
        return any(one is not None for one in (self.task, self.positive, self.threshold)) or bool(self.probabilities)


@dataclass(frozen=True)
class Plan:
    """What is to be fitted: a performance without tables, the labels (rows,), and the columns of probabilities."""

    performance: Performance
    labels: Floats
    probabilities: Mapping[str, str]


def plan(wanted: Wanted, label: Source | None, prediction: Source | None, prediction_kind: str | None) -> Plan | None:
    """Return what is to be fitted, None where the reference does not say enough and nothing was asked for.

    Raises ProfileError where something was asked for that cannot be.
    """
    try:
        return _plan(wanted, label, prediction, prediction_kind)
    except ProfileError:
        if wanted.explicit:
            raise
        return None


def _plan(wanted: Wanted, label: Source | None, prediction: Source | None, kind: str | None) -> Plan:
    if label is None or prediction is None or wanted.label is None:
        raise ProfileError("performance: expected the columns of the label and of the prediction, got not both")
    dtype = _type_of(label)
    _, texts = texts_of_labels(label.column, dtype)
    used = [text for text in dict.fromkeys(texts) if text is not None]
    task = wanted.task or _task_of(used, dtype, kind)
    if task not in TASKS:
        raise ProfileError(f"task: expected one of {', '.join(TASKS)}, got {task!r}")
    known: Task = task  # type: ignore[assignment]
    if known != "binary" and (wanted.positive is not None or wanted.threshold is not None):
        raise ProfileError(f"threshold, positive: expected them for the task binary alone, got {known}")
    if known != "multiclass" and wanted.probabilities:
        raise ProfileError(f"probabilities: expected them for the task multiclass alone, got {known}")
    classes: tuple[str, ...] = ()
    if known == "regression":
        if kind != "numeric" or not label.series.dtype.is_numeric():
            raise ProfileError(f"label {wanted.label!r}: expected numbers, predicted by numbers, for a regression")
    elif known == "binary":
        classes = _two_classes(wanted, used, dtype)
    else:
        classes = tuple(sorted(used))
        if not 2 <= len(classes) <= MOST_CLASSES:
            raise ProfileError(f"label {wanted.label!r}: expected 2 to {MOST_CLASSES} classes, got {len(classes)}")
    threshold = _threshold(wanted, prediction) if known == "binary" and kind == "numeric" else None
    if wanted.threshold is not None and threshold is None:
        raise ProfileError(f"threshold {wanted.threshold:g}: expected a prediction of numbers")
    probabilities = dict(wanted.probabilities or {})
    if probabilities and set(probabilities) != set(classes):
        raise ProfileError(f"probabilities: expected a column for each class of {list(classes)}")
    made = Performance(known, wanted.label, dtype, classes, threshold, (), {})
    labels = values_of(made, label.column)
    labelled = int(np.count_nonzero(~np.isnan(labels)))
    if labelled < LEAST_ROWS:
        raise ProfileError(f"label {wanted.label!r}: expected at least {LEAST_ROWS} rows with a label, got {labelled}")
    return Plan(made, labels, probabilities)


def _type_of(label: Source) -> CategoryType:
    dtype = label.series.dtype
    if dtype.is_numeric():
        numbers = np.asarray(label.series.drop_nulls().to_numpy(), dtype=np.float64)
        numbers = numbers[np.isfinite(numbers)]
        return "integer" if dtype.is_integer() or (numbers == np.floor(numbers)).all() else "float"
    return "boolean" if dtype == nw.Boolean else "string"


def _task_of(classes: Sequence[str], dtype: CategoryType, kind: str | None) -> str:
    """Return the task; raises ProfileError where it could be another one."""
    if len(classes) == 2:
        return "binary"
    if dtype == "float" or (dtype == "integer" and kind == "numeric" and len(classes) > MOST_CLASSES):
        return "regression"
    if kind != "numeric" and 2 < len(classes) <= MOST_CLASSES:
        return "multiclass"
    raise ProfileError(f"task: expected one of {', '.join(TASKS)}, since {len(classes)} labels may be any, got none")


def _two_classes(wanted: Wanted, classes: Sequence[str], dtype: CategoryType) -> tuple[str, str]:
    if len(classes) != 2:
        raise ProfileError(f"label {wanted.label!r}: expected 2 classes for the task binary, got {len(classes)}")
    if wanted.positive is not None:
        if wanted.positive not in classes:
            raise ProfileError(f"positive: expected one of {', '.join(classes)}, got {wanted.positive!r}")
        return next(text for text in classes if text != wanted.positive), wanted.positive
    if dtype == "string":
        raise ProfileError(f"positive: expected which of {', '.join(sorted(classes))} is the positive class, got none")
    low, high = sorted(classes, key=(lambda text: text == "true") if dtype == "boolean" else float)
    return low, high


def _threshold(wanted: Wanted, prediction: Source) -> float:
    numbers = np.asarray(prediction.column, dtype=np.float64) if isinstance(prediction.column, np.ndarray) else None
    if wanted.threshold is not None:
        return float(wanted.threshold)
    if numbers is None or np.nanmin(numbers) < 0 or np.nanmax(numbers) > 1:
        raise ProfileError("threshold: expected the score from which on a prediction is positive, got none")
    return 0.5
