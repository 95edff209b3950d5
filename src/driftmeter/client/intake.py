"""From rows as they came to typed rows with a time, and on to summaries by pane: pure, for one profile."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from driftmeter.client.buffer import Raw
from driftmeter.client.records import RECORD, answer_of
from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader, Rows
from driftmeter.counts.summary import Summary
from driftmeter.data.rejected import Rejected, describe
from driftmeter.errors import InputError
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import add_up
from driftmeter.panes.watermark import MAX_AHEAD
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.names import with_text_names
from driftmeter.profile.profile import Profile
from driftmeter.profile.values import is_missing, plain
from driftmeter.timestamps import parse_time
from driftmeter.types import Floats, Milliseconds

COMPILING = threading.Lock()
"""Held where another thread than the first makes profiles and their tables. A fork must wait for it: until
Python 3.12 `cached_property` has a lock that would stay locked in the child."""

TIMESTAMP = "timestamp"
"""The field of a time, as the metric server calls it."""
NAMELESS = "values whose names are only numbers"
"""What an array's values have that became a row of a frame."""
_NO_RECORD: Any = ()
_MOST_UNKNOWN = 5


@dataclass(frozen=True)
class TypedBatch:
    """Typed rows with `times` (rows,) in ms: of the local clock where `stamped` (rows,), else event times."""

    rows: Rows
    times: Floats
    stamped: npt.NDArray[np.bool_]
    invalid: int = 0
    """Rows that could not be read, and are not in `rows`."""
    ignored_values: int = 0
    ignored_predictions: int = 0
    unreadable: Mapping[str, int] = field(default_factory=dict)
    """How many values of `rows` could not be read, by column."""
    first: Mapping[str, Rejected] = field(default_factory=dict)
    """One of them for each column, and one for each field of `refused`."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Rows that are invalid, by the field at fault: TIMESTAMP, or none where it is no row."""

    @property
    def bytes(self) -> int:
        """Memory of the rows."""
        return self.rows.numbers.nbytes + self.rows.codes.nbytes + self.rows.index.nbytes + 9 * len(self.times)


