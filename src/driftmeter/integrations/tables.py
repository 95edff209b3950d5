"""From tables to what a monitor takes: rows as dicts, and one prediction for each. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from driftmeter.data.columns import Column, Dictionary
from driftmeter.errors import InputError
from driftmeter.payloads.table import OfClass, PayloadTable, column_of_class
from driftmeter.profile.profile import Profile

_NAMED = 5


def order_of(columns: Sequence[str] | None, profile: Profile | None) -> Sequence[str] | None:
    """Return the columns of values without names: those given, or else the profile's; None where neither is known."""
    if columns is not None or profile is None:
        return columns
    return profile.model_columns


def records_of(table: PayloadTable, order: Sequence[str] | None, profile: Profile | None) -> list[dict[str, Any]]:
    """Return the rows as dicts, without the profile's prediction, which is the answer's to tell.

    Raises InputError where values have no names and do not fit the order, and where none of the columns is the
    profile's; at the field `columns` where there is no order.
    """
    if table.names is None and order is None:
        expected = "columns with names; or Monitor(columns=…) or Monitor(profile=…), which name the values of a row"
        raise InputError("columns", expected, "values without names, before the server's profile is known")
    columns = table.named(order)
    if profile is not None:
        columns.pop(profile.prediction_column or "", None)
        known = profile.model_columns
        if table.rows and not any(name in columns for name in known):
            raise InputError("body", f"some of the columns {_listed(known)}", _listed(table.names or ()) or "none")
    return _rows(columns)


def predictions_in(
    table: PayloadTable, rows: int, profile: Profile | None, of_class: OfClass | None = None
) -> list[Any]:
    """Return the prediction of each row: the only column, or that `of_class`, or that of the profile's predictions.

    While the profile is not known, several columns are dicts, of which the monitor takes the one that it needs. Raises
    InputError where there is no such column, or not one prediction for each of the `rows`.
    """
    if table.rows != rows:
        raise InputError("answer", f"{rows:,} predictions, one for each row", f"{table.rows:,}")
    if len(table.columns) == 1:
        return _values(table.columns[0])
    name = None if profile is None else profile.prediction_column
    if of_class is None and profile is None and table.names is not None:
        return _rows(table.named(None))
    column = column_of_class(table, name, of_class)
    if column is None:
        names = " without names" if table.names is None else f": {_listed(table.names)}"
        expected = f"one value a row, or one that is called {name!r}; of several classes say which (of_class)"
        asked = "" if of_class is None else f", of_class {of_class!r}"
        raise InputError("answer", expected, f"{len(table.columns)} values{names}{asked}")
    return _values(column)


def _values(column: Column) -> list[Any]:
    """Return the values of a column as they are in a row."""
    if isinstance(column, Dictionary):
        return [None if index < 0 else column.values[index] for index in column.indices.tolist()]
    return column.tolist() if isinstance(column, np.ndarray) else column


def _rows(columns: Mapping[str, Column]) -> list[dict[str, Any]]:
    names = tuple(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*map(_values, columns.values()), strict=True)]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name)[:40] for name in names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
