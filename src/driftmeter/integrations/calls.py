"""Calls of a model in this process: the rows that it was given, and what it answered, go to a monitor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from driftmeter.client import Monitor
from driftmeter.client.faults import LOGGER
from driftmeter.errors import InputError
from driftmeter.integrations.tables import order_of, predictions_in, records_of
from driftmeter.payloads.body import answer_of, request_of
from driftmeter.payloads.table import OfClass, PayloadTable
from driftmeter.payloads.v2_protobuf import rows_of_protobuf

AT_ONCE = 1_000
"""Rows of a sparse matrix that become dense at once."""


def count_call(monitor: Monitor, rows: Any, predictions: Any, order: Sequence[str] | None) -> None:
    """Count rows in any form that models take, with one prediction for each.

    `order` names the values of rows without names where the monitor does not; where neither does, the profile does.
    Raises what a form raises that is none.
    """
    order = monitor.columns or order or order_of(None, monitor.profile)
    done = 0
    for part in _parts(rows):
        count = part.shape[0] if hasattr(part, "shape") else len(part)
        whole = predictions is None or (done == 0 and part is rows)
        monitor.observe_many(_named(part, order), predictions if whole else predictions[done : done + count])
        done += count


def count_payloads(monitor: Monitor, request: Any, answer: Any = None, of_class: OfClass | None = None) -> None:
    """Count the rows of a request, with the predictions of its answer, both as decoded JSON; never raise.

    They are told by their form: V1, V2, MLflow's, Seldon's, or plain rows. Of answers with a value for each class
    `of_class` says which is the prediction. An answer that cannot be read is named in the log, and its rows count
    without predictions.
    """
    read_answer = None if answer is None else lambda: answer_of(answer, field="answer")
    _count_tables(monitor, lambda: request_of(request), read_answer, of_class)


def count_protobuf(
    monitor: Monitor, request: bytes, answer: bytes | None = None, of_class: OfClass | None = None
) -> None:
    """Count the rows of a `ModelInferRequest` of V2's gRPC service likewise, with those of its `ModelInferResponse`.

    Both are the bytes of the message; contents may be raw or typed. Never raises.
    """
    read_answer = None if answer is None else lambda: rows_of_protobuf(answer, "answer", answer=True)
    _count_tables(monitor, lambda: rows_of_protobuf(request, "body", answer=False), read_answer, of_class)


def _count_tables(
    monitor: Monitor,
    read_request: Callable[[], PayloadTable],
    read_answer: Callable[[], PayloadTable] | None,
    of_class: OfClass | None,
) -> None:
    try:
        profile = monitor.profile
        table = read_request()
        records = records_of(table, order_of(monitor.columns, profile), profile)
        predictions = None
        if read_answer is not None and (profile is None or profile.prediction_column is not None):
            try:
                predictions = predictions_in(read_answer(), table.rows, profile, of_class)
            except InputError as error:
                monitor.remark(f"predictions are not counted: {error}")
        monitor.observe_many(records, predictions)
    except Exception as error:
        reject_call(monitor, [None], error)


def reject_call(monitor: Monitor, rows: Any, error: Exception) -> None:
    """Count rows that were predicted on and that cannot be counted otherwise; never raise."""
    try:
        number = rows.shape[0] if hasattr(rows, "shape") else len(rows)
        if isinstance(error, InputError):
            monitor.reject(f"{error.field}: {error.expected}", error.got, number)
        else:
            monitor.reject("rows of a call", f"some that fail with {type(error).__name__[:40]}", number)
    except Exception:
        LOGGER.debug("rows of a call are not counted", exc_info=True)


def _parts(rows: Any) -> Iterator[Any]:
    """Yield the rows of a sparse matrix as dense ones, some at once; all others as they are."""
    if not hasattr(rows, "toarray"):
        yield rows
        return
    rows = rows.tocsr()
    for start in range(0, rows.shape[0], AT_ONCE):
        yield rows[start : start + AT_ONCE].toarray()


def _named(rows: Any, order: Sequence[str] | None) -> Any:
    """Return rows with names where they have none and there are as many as values; a monitor reads all others."""
    if order is None or hasattr(rows, "columns") or not isinstance(rows, np.ndarray | list | tuple):
        return rows
    if isinstance(rows, np.ndarray) and (rows.ndim != 2 or rows.dtype.names):
        return rows
    values = rows.tolist() if isinstance(rows, np.ndarray) else rows
    if any(isinstance(row, str | dict) or not hasattr(row, "__len__") or len(row) != len(order) for row in values):
        return rows
    return [dict(zip(order, row, strict=True)) for row in values]