class Intake:
    """Reads and bins rows by one profile. For one thread."""

    def __init__(self, profile: Profile) -> None:
        """Compile the tables."""
        self.profile = profile
        self._reader, self._binner = Reader(profile), Binner(profile)
        names = self._reader.names
        self._pick = itemgetter(*names) if len(names) > 1 else None
        # what profiles and grids keep once asked for, they are asked for here: see `COMPILING`
        self.digest = profile.digest
        for feature in profile.features:
            if isinstance(feature.grid, CategoryGrid):
                feature.grid.bin_of("")
        self._column = next((f.column for f in profile.features if f.role == "prediction"), None)
        self.rows = 0
        """Rows that came so far."""
        self.absent = set(names)
        """Columns of the profile that no row has had so far."""
        self.unknown: tuple[str, ...] = ()
        """The first columns that came and that the profile does not know."""
        self._specials = _specials(profile)

    def read(self, raw: Sequence[Raw]) -> TypedBatch:
        """Type rows; whatever is in them, this raises nothing. A prediction goes under its column."""
        self.rows += len(raw)
        try:
            return self._read(raw)
        except Exception:
            # some value fails in a way that no reader foresees: it shall cost its own cell, or else its row, only
            return _join([*map(self._read_alone, raw), self._read([])])

    def _read_alone(self, row: Raw) -> TypedBatch:
        record, prediction, timestamp, clock = row
        with suppress(Exception):
            return self._read([row])
        try:
            harmless = {name: self._harmless(name, value) for name, value in record.items()}
            return self._read([(harmless, self._harmless(self._column or "", prediction), timestamp, clock)])
        except Exception:
            first = {"": Rejected(0, "", RECORD, "values that fail when they are looked at")}
            return replace(self._read([]), invalid=1, first=first, refused={"": 1})

    def _harmless(self, name: str, value: object) -> object:
        """Return a value, or in the place of one that fails when it is looked at something that is only unreadable."""
        try:
            self._reader.read_columns({name: [answer_of(value, name)]})
        except Exception:
            return _Failing(value)
        return value

    def _read(self, raw: Sequence[Raw]) -> TypedBatch:
        records, ignored_predictions = [], 0
        for record, prediction, _, _ in raw:
            if prediction is not None:
                if self._column is None:
                    ignored_predictions += 1
                else:
                    answer = prediction if type(prediction) is float else answer_of(prediction, self._column)
                    record[self._column] = answer
            records.append(record)
        rows, bad, ignored_values = self._typed(records)
        times = np.array([row[3] for row in raw], dtype=np.float64) * 1000
        stamped = np.ones(len(raw), dtype=bool)
        readable = np.ones(len(raw), dtype=bool)
        for position, (_, _, timestamp, _) in enumerate(raw):
            if not is_missing(timestamp):
                stamped[position] = False
                time = _time(timestamp)
                if isinstance(time, InputError):
                    readable[position] = False
                    bad.append(Rejected(position, TIMESTAMP, time.expected, describe(timestamp)))
                elif time is None:
                    stamped[position] = True
                else:
                    times[position] = time
        times, stamped, readable = times[rows.index], stamped[rows.index], readable[rows.index]
        refused = {"": len(raw) - len(rows), TIMESTAMP: int((~readable).sum())}
        if refused[TIMESTAMP]:
            rows, times, stamped = rows.take(np.flatnonzero(readable)), times[readable], stamped[readable]
        unreadable: dict[str, int] = {}
        first: dict[str, Rejected] = {}
        if bad:
            unreadable, first = self._reader.unreadable(rows), {each.field: each for each in reversed(bad)}
            for name in unreadable.keys() - first.keys():  # more are bad than the reader describes
                _, described, _ = self._reader.read_columns({name: [record.get(name) for record in records]})
                first |= {each.field: each for each in described[:1]}
        invalid = len(raw) - len(rows)
        return TypedBatch(
            rows, times, stamped, invalid, ignored_values, ignored_predictions, unreadable, first, refused
        )

    def _typed(self, records: list[dict[str, Any]]) -> tuple[Rows, list[Rejected], int]:
        """Do as `Reader.read_records` does, by whole columns where no row lacks one, as is usual: see
        bench/observe.py."""
        names = self._reader.names
        if self._pick is not None and records:
            try:
                columns = zip(*map(self._pick, records), strict=True)
            except KeyError:
                pass
            else:
                self.absent.clear()
                rows, bad, _ = self._reader.read_columns(dict(zip(names, map(list, columns), strict=True)))
                return rows, bad, self._look(records, sum(map(len, records)) - len(records) * len(names))
        named = [self._named(record) for record in records]
        self.absent = {name for name in self.absent if not any(name in record for record in named)}
        rows, bad, ignored_values = self._reader.read_records(named)
        bad = [replace(each, expected=RECORD, got=NAMELESS) if not each.field else each for each in bad]
        return rows, bad, self._look([record for record in named if record is not _NO_RECORD], ignored_values)

    def _named(self, record: dict[str, Any]) -> Any:
        """Return a record whose names are texts; where none was, and none is a column of the profile, it is no record:
        the values of an array that became a series, or a frame, only have numbers."""
        named = with_text_names(record)
        if named is record or any(type(name) is str and name != self._column for name in record):
            return named
        return named if any(name in named for name in self._reader.names if name != self._column) else _NO_RECORD

    def _look(self, records: list[dict[str, Any]], ignored_values: int) -> int:
        """Keep the names of the first columns that the profile does not know; return their number as it is."""
        if ignored_values and not self.unknown:
            known = self._reader.names
            strange = dict.fromkeys(name for record in records for name in record if name not in known)
            self.unknown = tuple(describe_name(name) for name in list(strange)[:_MOST_UNKNOWN])
        return ignored_values

    def unreadable_in(self, summary: Summary) -> dict[str, int]:
        """Return how many values of a summary's rows could not be read, by column; only of those with any."""
        columns, places = self._specials
        values = summary.counts[places]
        found: dict[str, int] = {}
        for place in np.flatnonzero(values).tolist():
            found[columns[place]] = max(int(values[place]), found.get(columns[place], 0))
        return found

    def count(
        self, batch: TypedBatch, timing: Timing, offset: float, now: Milliseconds
    ) -> Iterator[tuple[Milliseconds | None, Summary]]:
        """Yield the summary of each pane's rows with its start; None instead of a start: they are in the future.

        `offset` (ms) takes the local clock to the server's, whose time is `now`.
        """
        times = np.floor(batch.times + offset * batch.stamped).astype(np.int64)
        starts = times // timing.pane * timing.pane
        # no start is -1, so it can stand for the future
        starts[times > now + MAX_AHEAD] = -1
        for start in sorted(set(starts.tolist())):
            chosen = np.flatnonzero(starts == start)
            rows = batch.rows if len(chosen) == len(starts) else batch.rows.take(chosen)
            yield (None if start < 0 else start), self._binner.observe(rows)


