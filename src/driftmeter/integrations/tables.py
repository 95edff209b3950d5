"""From kept bodies to what a monitor takes: rows as dicts, and one prediction for each. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from driftmeter.data.columns import Column, Dictionary
from driftmeter.errors import InputError
from driftmeter.integrations.exchange import KeptBody
from driftmeter.integrations.json_path import JsonPath
from driftmeter.integrations.routes import WatchedRoute
from driftmeter.payloads.json_bodies import table_of_answer, table_of_request
from driftmeter.payloads.json_text import read_json
from driftmeter.payloads.table import PayloadTable, table_of_objects
from driftmeter.profile.profile import Profile

_SCALAR = re.compile(rb'\s*[-0-9"tfnNI]')
"""How JSON begins that is neither an object nor an array."""
_NAMED = 5


def request_of(route: WatchedRoute, body: KeptBody) -> PayloadTable:
    """Return the rows of a request. Raises InputError naming the part that cannot be read."""
    path = route.paths[0]
    if path is None:
        return table_of_request(read_json(body.content()))
    found = path.find(read_json(body.content()))
    if not isinstance(found, list) or not (path.is_many or any(isinstance(row, dict | list) for row in found)):
        found = [found]  # a row
    return table_of_objects(found, path.text)


def answer_of(route: WatchedRoute, body: KeptBody) -> PayloadTable:
    """Return the rows of an answer. Raises InputError naming the part that cannot be read."""
    path, content = route.paths[1], body.content()
    if path is None and not _SCALAR.match(content):
        return table_of_answer(read_json(content, "answer"), "answer")
    found = (path or JsonPath.parse("$")).find(read_json(content, "answer"), "answer")
    return table_of_objects(found if isinstance(found, list) else [found], f"answer {path.text if path else ''}")


def order_of(columns: Sequence[str] | None, profile: Profile | None) -> Sequence[str] | None:
    """Return the columns of values without names: those given, or else the profile's; None where neither is known."""
    if columns is not None or profile is None:
        return columns
    return tuple(dict.fromkeys(feature.column for feature in profile.features if feature.role == "feature"))


def prediction_of(profile: Profile) -> str | None:
    """Return the column of predictions, or None where the profile has none."""
    return next((feature.column for feature in profile.features if feature.role == "prediction"), None)


def records_of(table: PayloadTable, order: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return the rows as dicts.

    Raises InputError where values have no names and do not fit the order; at the field `columns` where there is none.
    """
    if table.names is None and order is None:
        expected = "columns with names; or Monitor(columns=…) or Monitor(profile=…), which name the values of a row"
        raise InputError("columns", expected, "values without names, before the server's profile is known")
    columns = table.named(order)
    names = tuple(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*map(_values, columns.values()), strict=True)]


def predictions_in(table: PayloadTable, rows: int, profile: Profile | None) -> list[Any]:
    """Return the prediction of each row: the only column, or that of the profile's predictions.

    While the profile is not known, several columns are dicts, of which the monitor takes the one that it needs. Raises
    InputError where there is no such column, or not one prediction for each of the `rows`.
    """
    if table.rows != rows:
        raise InputError("answer", f"{rows:,} predictions, one for each row", f"{table.rows:,}")
    if len(table.columns) == 1:
        return _values(table.columns[0])
    if profile is None and table.names is not None:
        return records_of(table, None)
    name = None if profile is None else prediction_of(profile)
    if table.names is None or name not in table.names:
        names = "" if table.names is None else ": " + ", ".join(repr(name)[:40] for name in table.names[:_NAMED])
        got = f"{len(table.columns)} values{'' if table.names else ' without names'}{names}"
        raise InputError("answer", f"one value a row, or one that is called {name!r}", got)
    return _values(table.columns[table.names.index(name)])


def _values(column: Column) -> list[Any]:
    """Return the values of a column as they are in a row."""
    if isinstance(column, Dictionary):
        return [None if index < 0 else column.values[index] for index in column.indices.tolist()]
    return column.tolist() if isinstance(column, np.ndarray) else column
