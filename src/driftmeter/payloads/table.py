"""Tables: the rows of a payload, column by column, named or in the order of the model's columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from driftmeter.data.columns import Column
from driftmeter.data.rejected import describe
from driftmeter.errors import InputError

MOST_COLUMNS = 10_000
"""A wider table is refused before it is read: no model has so many features, and a pixel is none."""
_SPARSE, _MOST_SPARSE = 100_000, 10
"""Values of a table of objects, and how many times those given it may hold beyond: each object may have keys of its
own, and then a few bytes stand for thousands of missing values."""


@dataclass(frozen=True)
class PayloadTable:
    """Columns of `rows` values each. `names` is None where the payload names none: they are in the model's order."""

    columns: tuple[Column, ...]
    names: tuple[str, ...] | None
    rows: int

    def named(self, order: Sequence[str] | None, field: str = "body") -> dict[str, Column]:
        """Return the columns by name; those without names get those of `order`, which is None where none is known.

        Raises InputError, at `field`, where there are not as many columns as names.

        >>> PayloadTable(([1, 2], [3, 4]), None, 2).named(["a", "b"])
        {'a': [1, 2], 'b': [3, 4]}
        """
        if self.names is not None:
            return dict(zip(self.names, self.columns, strict=True))
        if order is None:
            raise InputError(field, "columns with names, or the order of the columns", "values without names")
        if len(order) != len(self.columns):
            expected = f"{len(order)} values a row ({', '.join(order[:5])}{', …' if len(order) > 5 else ''})"
            raise InputError(field, expected, str(len(self.columns)))
        return dict(zip(order, self.columns, strict=True))


OfClass = int | str
"""Which of several values of an answer is the prediction: its position, or its name, such as `probabilities[1]`."""


def column_of_class(table: PayloadTable, name: str | None, of_class: OfClass | None) -> Column | None:
    """Return the column of an answer's predictions: the only one, else the one `of_class`, else that called `name`.

    None where that is not there, and where several have neither name nor class that says which.

    >>> column_of_class(PayloadTable(([0.7, 0.4], [0.3, 0.6]), None, 2), "score", 1)
    [0.3, 0.6]
    """
    if len(table.columns) == 1:
        return table.columns[0]
    if type(of_class) is int:
        return table.columns[of_class] if 0 <= of_class < len(table.columns) else None
    wanted = name if of_class is None else of_class
    return table.columns[table.names.index(wanted)] if table.names is not None and wanted in table.names else None


def check_names(names: Sequence[str], field: str) -> None:
    """Raise InputError, at `field`, where two columns have one name."""
    if len(set(names)) < len(names):
        twice = next(name for name, times in Counter(names).items() if times > 1)
        raise InputError(field, "columns of different names", f"{twice[:60]!r} twice")


def check_width(width: int, field: str) -> None:
    """Raise InputError, at `field`, where a table is wider than MOST_COLUMNS."""
    if width > MOST_COLUMNS:
        raise InputError(field, f"at most {MOST_COLUMNS} columns", str(width))


def table_of_records(records: Sequence[Mapping[str, Any]], field: str = "body") -> PayloadTable:
    """Return rows that are objects as a table; a key that a row lacks is missing there.

    Raises InputError, at `field`, where the table would be too wide, or hold too many values with those missing.

    >>> table_of_records([{"a": 1}, {"b": "x"}]).named(None)
    {'a': [1, None], 'b': [None, 'x']}
    """
    names = dict.fromkeys(name for record in records for name in record)
    check_width(len(names), field)
    given, most = sum(map(len, records)), len(records) * len(names)
    if most > _SPARSE + _MOST_SPARSE * given:
        got = f"{given} values in {len(records)} rows of {len(names)} columns"
        raise InputError(field, "objects that have their keys in common", got)
    columns: tuple[Column, ...] = tuple([record.get(name) for record in records] for name in names)
    return PayloadTable(columns, tuple(names), len(records))


def table_of_rows(rows: Sequence[Any], names: Sequence[str] | None, field: str) -> PayloadTable:
    """Return rows that are arrays of one length, or single values, as a table.

    Raises InputError naming the first row of another length, or that is neither, and where the table is too wide.
    """
    rows = [row if isinstance(row, list) else [row] for row in rows]
    width = len(rows[0]) if rows else len(names or ())
    check_width(width, field)
    if names is not None and width != len(names):
        raise InputError(f"{field}[0]", f"{len(names)} values, one a column", str(width))
    for position, row in enumerate(rows):
        if len(row) != width:
            raise InputError(f"{field}[{position}]", f"{width} values, as in the rows before", str(len(row)))
    columns: tuple[Column, ...] = tuple(map(list, zip(*rows, strict=True))) if rows else ([],) * width
    return PayloadTable(columns, None if names is None else tuple(names), len(rows))


def table_of_objects(rows: object, field: str, names: Sequence[str] | None = None) -> PayloadTable:
    """Return JSON rows as a table: objects, arrays of one length, or single values; all of one kind.

    Raises InputError naming what is of another kind, or the table too wide.
    """
    if not isinstance(rows, list):
        raise InputError(field, "an array of rows", describe(rows))
    kinds = {dict if isinstance(row, dict) else list if isinstance(row, list) else object for row in rows}
    if len(kinds) > 1:
        raise InputError(field, "rows of one kind: objects, arrays or single values", "several kinds")
    return table_of_records(rows, field) if kinds == {dict} else table_of_rows(rows, names, field)
