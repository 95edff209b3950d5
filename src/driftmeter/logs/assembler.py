"""The assembler: events gathered until they are a table."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pyarrow as pa
from pyarrow import compute, csv

from driftmeter.errors import InputError
from driftmeter.logs.arrays import array_of
from driftmeter.logs.columns import LogColumns, plain_values
from driftmeter.logs.events import CsvRows, LogEvent

ROWS = 1 << 15
"""Rows of a table: the memory of a log of any length is that of so many."""
_BYTES = 1 << 25
"""Bytes of CSV of a table."""


class Assembler:
    """Gathers the rows of events; features that came as CSV and as JSON become tables of their own."""

    def __init__(self, columns: LogColumns) -> None:
        """Take the names of the columns; `names` grows as columns are met."""
        self._columns = columns
        self.names: list[str] = []
        """All columns met so far, also those that are not wanted."""
        self.untyped: set[str] = set()
        """Columns that came as CSV: their texts may be numbers."""
        self.filled: set[str] = set()
        """Columns of predictions and labels that some event had."""
        self.time: str | None = None
        """The column of the events' times; None where no event has one, or where it is not wanted."""
        self._seen: set[str] = set()
        self._texts: list[str] = []
        self._text_bytes = 0
        self._of_csv, self._of_json = _Gathered(), _Gathered()

    def add(self, event: LogEvent) -> int:
        """Add the rows of an event; return how many. Raises InputError, and adds nothing, where it does not fit."""
        features, roles = event.features, self._columns
        assert features is not None
        given: dict[str, list[Any]] = {}
        if isinstance(features, CsvRows):
            if features.rows:
                roles.check_width(features, "request")
        else:
            given = {name: plain_values(column) for name, column in roles.features(features, "request").items()}
        if not features.rows:
            return 0
        for part, name, field in (
            (event.predictions, roles.prediction, "answer"),
            (event.labels, roles.label, "label"),
        ):
            if part is not None:
                self._meet(name)
                self.filled.add(name)
                if roles.wants(name):
                    given[name] = roles.one_a_row(part, features.rows, name, field)
        times = event.times if event.time is None else [event.time] * features.rows
        if times is not None and roles.wants(roles.time):
            self.time = self.time or _free(roles.time, given.keys() | set(roles.order or ()), roles)
            self._meet(self.time)
            given[self.time] = times
        if isinstance(features, CsvRows):
            if not self._texts:
                for name in roles.order or ():
                    self._meet(name)
            self._texts.append(features.text)
            self._text_bytes += len(features.text)
            self._of_csv.add(given, features.rows)
        else:
            for name in given:
                self._meet(name)
            self._of_json.add({name: given[name] for name in given if roles.wants(name)}, features.rows)
        return features.rows

    def full(self) -> Iterator[pa.Table]:
        """Yield the tables that have enough rows, and forget them."""
        if self._of_csv.rows >= ROWS or self._text_bytes >= _BYTES:
            yield self._csv_table()
        if self._of_json.rows >= ROWS:
            yield self._json_table()

    def rest(self) -> Iterator[pa.Table]:
        """Yield the tables of all rows that were not yielded."""
        if self._of_csv.rows:
            yield self._csv_table()
        if self._of_json.rows:
            yield self._json_table()

    def _meet(self, name: str) -> None:
        if name not in self._seen:
            self._seen.add(name)
            self.names.append(name)

    def _json_table(self) -> pa.Table:
        gathered, self._of_json = self._of_json, _Gathered()
        texts = self._columns.texts
        return pa.table(
            {name: array_of(values, categories=name in texts) for name, values in gathered.columns().items()}
        )

    def _csv_table(self) -> pa.Table:
        gathered, self._of_csv = self._of_csv, _Gathered()
        text, self._texts, self._text_bytes = "\n".join(self._texts), [], 0
        roles = self._columns
        order = roles.order or ()
        others = gathered.columns()
        kept = [name for name in order if roles.wants(name) and name not in others]
        table = _of_csv(text, order, kept, roles) if kept else None
        if table is not None and len(table) != gathered.rows:
            raise InputError("request", f"{gathered.rows} rows of CSV", str(len(table)))
        columns = {} if table is None else dict(zip(table.column_names, table.columns, strict=True))
        self.untyped.update(columns)
        for name, values in others.items():
            if roles.wants(name):
                columns[name] = (
                    _typed(values) if roles.wanted is not None and name not in roles.texts else array_of(values)
                )
                if name != self.time:
                    self.untyped.add(name)
        return pa.table(columns)


def _free(name: str, features: Collection[str], roles: LogColumns) -> str:
    """Return the name of the column of times; underscores follow where a feature is called so."""
    while roles.wanted is None and name in features:
        name += "_"
    return name


class _Gathered:
    """Columns of plain values that grow; what a column lacks of the rows is missing."""

    def __init__(self) -> None:
        self.rows = 0
        self._columns: dict[str, list[Any]] = {}

    def add(self, given: dict[str, list[Any]], rows: int) -> None:
        for name, values in given.items():
            column = self._columns.get(name)
            if column is None:
                column = self._columns[name] = []
            if len(column) < self.rows:
                column.extend([None] * (self.rows - len(column)))
            column.extend(values)
        self.rows += rows

    def columns(self) -> dict[str, list[Any]]:
        for column in self._columns.values():
            if len(column) < self.rows:
                column.extend([None] * (self.rows - len(column)))
        return self._columns


def _of_csv(text: str, order: tuple[str, ...], kept: list[str], roles: LogColumns) -> pa.Table:
    """Read rows of CSV as files are read: by Arrow's types with a profile, without one as text that is typed later."""
    texts = kept if roles.wanted is None else [name for name in kept if name in roles.texts]
    content = text.encode()
    return csv.read_csv(
        pa.BufferReader(content),
        read_options=csv.ReadOptions(column_names=list(order), block_size=len(content) + 2, use_threads=False),
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=len(order) > 1),
        convert_options=csv.ConvertOptions(
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=["", *roles.na],
            include_columns=kept,
            column_types=dict.fromkeys(texts, pa.string()),
        ),
    )


def _typed(values: list[Any]) -> pa.Array:
    """Return texts as numbers where all are; else, and where they are no texts, as they are."""
    array = array_of(values)
    if not pa.types.is_large_string(array.type):
        return array
    try:
        return compute.cast(array, pa.float64())
    except pa.ArrowInvalid:
        return array
