"""From rows as they came to typed rows with a time, and on to summaries by pane: pure, for one profile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from driftmeter.client.buffer import Raw
from driftmeter.client.columns import ColumnWatch
from driftmeter.client.event_time import TIMESTAMP, read_event_time
from driftmeter.client.records import RECORD, prediction_value
from driftmeter.client.typed_batch import TypedBatch
from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader, Rows
from driftmeter.counts.summary import Summary
from driftmeter.data.rejected import Rejected, describe
from driftmeter.errors import InputError
from driftmeter.panes.timing import Timing
from driftmeter.panes.watermark import MAX_AHEAD
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.names import with_text_names
from driftmeter.profile.profile import Profile
from driftmeter.profile.values import is_missing
from driftmeter.types import Milliseconds

NAMELESS = "values whose names are only numbers"
"""Describes the values of an array that became a row of a frame."""
_NO_RECORD: Any = ()


class Intake:
    """Reads and bins rows by one profile. For one thread."""

    def __init__(self, profile: Profile) -> None:
        """Compile the tables."""
        self.profile = profile
        self._reader, self._binner = Reader(profile), Binner(profile)
        names = self._reader.names
        self._pick = itemgetter(*names) if len(names) > 1 else None
        # profiles and grids cache these on first use, which has to be here: see `NO_FORK`
        self.digest = profile.digest
        for feature in profile.features:
            if isinstance(feature.grid, CategoryGrid):
                feature.grid.bin_of("")
        self._prediction = next((feature.column for feature in profile.features if feature.role == "prediction"), None)
        self.columns = ColumnWatch(names, self.digest)
        self._unreadable_bins = _unreadable_bins(profile)

    def read(self, raw: Sequence[Raw]) -> TypedBatch:
        """Type rows; never raise, whatever is in them. A prediction goes under its column."""
        self.columns.rows += len(raw)
        try:
            batch = self._read(raw)
        except Exception:
            # some value fails in a way that no reader foresees: it shall cost only its own cell, or else its row
            batch = TypedBatch.join([*map(self._read_alone, raw), self._read([])])
        self.columns.ignored_predictions += batch.ignored_predictions
        return batch

    def unreadable_in(self, summary: Summary) -> dict[str, int]:
        """Return how many values of a summary's rows could not be read, by column; only columns with any."""
        columns, bins = self._unreadable_bins
        values = summary.counts[bins]
        unreadable: dict[str, int] = {}
        for index in np.flatnonzero(values).tolist():
            unreadable[columns[index]] = max(int(values[index]), unreadable.get(columns[index], 0))
        return unreadable

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

    def _read_alone(self, row: Raw) -> TypedBatch:
        record, prediction, timestamp, clock = row
        with suppress(Exception):
            return self._read([row])
        try:
            harmless = {name: self._harmless(name, value) for name, value in record.items()}
            return self._read([(harmless, self._harmless(self._prediction or "", prediction), timestamp, clock)])
        except Exception:
            first = {"": Rejected(0, "", RECORD, "values that fail when they are looked at")}
            return replace(self._read([]), invalid=1, first=first, refused={"": 1})

    def _harmless(self, name: str, value: object) -> object:
        """Return a value, or something that is only unreadable in place of a value that fails when it is looked at."""
        try:
            self._reader.read_columns({name: [prediction_value(value, name)]})
        except Exception:
            return _FailingValue(value)
        return value

    def _read(self, raw: Sequence[Raw]) -> TypedBatch:
        records, ignored_predictions = self._with_predictions(raw)
        rows, rejected, ignored_values = self._typed(records)
        times, stamped, unreadable_times = _read_times(raw)
        rejected += unreadable_times
        timed = np.ones(len(raw), dtype=bool)
        timed[[one.row for one in unreadable_times]] = False
        times, stamped, timed = times[rows.index], stamped[rows.index], timed[rows.index]
        refused = {"": len(raw) - len(rows), TIMESTAMP: int((~timed).sum())}
        if refused[TIMESTAMP]:
            rows, times, stamped = rows.take(np.flatnonzero(timed)), times[timed], stamped[timed]
        unreadable: dict[str, int] = {}
        first: dict[str, Rejected] = {}
        if rejected:
            unreadable, first = self._reader.unreadable(rows), {one.field: one for one in reversed(rejected)}
            for name in unreadable.keys() - first.keys():  # beyond the number of values that the reader describes
                _, described, _ = self._reader.read_columns({name: [record.get(name) for record in records]})
                first |= {one.field: one for one in described[:1]}
        invalid = len(raw) - len(rows)
        return TypedBatch(
            rows, times, stamped, invalid, ignored_values, ignored_predictions, unreadable, first, refused
        )

    def _with_predictions(self, raw: Sequence[Raw]) -> tuple[list[dict[str, Any]], int]:
        """Return the records, each with its prediction under its column, and how many predictions have no column."""
        records, ignored = [], 0
        for record, prediction, _, _ in raw:
            if prediction is not None:
                if self._prediction is None:
                    ignored += 1
                elif type(prediction) is float:
                    record[self._prediction] = prediction
                else:
                    record[self._prediction] = prediction_value(prediction, self._prediction)
            records.append(record)
        return records, ignored

    def _typed(self, records: list[dict[str, Any]]) -> tuple[Rows, list[Rejected], int]:
        """Do as `Reader.read_records` does, faster: by whole columns, unless some row lacks one (bench/observe.py)."""
        names = self._reader.names
        if self._pick is not None and records:
            try:
                columns = zip(*map(self._pick, records), strict=True)
            except KeyError:
                pass
            else:
                self.columns.absent.clear()
                rows, rejected, _ = self._reader.read_columns(dict(zip(names, map(list, columns), strict=True)))
                ignored_values = sum(map(len, records)) - len(records) * len(names)
                if ignored_values:
                    self.columns.note_unknown(records)
                return rows, rejected, ignored_values
        named = [self._named(record) for record in records]
        self.columns.note_present(named)
        rows, rejected, ignored_values = self._reader.read_records(named)
        rejected = [one if one.field else replace(one, expected=RECORD, got=NAMELESS) for one in rejected]
        if ignored_values:
            self.columns.note_unknown(record for record in named if record is not _NO_RECORD)
        return rows, rejected, ignored_values

    def _named(self, record: dict[str, Any]) -> Any:
        """Return a record whose names are texts.

        If no name was a text, and none is a column of the profile, it is no record: the values of an array that
        became a series or a frame have only numbers for names.
        """
        named = with_text_names(record)
        if named is record or any(type(name) is str and name != self._prediction for name in record):
            return named
        return named if any(name in named for name in self._reader.names if name != self._prediction) else _NO_RECORD


