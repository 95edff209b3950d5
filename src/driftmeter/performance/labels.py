"""Labels: the column of a label as numbers of classes, or as numbers."""

from __future__ import annotations

import numpy as np

from driftmeter.counts.bad_cells import numbers_of
from driftmeter.data.columns import Column, Dictionary
from driftmeter.profile.performance import Performance
from driftmeter.profile.values import CategoryType, canonical
from driftmeter.types import Codes, Floats


def texts_of_labels(column: Column, dtype: CategoryType) -> tuple[Codes, tuple[str | None, ...]]:
    """Return a code for each row, (rows,), −1 where the label is missing, and the text of each code.

    A value that cannot be read has the text None.

    >>> codes, texts = texts_of_labels(Dictionary.encode([1, None, 1.0, "x"]), "integer")
    >>> codes.tolist(), texts
    ([0, -1, 1, 2], ('1', '1', 'x'))
    """
    if isinstance(column, np.ndarray):
        present = column == column
        distinct, inverse = np.unique(column[present], return_inverse=True)
        indices = np.full(len(column), -1, dtype=np.intp)
        indices[present] = inverse.reshape(-1)
        column = Dictionary(indices, tuple(distinct.tolist()))
    elif isinstance(column, list):
        column = Dictionary.encode(column)
    return column.indices, tuple(_text(value, dtype) for value in column.values)


def _text(value: object, dtype: CategoryType) -> str | None:
    try:
        return canonical(value, dtype)
    except (TypeError, ValueError, OverflowError):
        return None


def classes_of(performance: Performance, column: Column) -> Codes:
    """Return the class of each row, (rows,): its position in `performance.classes`, −1 where it is none of them."""
    codes, texts = texts_of_labels(column, performance.label_type)
    position = {text: number for number, text in enumerate(performance.classes)}
    of_code = np.array([*(position.get(text or "", -1) for text in texts), -1], dtype=np.intp)
    return of_code[codes]


def values_of(performance: Performance, column: Column) -> Floats:
    """Return the label of each row as a number, (rows,): in regression its value, else its class; NaN where none is."""
    if performance.task == "regression":
        values, _ = numbers_of(performance.label, column)
        return np.where(np.isfinite(values), values, np.nan)
    classes = classes_of(performance, column)
    return np.where(classes < 0, np.nan, classes.astype(np.float64))
