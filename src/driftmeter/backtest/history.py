"""A history: rows in order of time, with faults injected into them, counted into panes by the live code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal

import narwhals as nw
import numpy as np

from driftmeter.backtest.inject import Fault, apply_faults, unknown_column
from driftmeter.counts.bad_cells import numbers_of
from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader, Rows
from driftmeter.counts.runs import MOST_COUNTS, count_runs, edges_of
from driftmeter.counts.summary import Summary
from driftmeter.counts.unseen import NO_TEXTS
from driftmeter.data.columns import Column, Dictionary, as_frame, column_of, columns_of
from driftmeter.data.rejected import Rejected
from driftmeter.data.time_columns import Times
from driftmeter.errors import InputError
from driftmeter.panes.pane import Slice
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import HOUR, common_step
from driftmeter.types import Milliseconds

BLOCK = 50_000
"""Rows that are typed at once, so that a history of any length needs little additional memory."""
MOST_PANES = 200_000
"""`auto` takes longer panes where there would be more panes than this: each one costs a step of the detector."""
_MOST_NAMED = 10
"""Values that cannot be read are counted, and the first of them are named."""
_PANE_LENGTHS: tuple[Milliseconds, ...] = tuple(
    seconds * 1000 for seconds in (10, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, HOUR // 1000)
)

PaneChoice = Milliseconds | Literal["auto"]


def choose_pane(times: Times, choice: PaneChoice = "auto") -> Milliseconds:
    """Return a length of panes, in ms: `choice`, or for `auto` the live default of 10 s or longer.

    `auto` takes longer panes, up to an hour, where all times are stamped to a coarser grid (hourly data need no panes
    of 10 s), and where more than MOST_PANES would have rows. `times` (rows,) ascend. Raises InputError on a choice that
    is no length of panes.

    >>> hourly, any_time = np.arange(0, 7_200_000, 3_600_000), np.array([0, 1_234])
    >>> choose_pane(hourly), choose_pane(any_time), choose_pane(any_time, 60_000)
    (3600000, 10000, 60000)
    """
    if choice != "auto":
        return Timing(choice).pane
    grid = common_step(times)
    stamped = [length for length in _PANE_LENGTHS if grid % length == 0] if grid else []
    shortest = stamped[-1] if stamped else _PANE_LENGTHS[0]
    for length in _PANE_LENGTHS:
        if length >= shortest and _panes_with_rows(times, length) <= MOST_PANES:
            return length
    return _PANE_LENGTHS[-1]


def _panes_with_rows(times: Times, length: Milliseconds) -> int:
    return int(np.count_nonzero(np.diff(times // length))) + 1


@dataclass
class UnreadableTally:
    """How many values could not be read, and the first of them; they count in the bin `unreadable`."""

    values: int = 0
    first: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True)
class History:
    """The rows of a frame, cut into panes of `pane` ms; `times` (rows,) ascend.

    `faulty` are the columns with faults, which replace the frame's. `slices` fills `unreadable`, anew each time.
    """

    profile: Profile
    frame: nw.DataFrame[Any]
    times: Times
    pane: Milliseconds
    faults: tuple[Fault, ...] = ()
    faulty: Mapping[str, Column] = field(default_factory=dict)
    unreadable: UnreadableTally = field(default_factory=UnreadableTally)

    @classmethod
    def of(
        cls,
        profile: Profile,
        frame: Any,
        times: Times,
        *,
        pane: PaneChoice = "auto",
        faults: Sequence[Fault] = (),
        seed: int = 0,
    ) -> History:
        """Inject the faults into a pandas, polars or pyarrow frame, and choose the panes.

        Faults draw at random by `seed`. Raises InputError where there are no rows, where times go back, or where a
        fault does not fit.
        """
        data = as_frame(frame)
        if not len(times) or len(data) != len(times):
            raise InputError("data", "rows, each with a time", f"{len(data):,} rows and {len(times):,} times")
        if (np.diff(times) < 0).any():
            raise InputError("times", "rows in order of time", "some that go back")
        names = [name for name in Reader(profile).names if name in data.columns]
        for fault in faults:
            if fault.column not in names:
                raise unknown_column(fault, names)
        numeric = {feature.column for feature in profile.features if feature.kind == "numeric"}
        touched = {fault.column: column_of(data[fault.column]) for fault in faults}
        touched |= {name: numbers_of(name, touched[name])[0] for name in touched if name in numeric}
        faulty = apply_faults(touched, times, faults, np.random.default_rng(seed))
        return cls(profile, data, times, choose_pane(times, pane), tuple(faults), faulty)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.times)

    @property
    def panes(self) -> int:
        """The number of panes that hold rows."""
        return _panes_with_rows(self.times, self.pane)

    @property
    def start(self) -> Milliseconds:
        """The first moment of the first pane."""
        return Timing(self.pane).pane_start(int(self.times[0]))

    @property
    def end(self) -> Milliseconds:
        """The first moment after the last pane."""
        return Timing(self.pane).pane_start(int(self.times[-1])) + self.pane

    @property
    def clean_until(self) -> Milliseconds:
        """The time of the first row with a fault, or the end of the history."""
        return min((self.starts(fault) for fault in self.faults), default=self.end)

    def starts(self, fault: Fault) -> Milliseconds:
        """Return the time of the first row that a fault changes."""
        return int(self.times[fault.rows(self.times).start])

    def rows_between(self, start: Milliseconds, end: Milliseconds) -> int:
        """Return the number of rows from `start` to before `end`."""
        first, last = np.searchsorted(self.times, [start, end])
        return int(last - first)

    def slices(self) -> Iterator[Slice]:
        """Yield the panes that hold rows, in order, counted as a metric server counts them."""
        reader, binner = Reader(self.profile), Binner(self.profile)
        self.unreadable.values, self.unreadable.first = 0, []
        waiting: Slice | None = None
        for begin in range(0, len(self), BLOCK):
            rows = self._read(reader, begin, min(begin + BLOCK, len(self)))
            starts = self.times[begin + rows.index] // self.pane * self.pane
            for pane in self._counted(binner, rows, starts):
                if waiting is not None and waiting.start == pane.start:  # its rows are in two blocks
                    pane = replace(pane, summary=waiting.summary + pane.summary)
                elif waiting is not None:
                    yield waiting
                waiting = pane
        if waiting is not None:
            yield waiting

    def batches(self) -> Iterator[list[Slice]]:
        """Yield the panes that hold rows, in order, many at a time."""
        panes = self.slices()
        at_once = max(1, MOST_COUNTS // self.profile.bins)
        while batch := list(islice(panes, at_once)):
            yield batch

    def _counted(self, binner: Binner, rows: Rows, starts: Times) -> Iterator[Slice]:
        """Yield the panes of some rows, given the starts of their panes (rows,), which ascend."""
        edges = edges_of(starts)
        for runs in count_runs(binner, rows, edges):
            firsts = edges[runs.first : runs.first + len(runs.rows)]
            for run, (start, size) in enumerate(zip(starts[firsts].tolist(), runs.rows.tolist(), strict=True)):
                yield Slice(start, self.pane, Summary(size, runs.counts[run], runs.texts.get(run, NO_TEXTS)))

    def _read(self, reader: Reader, begin: int, end: int) -> Rows:
        names = [name for name in reader.names if name not in self.faulty]
        columns = columns_of(self.frame[begin:end], names)
        columns |= {name: _rows_of(column, begin, end) for name, column in self.faulty.items()}
        rows, rejected, _ = reader.read_columns(columns)
        self.unreadable.values += sum(reader.unreadable(rows).values())
        self.unreadable.first += [
            replace(value, row=begin + value.row) for value in rejected[: _MOST_NAMED - len(self.unreadable.first)]
        ]
        return rows


def _rows_of(column: Column, begin: int, end: int) -> Column:
    if isinstance(column, Dictionary):
        return Dictionary(column.indices[begin:end], column.values)
    return column[begin:end]