class _FailingValue:
    """Stands for a value that fails when it is looked at."""

    def __init__(self, value: object) -> None:
        self._name = type(value).__name__[:40]

    def __str__(self) -> str:
        return f"a {self._name} that fails"


def _read_times(raw: Sequence[Raw]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], list[Rejected]]:
    """Return the rows' times in ms, which of them are the local clock's, and those that cannot be read."""
    times = np.array([row[3] for row in raw], dtype=np.float64) * 1000
    stamped = np.ones(len(raw), dtype=bool)
    rejected: list[Rejected] = []
    for position, (_, _, timestamp, _) in enumerate(raw):
        if is_missing(timestamp):
            continue
        time = read_event_time(timestamp)
        if isinstance(time, InputError):
            stamped[position] = False
            rejected.append(Rejected(position, TIMESTAMP, time.expected, describe(timestamp)))
        elif time is not None:
            times[position], stamped[position] = time, False
    return times, stamped, rejected


def _unreadable_bins(profile: Profile) -> tuple[list[str], npt.NDArray[np.intp]]:
    """Return columns, and for each the index, among all bins, of the bin that counts its unreadable values."""
    columns, bins, start = [], [], 0
    for feature in profile.features:
        if feature.role != "derived":
            columns.append(feature.column)
            bins.append(start + feature.grid.special[bin_names.UNREADABLE])
        start += feature.size
    return columns, np.array(bins, np.intp)