def describe_name(name: object) -> str:
    """Write a column's name, of any type, in at most 40 characters."""
    try:
        return repr(name if isinstance(name, str) and len(name) <= 40 else str(name)[:40])
    except Exception:
        return type(name).__name__[:40]


class _Failing:
    """Stands for a value that fails when it is looked at."""

    def __init__(self, value: object) -> None:
        self._name = type(value).__name__[:40]

    def __str__(self) -> str:
        return f"a {self._name} that fails"


def _specials(profile: Profile) -> tuple[list[str], npt.NDArray[np.intp]]:
    """Return the columns, and where the counts of all bins hold what of each could not be read."""
    columns, places, start = [], [], 0
    for feature in profile.features:
        if feature.role != "derived":
            columns.append(feature.column)
            places.append(start + feature.grid.special[bin_names.UNREADABLE])
        start += feature.size
    return columns, np.array(places, np.intp)


def _time(timestamp: Any) -> Milliseconds | InputError | None:
    """Read a time, None where it is missing."""
    expected = "seconds since the epoch or ISO 8601"
    try:
        if isinstance(timestamp, np.ndarray) and timestamp.size == 1:
            timestamp = timestamp.flat[0]
        if isinstance(timestamp, np.datetime64) and not np.isnat(timestamp):
            timestamp = timestamp.astype("datetime64[us]").item()
            if not isinstance(timestamp, datetime):  # beyond the calendar, where numpy gives bare integers
                return InputError(TIMESTAMP, "a time of the calendar", "one beyond it")
        else:
            timestamp = plain(timestamp)
        if timestamp is None:
            return None
        return parse_time(float(timestamp) if isinstance(timestamp, Decimal) else timestamp)
    except InputError as error:
        return error
    except Exception:  # an object may fail even to say what it is
        return InputError(TIMESTAMP, expected, type(timestamp).__name__)


def _join(parts: Sequence[TypedBatch]) -> TypedBatch:
    """Return several batches as one."""
    rows = Rows(
        np.concatenate([part.rows.numbers for part in parts]),
        np.concatenate([part.rows.codes for part in parts]),
        np.concatenate([part.rows.index for part in parts]),
    )
    unreadable: dict[str, int] = {}
    refused: dict[str, int] = {}
    first: dict[str, Rejected] = {}
    for part in parts:
        unreadable, refused = add_up(unreadable, part.unreadable), add_up(refused, part.refused)
        first = {**part.first, **first}
    return TypedBatch(
        rows,
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.stamped for part in parts]),
        sum(part.invalid for part in parts),
        sum(part.ignored_values for part in parts),
        sum(part.ignored_predictions for part in parts),
        unreadable,
        first,
        refused,
    )
