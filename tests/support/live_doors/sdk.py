"""The SDK: rows one by one, and in every form of many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.support.live_doors.bodies import columns_of
from tests.support.live_doors.door import Counting, Door
from tests.support.served_rows import FEATURES, PREDICTION, ServedRows, served_profile
from tests.support.written_logs.writing import values_of


def _one_by_one(server: Counting, rows: ServedRows, **options: Any) -> None:
    with server.monitor(**options) as monitor:
        for row, prediction in zip(rows.features, rows.predictions, strict=True):
            monitor.observe(row, prediction)


def _many(form: Callable[[ServedRows], tuple[Any, Any]], **options: Any) -> Door:
    def send(server: Counting, rows: ServedRows) -> None:
        records, predictions = form(rows)
        with server.monitor(profile=served_profile(), **options) as monitor:
            monitor.observe_many(records, predictions)

    return Door(send, ("anything else in Python",))


def _polars(rows: ServedRows) -> tuple[Any, Any]:
    frame = rows.frame()
    return frame.drop(PREDICTION), frame[PREDICTION]


def _pandas(rows: ServedRows) -> tuple[Any, Any]:
    import pandas

    frame = pandas.DataFrame(columns_of(rows.features))
    return frame, pandas.Series(rows.predictions)


def _arrow(rows: ServedRows) -> tuple[Any, Any]:
    return rows.frame().drop(PREDICTION).to_arrow(), np.array(rows.predictions)


SDK: dict[str, Door] = {
    "observe": Door(
        lambda server, rows: _one_by_one(server, rows, profile=served_profile()), ("anything else in Python",)
    ),
    "observe, profile of the server": Door(_one_by_one),
    "observe_many, dicts": _many(lambda rows: (rows.features, rows.predictions)),
    "observe_many, polars": _many(_polars),
    "observe_many, pandas": _many(_pandas),
    "observe_many, pyarrow": _many(_arrow),
    "observe_many, arrays": _many(
        lambda rows: (np.array(values_of(rows.features), object), np.array(rows.predictions)), columns=FEATURES
    ),
    "observe_many, lists": _many(lambda rows: (values_of(rows.features), rows.predictions), columns=FEATURES),
}
