"""From rows as they came to typed rows with a time, and on to summaries by pane: pure, for one profile."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from driftmeter.binning import Binner
from driftmeter.client.buffer import Raw
from driftmeter.grid import CategoryGrid
from driftmeter.panes import MAX_AHEAD, Timing, parse_time
from driftmeter.profile import Profile
from driftmeter.rows import Reader, Rows
from driftmeter.summary import Summary
from driftmeter.types import Floats, Milliseconds
from driftmeter.values import is_missing

COMPILING = threading.Lock()
"""Held where another thread than the first makes profiles and their tables. A fork must wait for it: until
Python 3.12 `cached_property` has a lock that would stay locked in the child."""


@dataclass(frozen=True)
class Batch:
    """Typed rows with `times` (rows,) in ms: of the local clock where `stamped` (rows,), else event times."""

    rows: Rows
    times: Floats
    stamped: npt.NDArray[np.bool_]
    invalid: int = 0
    """Rows that could not be read, and are not in `rows`."""
    ignored_values: int = 0
    ignored_predictions: int = 0

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

    def read(self, raw: Sequence[Raw]) -> Batch:
        """Type rows; whatever is in them, this raises nothing. A prediction goes under its column."""
        try:
            return self._read(raw)
        except Exception:
            # some value fails in a way that no reader foresees: it shall cost its own row only
            kept, invalid = [], 0
            for row in raw:
                try:
                    kept.append((row, self._read([row])))
                except Exception:
                    invalid += 1
            return _join([batch for _, batch in kept], self._read([]), invalid)

    def _read(self, raw: Sequence[Raw]) -> Batch:
        records, ignored_predictions = [], 0
        for record, prediction, _, _ in raw:
            if prediction is not None:
                if self._column is None:
                    ignored_predictions += 1
                else:
                    record[self._column] = prediction
            records.append(record)
        rows, ignored_values = self._typed(records)
        times = np.array([row[3] for row in raw], dtype=np.float64) * 1000
        stamped = np.ones(len(raw), dtype=bool)
        readable = np.ones(len(raw), dtype=bool)
        for position, (_, _, timestamp, _) in enumerate(raw):
            if not is_missing(timestamp):
                time = _time(timestamp)
                stamped[position], readable[position] = False, time is not None
                times[position] = time or 0
        times, stamped, readable = times[rows.index], stamped[rows.index], readable[rows.index]
        if not readable.all():
            rows, times, stamped = rows.take(np.flatnonzero(readable)), times[readable], stamped[readable]
        return Batch(rows, times, stamped, len(raw) - len(rows), ignored_values, ignored_predictions)

    def _typed(self, records: list[dict[str, Any]]) -> tuple[Rows, int]:
        """Do as `Reader.read_records` does, by whole columns where no row lacks one, as is usual: see
        bench/observe.py."""
        names = self._reader.names
        if self._pick is not None and records:
            try:
                columns = zip(*map(self._pick, records), strict=True)
            except KeyError:
                pass
            else:
                rows, _, _ = self._reader.read_columns(dict(zip(names, map(list, columns), strict=True)))
                return rows, sum(map(len, records)) - len(records) * len(names)
        rows, _, ignored_values = self._reader.read_records(records)
        return rows, ignored_values

    def count(
        self, batch: Batch, timing: Timing, offset: float, now: Milliseconds
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


def _time(timestamp: object) -> Milliseconds | None:
    try:
        if isinstance(timestamp, np.datetime64):
            timestamp = timestamp.astype("datetime64[us]").item()
            if not isinstance(timestamp, datetime):  # beyond the calendar, where numpy gives bare integers
                return None
        elif isinstance(timestamp, np.number):
            timestamp = timestamp.item()
        time = parse_time(timestamp)
    except Exception:  # an object may fail even to say what it is
        return None
    return time if time >= 0 else None


def _join(batches: Sequence[Batch], empty: Batch, invalid: int) -> Batch:
    """Return several batches as one; `empty` has the shape of none."""
    parts = [*batches, empty]
    rows = Rows(
        np.concatenate([part.rows.numbers for part in parts]),
        np.concatenate([part.rows.codes for part in parts]),
        np.concatenate([part.rows.index for part in parts]),
    )
    return Batch(
        rows,
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.stamped for part in parts]),
        invalid + sum(part.invalid for part in parts),
        sum(part.ignored_values for part in parts),
        sum(part.ignored_predictions for part in parts),
    )
