"""Columns: which column of the model each part of an event fills, and how its cells are read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from driftmeter.client.records import prediction_value
from driftmeter.data.columns import Column, Dictionary
from driftmeter.errors import InputError
from driftmeter.logs.events import CsvRows, Rows
from driftmeter.payloads.table import PayloadTable
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.profile import Profile

PREDICTION, LABEL, TIME = "prediction", "label", "timestamp"
"""The columns of predictions, labels and times, where no profile and no option names them."""


@dataclass(frozen=True)
class LogColumns:
    """The names that the parts of events get.

    `order` names the features of rows without names, None where it is not known. `wanted` are the columns that are
    read, None for all; `texts` are those of CSV that stay text. `na` are words that mean a missing value in CSV.
    """

    order: tuple[str, ...] | None = None
    prediction: str = PREDICTION
    label: str = LABEL
    time: str = TIME
    wanted: frozenset[str] | None = None
    texts: frozenset[str] = frozenset()
    na: tuple[str, ...] = ()
    zone: str = "UTC"
    """The zone of times that name none."""

    @classmethod
    def of(
        cls,
        profile: Profile,
        order: Sequence[str] | None = None,
        *,
        time: bool = False,
        zone: str | None = None,
        also: Collection[str] = (),
        as_text: Collection[str] = (),
        label: str | None = None,
    ) -> LogColumns:
        """Return the columns of a profile: its features in their order, and its prediction; with `time`, the time too.

        The order is that of the profile unless another one is given: without the column `label`, which the model is
        not sent. `also` are further columns to read, and `as_text` are further columns of text.
        """
        label = label or LABEL
        names = [name for name in profile.model_columns if name != label]
        prediction = PREDICTION if profile.prediction_column is None else profile.prediction_column
        columns = frozenset(one.column for one in profile.features)
        texts = frozenset(
            one.column
            for one in profile.features
            if isinstance(one.grid, CategoryGrid) and (one.grid.dtype == "string" or one.part is not None)
        )
        free = next(name for name in (TIME, "event_time", "log_time", "log_time_") if name not in columns)
        wanted = columns | {*also, *as_text} | ({free} if time else set())
        return cls(
            tuple(order or names),
            prediction,
            label,
            time=free,
            wanted=wanted,
            texts=texts | {*as_text},
            na=profile.na,
            zone=zone or profile.zone or "UTC",
        )

    @classmethod
    def of_user(
        cls,
        order: Sequence[str] | None,
        prediction: str | None,
        label: str | None,
        *,
        texts: Collection[str] = (),
        na: Sequence[str] = (),
        zone: str | None = None,
    ) -> LogColumns:
        """Return the columns where there is no profile yet: what the user named, or the usual names."""
        names = None if order is None else tuple(order)
        return cls(
            names, prediction or PREDICTION, label or LABEL, texts=frozenset(texts), na=tuple(na), zone=zone or "UTC"
        )

    def wants(self, name: str) -> bool:
        """Say whether a column is read."""
        return self.wanted is None or name in self.wanted

    def check_width(self, rows: CsvRows, field: str) -> tuple[str, ...]:
        """Return the names of CSV rows; raises InputError where they are not known, or the rows have another width."""
        if self.order is None:
            raise no_names(field)
        if rows.widths != {len(self.order)}:
            wrong = next(width for width in rows.widths if width != len(self.order))
            raise InputError(field, _width(self.order), str(wrong))
        return self.order

    def features(self, table: PayloadTable, field: str) -> dict[str, Column]:
        """Return the features of a table by name; raises InputError as `check_width` does."""
        if table.names is None:
            if self.order is None:
                raise no_names(field)
            if len(table.columns) != len(self.order):
                raise InputError(field, _width(self.order), str(len(table.columns)))
        return table.named(self.order)

    def one_a_row(self, part: Rows, rows: int, name: str, field: str) -> list[Any]:
        """Return the values of predictions or labels, one for each of `rows` rows.

        A table of one column is the values; one of more must have the column `name`. A line of CSV with as many values
        as there are rows is one for each, as the containers of SageMaker answer. Raises InputError otherwise.
        """
        if isinstance(part, CsvRows):
            cells = part.cells()
            if part.widths <= {1}:
                values = [row[0] for row in cells]
            elif len(cells) == 1 and len(cells[0]) == rows:
                values = cells[0]
            else:
                raise InputError(field, f"one value a row, the {field}", f"{max(part.widths)} values")
        else:
            column = _single(part, name, field)
            values = [prediction_value(value, name) if type(value) in (list, dict) else value for value in column]
        if len(values) != rows:
            raise InputError(field, f"{field}s of as many rows as the request has", f"{len(values)} of {rows}")
        return values


def plain_values(column: Column) -> list[Any]:
    """Return a column as plain values; None is missing.

    >>> plain_values(Dictionary.encode(["a", None, "a"]))
    ['a', None, 'a']
    """
    if isinstance(column, list):
        return column
    if isinstance(column, Dictionary):
        values = [*column.values, None]
        return [values[index] for index in column.indices]
    values_: list[Any] = column.tolist()
    return values_


def no_names(field: str) -> InputError:
    """Return the error for values without names where their order is not known."""
    return InputError(field, "values with names, or the names in order (--columns)", "values without names")


def _single(table: PayloadTable, name: str, field: str) -> list[Any]:
    if len(table.columns) == 1:
        return plain_values(table.columns[0])
    if table.names is not None and name in table.names:
        return plain_values(table.columns[table.names.index(name)])
    got = ", ".join(table.names[:5]) if table.names else f"{len(table.columns)} values without names"
    raise InputError(field, f"one value a row, or a column {name!r}", got or "none")


def _width(order: tuple[str, ...]) -> str:
    return f"{len(order)} values a row ({', '.join(order[:5])}{', …' if len(order) > 5 else ''})"
