"""Rows of any input path, typed by the schema of the profile and ready for binning.

Rows of every input path (JSON, msgpack, Arrow, frames, the SDK) are read here, so that a value falls in the same bin
whichever way it came.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from driftmeter.counts.bad_cells import BadCells, check_column, read_numbers, reject_category
from driftmeter.counts.column_reader import LEFT, ColumnReader
from driftmeter.counts.compiled import compile_tables
from driftmeter.counts.odd_values import OddValues, is_short
from driftmeter.counts.record_reader import RecordColumns, RecordReader
from driftmeter.counts.unseen_cells import UnseenCells, UnseenFinder
from driftmeter.data.cells import picker, plain_numbers
from driftmeter.data.columns import Column, Dictionary
from driftmeter.data.rejected import Rejected
from driftmeter.data.time_formats import reader_of
from driftmeter.errors import InputError
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.names import with_text_names
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.profile.residuals import Regressor
from driftmeter.profile.values import is_unreadable, plain
from driftmeter.timestamps import moment_of, on_clock, zone_named
from driftmeter.types import Codes, Floats

if TYPE_CHECKING:
    from driftmeter.counts._compiled import Tables

_MOST_CACHED = 10_000
_MOST_CACHED_IN_ALL = 100_000
_MOST_SHAPES = 64


@dataclass(frozen=True)
class Rows:
    """Typed rows.

    `numbers` has the shape (rows, numeric features), derived features last: float64, with NaN for missing values and
    UNREADABLE for values that are no numbers. `codes` has the shape (rows, categorical features): bins within the
    feature's grid. `index` has the shape (rows,): the position of each row in the batch that was sent. `unseen` are
    the cells that hold categories unseen in the reference, None where there are none.
    """

    numbers: Floats
    codes: Codes
    index: Codes
    unseen: UnseenCells | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.index)

    def take(self, chosen: Codes) -> Rows:
        """Return the rows at the given positions, each given once."""
        unseen = None if self.unseen is None else self.unseen.take(chosen, len(self))
        return Rows(self.numbers[chosen], self.codes[chosen], self.index[chosen], unseen)

    def without(self, left_out: Collection[int]) -> Rows:
        """Return all rows but those at some positions."""
        return self.take(np.delete(np.arange(len(self)), list(left_out))) if left_out else self

    def between(self, first: int, last: int) -> Rows:
        """Return the rows from position `first` to before `last`, as views."""
        unseen = None if self.unseen is None else self.unseen.between(first, last)
        return Rows(self.numbers[first:last], self.codes[first:last], self.index[first:last], unseen)

    @classmethod
    def join(cls, parts: Sequence[Rows]) -> Rows:
        """Return several batches, at least one, as one."""
        return cls(
            np.concatenate([rows.numbers for rows in parts]),
            np.concatenate([rows.codes for rows in parts]),
            np.concatenate([rows.index for rows in parts]),
            UnseenCells.join([(rows.unseen, len(rows)) for rows in parts]),
        )

    @property
    def bytes(self) -> int:
        """Memory of the rows, about."""
        unseen = 0 if self.unseen is None else self.unseen.bytes
        return self.numbers.nbytes + self.codes.nbytes + self.index.nbytes + unseen


class Reader:
    """Types rows by a profile. Its only state is a bounded cache of the bins of categories.

    >>> import polars
    >>> reader = Reader(Profile.fit(polars.DataFrame({"age": [31.0, 45.0], "city": ["Ulm", "Bonn"]}), model="credit"))
    >>> rows, rejected, ignored = reader.read_records([{"age": "31", "city": "Ulm", "x": 1}, {"age": "old"}])
    >>> rows.numbers.tolist(), rows.codes.tolist(), rejected[0].got, ignored
    ([[31.0], [nan]], [[1], [8]], "text ('old')", 1)
    """

    def __init__(self, profile: Profile, *, unseen_texts: bool = True) -> None:
        """Sort the features by how they are read: derived features, the last ones, are computed instead.

        Without `unseen_texts` rows have no `unseen` cells. Raises InputError where this machine lacks the zone of a
        feature.
        """
        self.profile = profile
        derived = 0 if profile.residuals is None else len(profile.residuals.targets)
        read = profile.features[: len(profile.features) - derived]
        self.numeric = [f for f in read if isinstance(f.grid, NumericGrid)]
        self._numbers = len(self.numeric) + derived
        self.categorical = [f for f in profile.features if isinstance(f.grid, CategoryGrid)]
        self._keeps_texts = unseen_texts
        self._unseen = UnseenFinder(self.categorical if unseen_texts else ())
        for feature in self.categorical:
            if feature.zone is not None:
                zone_named(feature.zone)
        self._written = moment_of if profile.time_format is None else reader_of(profile.time_format)
        self.names = tuple(dict.fromkeys(feature.column for feature in profile.features))
        self._columns = frozenset(self.names)
        self._pick_numbers = picker([feature.column for feature in self.numeric])
        self._pick_categories = picker([feature.column for feature in self.categorical])
        self._regressor, self._regressed = None, np.empty(0, np.intp)
        if profile.residuals is not None:
            index_of = {f.column: index for index, f in enumerate(self.numeric) if f.role == "feature"}
            self._regressed = np.array([index_of[column] for column in profile.residuals.columns], np.intp)
            spans = [_span(self.numeric[index].grid) for index in self._regressed.tolist()]
            self._regressor = Regressor(profile.residuals, spans)
        # unknown columns by the keys of a record: most records of a stream have the same keys in the same order
        self._shapes: dict[tuple[str, ...], int] = {}
        self._longest_shape = 2 * len(self.names) + 64
        self._most_cached = min(_MOST_CACHED, _MOST_CACHED_IN_ALL // max(1, len(self.categorical)))
        self.tables, self._odd = self.compile(unseen_texts=False)
        """What the compiled counter needs to read rows and to count them; None where only the plain one does."""
        self._column_reader = ColumnReader(self.tables, [f.column for f in (*self.numeric, *self.categorical)])
        self._record_reader = (
            None
            if self.tables is None
            else RecordReader(self.tables, self._odd, numbers=self._numbers, categories=len(self.categorical))
        )

    def compile(self, *, unseen_texts: bool = True) -> tuple[Tables | None, OddValues]:
        """Return the tables by which the compiled counter reads rows as this reader does; None where there are none.

        The other object reads the values that it leaves to Python, and unless `unseen_texts` is false it tells the
        texts that are to be kept. Both are new: they belong to one counter.
        """
        odd = OddValues(
            self.numeric,
            self.categorical,
            self._look_up,
            most_cached=self._most_cached,
            unseen_texts=unseen_texts and self._keeps_texts,
        )
        tables = compile_tables(
            self.profile,
            caches=odd.caches,
            read_number=odd.number,
            read_category=odd.category,
            regressor=self._regressor,
            regressed=self._regressed,
        )
        odd.examples.clear()  # the tables ask where true and false are
        return tables, odd

    def read_records(self, records: Sequence[Mapping[str, Any]]) -> tuple[Rows, list[Rejected], int]:
        """Read rows given as mappings.

        Returns the rows, the first values that could not be read, and the number of values under columns that the
        profile does not have. A value that cannot be read counts as unreadable, and its row counts; a record that is no
        mapping does not.
        """
        typed = self._read_dicts(records) if type(records) is list else None
        if typed is not None:
            return typed
        bad = BadCells()
        mappings = [_mapping_of(record, row, bad) for row, record in enumerate(records)]
        columns: dict[str, Column] = {name: [record.get(name) for record in mappings] for name in self.names}
        return self._finish(columns, len(mappings), bad, sum(map(self._ignored, mappings)))

    def _read_dicts(self, records: list[Any]) -> tuple[Rows, list[Rejected], int] | None:
        """Do as `read_records` does, by the compiled counter; None where there is none, or some value fails."""
        reader = self._record_reader
        if reader is None:
            return None
        bad = BadCells()
        numbers, codes, ignored, others = reader.read(records)
        if others:
            records = records.copy()
            for row in others:
                records[row] = dict(_mapping_of(records[row], row, bad))
            numbers[others], codes[others], more, failed = reader.read([records[row] for row in others])
            if failed:
                return None
            ignored += more
        columns = RecordColumns(records)
        if reader.any_unreadable:
            self._describe_unreadable(numbers, codes, columns, bad)
        rows = Rows(numbers, codes, np.arange(len(records)), self._unseen.find(codes, columns))
        return rows.without(bad.rows), bad.first, ignored

    def _describe_unreadable(
        self, numbers: Floats, codes: Codes, columns: Mapping[str, list[Any]], bad: BadCells
    ) -> None:
        for position, feature in enumerate(self.numeric):
            for row in np.flatnonzero(is_unreadable(numbers[:, position]))[: bad.room].tolist():
                bad.add(row, feature.column, "a number", columns[feature.column][row])
        for position, feature in enumerate(self.categorical):
            unreadable = codes[:, position] == feature.grid.special[bin_names.UNREADABLE]
            for row in np.flatnonzero(unreadable)[: bad.room].tolist():
                reject_category(feature, row, columns[feature.column][row], bad)

    def read_complete(self, records: Sequence[dict[str, Any]]) -> tuple[Rows, list[Rejected]] | None:
        """Read rows given as dicts with a value under every column, faster; None where one has none under some column.

        Returns what `read_records` returns, but for the values under other columns, which are not looked at.
        """
        try:
            cells, categories = self._pick_numbers(records), self._pick_categories(records)
        except KeyError:
            return None
        width, columns = len(self.categorical), dict[str, Column]()
        for position, feature in enumerate(self.categorical):
            columns[feature.column] = categories[position::width]
        numbers = plain_numbers(cells, max(1, len(self.numeric)))
        if numbers is None:
            width = len(self.numeric)
            columns |= {feature.column: cells[position::width] for position, feature in enumerate(self.numeric)}
        else:
            numbers = numbers.reshape(len(records), len(self.numeric))
        rows, rejected, _ = self._finish(columns, len(records), BadCells(), 0, numbers)
        return rows, rejected

    def read_columns(self, columns: Mapping[str, Column]) -> tuple[Rows, list[Rejected], int]:
        """Read rows given as columns of equal length; returns what `read_records` returns.

        Raises InputError where the lengths differ or a value is no column.
        """
        for name, column in columns.items():
            check_column(name, column)
        lengths = {name: len(column) for name, column in columns.items()}
        rows = next(iter(lengths.values()), 0)
        for name, length in lengths.items():
            if length != rows:
                raise InputError(f"columns.{name}", f"{rows} values, as in the other columns", str(length))
        ignored = rows * sum(name not in self._columns for name in columns)
        return self._finish(columns, rows, BadCells(), ignored)

    def _ignored(self, record: Mapping[str, Any]) -> int:
        """Return the number of columns of a record that the profile does not have."""
        shape = tuple(record)
        ignored = self._shapes.get(shape)
        if ignored is None:
            unknown = [name for name in shape if name not in self._columns]
            ignored = len(unknown)
            if len(shape) <= self._longest_shape and all(map(is_short, unknown)):
                if len(self._shapes) >= _MOST_SHAPES:
                    self._shapes.clear()
                self._shapes[shape] = ignored
        return ignored

    def _finish(
        self, columns: Mapping[str, Column], rows: int, bad: BadCells, ignored: int, plain: Floats | None = None
    ) -> tuple[Rows, list[Rejected], int]:
        """Type columns; `plain` (rows, numeric features but the derived) are numbers that have no column then."""
        numbers = np.empty((rows, self._numbers))
        codes = np.empty((len(self.categorical), rows), dtype=np.intp).T  # column by column in memory
        marks = self._column_reader.read(columns, numbers, codes)
        of_numbers, of_codes = marks[: len(self.numeric)], marks[len(self.numeric) :]
        if plain is not None:
            numbers[:, : len(self.numeric)] = plain
        else:
            for position in _left(of_numbers):
                name = self.numeric[position].column
                column = columns.get(name)
                numbers[:, position] = np.nan if column is None else read_numbers(name, column, bad)
        if self._regressor is not None and (plain is not None or LEFT in of_numbers):
            numbers[:, len(self.numeric) :] = self._regressor.residuals_of(numbers[:, self._regressed])
        for position in _left(of_codes):
            feature = self.categorical[position]
            column = columns.get(feature.column)
            missing = feature.grid.special[bin_names.MISSING]
            codes[:, position] = missing if column is None else self._codes(position, column, bad)
        read = Rows(numbers, codes, np.arange(rows), self._unseen.find(codes, columns) if any(of_codes) else None)
        return read.without(bad.rows), bad.first, ignored

    def unreadable(self, rows: Rows) -> dict[str, int]:
        """Return the number of unreadable values by column, without columns that have none."""
        unreadable: dict[str, int] = {}
        for features, cells in (
            (self.numeric, is_unreadable(rows.numbers[:, : len(self.numeric)])),
            (self.categorical, rows.codes == [f.grid.special[bin_names.UNREADABLE] for f in self.categorical]),
        ):
            for feature, count in zip(features, cells.sum(axis=0).tolist(), strict=True):
                if count:
                    unreadable[feature.column] = max(count, unreadable.get(feature.column, 0))
        return unreadable

    def _codes(self, position: int, column: Column, bad: BadCells) -> Codes:
        """Return the bins, shape (rows,), of a categorical feature; `bad` gets the first unreadable values."""
        feature = self.categorical[position]
        unreadable = feature.grid.special[bin_names.UNREADABLE]
        if isinstance(column, Dictionary):
            table = [*(self._bin(position, value) for value in column.values), self._bin(position, None)]
            try:
                codes: Codes = np.fromiter(table, np.intp, len(table))[column.indices]
            except IndexError as error:
                raise InputError(f"columns.{feature.column}", "indices within the dictionary", str(error)) from error
            if unreadable in table:
                for row in np.flatnonzero(codes == unreadable)[: bad.room]:
                    reject_category(feature, int(row), column.values[column.indices[row]], bad)
            return codes
        if isinstance(column, np.ndarray):
            if column.dtype.kind == "M":
                column = column.astype("datetime64[us]")  # finer ones would become integers
            if column.dtype.kind in "fiub" and len(column):
                distinct, inverse = np.unique(column, return_inverse=True)
                return self._codes(position, Dictionary(inverse.reshape(-1), tuple(distinct.tolist())), bad)
        values: list[Any] = column.tolist() if isinstance(column, np.ndarray) else column
        codes = np.fromiter((self._bin(position, value) for value in values), dtype=np.intp, count=len(values))
        for row in np.flatnonzero(codes == unreadable)[: bad.room]:
            reject_category(feature, int(row), values[row], bad)
        return codes

    def _bin(self, position: int, value: object) -> int:
        """Return the bin of one value."""
        feature = self.categorical[position]
        if value is None:
            return feature.grid.special[bin_names.MISSING]
        value, bin_ = self._odd.known(position, value)
        if bin_ is None:
            bin_ = self._look_up(feature, value)
            if bin_ != feature.grid.special[bin_names.UNREADABLE]:  # the compiled counter would not tell of it
                self._odd.keep(position, value, bin_)
        return bin_

    def _look_up(self, feature: Feature, value: object) -> int:
        """Return the bin of one value, not cached."""
        grid = feature.grid
        assert isinstance(grid, CategoryGrid)
        try:
            return grid.bin_of(self._part(value, feature) if feature.part else value)
        except (TypeError, ValueError, OverflowError, OSError):  # the last two for times beyond the calendar
            return grid.special[bin_names.UNREADABLE]

    def _part(self, value: object, feature: Feature) -> str | None:
        value = plain(value)
        if value is None:
            return None
        moment = self._written(value) if feature.column == self.profile.time else moment_of(value)
        shown = on_clock(moment, None if feature.zone is None else zone_named(feature.zone))
        return str(shown.hour if feature.part == "hour" else shown.weekday())


def _left(marks: bytes) -> list[int]:
    """Return the positions of the columns that were left."""
    return [position for position, mark in enumerate(marks) if mark == LEFT]


def _mapping_of(record: object, row: int, bad: BadCells) -> Mapping[str, Any]:
    """Return a record with texts as names; one that is no mapping is empty, and `bad` gets it."""
    if isinstance(record, Mapping):
        return with_text_names(record)
    bad.add(row, "", "an object of features", record)
    bad.rows.add(row)
    return {}


def _span(grid: NumericGrid | CategoryGrid) -> tuple[float, float]:
    """Return the least number of a reference, and the least beyond its largest, both with a margin for rounding."""
    assert isinstance(grid, NumericGrid)
    return grid.cuts[1], grid.cuts[-2]
