"""From rows as they came to typed rows with a time, and on to summaries by pane: pure, for one profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from driftmeter.client.buffer import Raw
from driftmeter.client.columns import ColumnWatch
from driftmeter.client.event_time import TIMESTAMP, read_event_time
from driftmeter.client.live import LiveCounter
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
from driftmeter.types import Floats, Milliseconds

NAMELESS = "values whose names are only numbers"
"""Describes the values of an array that became a row of a frame."""
_NO_RECORD: Any = ()


class Intake:
    """Reads and bins rows by one profile. For one thread."""

    def __init__(self, profile: Profile) -> None:
        """Compile the tables."""
        self.profile = profile
        self._reader = Reader(profile)
        self._binner = Binner(profile, tables=self._reader.tables)
        names = self._reader.names
        # profiles and grids cache these on first use, which has to be here: see `NO_FORK`
        self.digest = profile.digest
        for feature in profile.features:
            if isinstance(feature.grid, CategoryGrid):
                feature.grid.bin_of("")
        self._prediction = profile.prediction_column
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
        if not len(batch.rows):
            return
        times = np.floor(batch.times + offset * batch.stamped).astype(np.int64)
        first, last = int(times.min()), int(times.max())
        if 0 <= timing.pane_start(first) == timing.pane_start(last) and last <= now + MAX_AHEAD:
            yield timing.pane_start(first), self._binner.observe(batch.rows)
            return
        starts = times // timing.pane * timing.pane
        # no start is -1, so it can stand for the future
        starts[times > now + MAX_AHEAD] = -1
        for start in sorted(set(starts.tolist())):
            chosen = np.flatnonzero(starts == start)
            yield (None if start < 0 else start), self._binner.observe(batch.rows.take(chosen))

    def count_live(
        self, clock: Callable[[], float], columns: Sequence[str] | None, most_bytes: int
    ) -> LiveCounter | None:
        """Return a counter of rows where they are observed, see LiveCounter; None where only this object counts."""
        tables, odd = self._reader.compile()
        if tables is None:
            return None
        return LiveCounter(
            self._reader, tables, odd, clock, columns=columns, prediction=self._prediction, most_bytes=most_bytes
        )

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
        records, predictions, timestamps, clocks = zip(*raw, strict=True) if raw else [()] * 4
        ignored_predictions = self._put_predictions(predictions, records)
        rows, rejected, ignored_values = self._typed(records)
        times, stamped, unreadable_times = _read_times(timestamps, clocks)
        rejected += unreadable_times
        if not rejected:
            return TypedBatch(
                rows, times, stamped, ignored_values=ignored_values, ignored_predictions=ignored_predictions
            )
        timed = np.ones(len(raw), dtype=bool)
        timed[[one.row for one in unreadable_times]] = False
        times, stamped, timed = times[rows.index], stamped[rows.index], timed[rows.index]
        refused = {"": len(raw) - len(rows), TIMESTAMP: int((~timed).sum())}
        if refused[TIMESTAMP]:
            rows, times, stamped = rows.take(np.flatnonzero(timed)), times[timed], stamped[timed]
        unreadable, first = self._reader.unreadable(rows), {one.field: one for one in reversed(rejected)}
        for name in unreadable.keys() - first.keys():  # beyond the number of values that the reader describes
            _, described, _ = self._reader.read_columns({name: [record.get(name) for record in records]})
            first |= {one.field: one for one in described[:1]}
        invalid = len(raw) - len(rows)
        return TypedBatch(
            rows, times, stamped, invalid, ignored_values, ignored_predictions, unreadable, first, refused
        )

    def _put_predictions(self, predictions: Sequence[object], records: Sequence[dict[str, Any]]) -> int:
        """Put each prediction under its column of its record; return how many have no column."""
        if _are_none(predictions):
            return 0
        if self._prediction is None:
            return sum(prediction is not None for prediction in predictions)
        for prediction, record in zip(predictions, records, strict=True):
            if type(prediction) is float:
                record[self._prediction] = prediction
            elif prediction is not None:
                record[self._prediction] = prediction_value(prediction, self._prediction)
        return 0

    def _typed(self, records: Sequence[dict[str, Any]]) -> tuple[Rows, list[Rejected], int]:
        """Do as `Reader.read_records` does, faster unless some row lacks a column (bench/observe.py)."""
        read = self._reader.read_complete(records) if records else None
        if read is not None:
            self.columns.absent.clear()
            ignored_values = sum(map(len, records)) - len(records) * len(self._reader.names)
            if ignored_values:
                self.columns.note_unknown(records)
            return *read, ignored_values
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


def _are_none(values: Sequence[object]) -> bool:
    return set(map(type, values)) <= {type(None)}


def _read_times(
    timestamps: Sequence[object], clocks: Sequence[float]
) -> tuple[Floats, npt.NDArray[np.bool_], list[Rejected]]:
    """Return the rows' times in ms, which of them are the local clock's, and those that cannot be read."""
    times = np.array(clocks, dtype=np.float64) * 1000
    stamped = np.ones(len(times), dtype=bool)
    rejected: list[Rejected] = []
    for position, timestamp in enumerate(() if _are_none(timestamps) else timestamps):
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
