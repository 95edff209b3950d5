"""The count of a source: its rows by pane, in a work file, from which a run that was stopped goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass

from driftmeter.backfill.ahead import read_ahead
from driftmeter.backfill.counted import count_parts
from driftmeter.backfill.rows import UNREADABLE, Bounds, EventTimes, read_block
from driftmeter.backfill.source import LakeSource
from driftmeter.backfill.tally import LakeTally
from driftmeter.backfill.work import WorkFile
from driftmeter.data.blocks import blocks_of
from driftmeter.data.columns import as_frame
from driftmeter.data.time_columns import ALLOWING, MOST_UNREADABLE
from driftmeter.engine.compiled import Compiled
from driftmeter.errors import InputError
from driftmeter.panes.pane import Slice
from driftmeter.types import JSON, Milliseconds

_ROWS, _LEAST_ROWS, _CELLS = 1 << 17, 1 << 10, 1 << 22
"""Rows that are typed and counted at once, fewer of many columns."""
_AHEAD = 2


@dataclass(frozen=True)
class Advance:
    """How far a job is: rows counted, or panes folded up to an event time, and the incidents so far."""

    rows: int = 0
    folded: Milliseconds = 0
    panes: int = 0
    incidents: int = 0


Tell = Callable[[Advance], None]


def untold(advance: Advance) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class BackfillPlan:
    """What a job does; a work file only goes on with the same.

    `since` and `until` bound the times of the rows, None for all. `description` tells this job from others: the store,
    the source and its content.
    """

    times: EventTimes
    description: JSON
    since: Milliseconds | None = None
    until: Milliseconds | None = None
    allow_unreadable_times: bool = False


class SourceCount:
    """Counts a source by a compiled profile; goes on where an earlier run of the same job was stopped.

    `begin` is called when the job begins, and returns where it begins: `frozen`, the time up to which panes are closed
    already, and `now`, after which no pane has ended; what else it returns is kept with them in `base`.
    """

    def __init__(
        self,
        compiled: Compiled,
        source: LakeSource,
        work: WorkFile,
        plan: BackfillPlan,
        begin: Callable[[], JSON],
    ) -> None:
        """Start the job, or go on with it.

        Raises InputError where the work file is that of another job, or the source lacks a column of times or all
        columns of the profile.
        """
        self._compiled, self._source, self._work, self._plan = compiled, source, work, plan
        self._timing, self._bins = compiled.timing, compiled.profile.bins
        self._check_columns()
        self.base = self._begun(begin)
        count = work.read("count")
        if count is not None and not count["done"] and source.identity is None:
            base = self.base
            work.clear()  # its rows may come in another order now
            self.base = self._begun(lambda: base)
            count = None
        self._count: JSON = count or {"done": False, "last": None, "tally": LakeTally().to_json(), "bad": []}

    @property
    def tally(self) -> LakeTally:
        """The rows so far."""
        return LakeTally.from_json(self._count["tally"])

    @property
    def last(self) -> Milliseconds | None:
        """The end of the last pane with rows, once all are counted; None where no row counts."""
        last: Milliseconds | None = self._count["last"]
        return last

    def _check_columns(self) -> None:
        names, times = self._source.names, self._plan.times
        for column in filter(None, (times.column, times.arrival)):
            if column not in names:
                raise InputError(self._source.title, f"a column {column!r}", ", ".join(names[:20]) or "no columns")
        wanted = self._compiled.reader.names
        if not set(wanted) & set(names):
            raise InputError(
                self._source.title, f"columns of the profile ({', '.join(wanted[:8])})", ", ".join(names[:20])
            )

    def _begun(self, begin: Callable[[], JSON]) -> JSON:
        """Return where the job began; write it down if it begins now."""
        job = {
            **self._plan.description,
            "profile": self._compiled.profile.digest,
            "timing": [self._timing.pane, self._timing.lateness],
            "settings": self._compiled.settings.dumps().decode(),
            "time": list(astuple(self._plan.times)),
            "between": [self._plan.since, self._plan.until],
        }
        before = self._work.read("job")
        if before is not None:
            changed = sorted(name for name in {*job, *before} if before.get(name) != job.get(name))
            if changed:
                expected = "the backfill that was begun with this work file, or --restart"
                raise InputError(str(self._work.path), expected, f"one with another {', '.join(changed)}")
            saved = self._work.read("base")
            assert saved is not None
            return saved
        base = begin()
        self._work.write("base", base)
        self._work.write("job", job)
        return base

    def run(self, tell: Tell = untold) -> None:
        """Read the source, and count its rows by pane.

        Raises InputError where more than a hundredth of the times cannot be read, unless that is allowed.
        """
        if self._count["done"]:
            return
        reader, binner = self._compiled.reader, self._compiled.binner
        times, bounds = self._plan.times, self._bounds()
        extra = [name for name in (times.column, times.arrival) if name is not None and name not in reader.names]
        columns = [name for name in (*reader.names, *extra) if name in self._source.names]
        tables = read_ahead(self._source.tables(columns, self.tally.rows), _AHEAD)
        tally, bad = self.tally, list(self._count["bad"])
        size = max(_LEAST_ROWS, min(_ROWS, _CELLS // len(columns)))
        for frame in blocks_of(map(as_frame, tables), size):
            block = read_block(frame, reader, times, bounds)
            if len(block.unreadable_times) >= len(frame) and not tally.counted:
                raise self._unreadable(tally + block.tally, [value.to_json() for value in block.unreadable_times[:3]])
            bad += [{**value.to_json(), "row": tally.rows + value.row} for value in block.unreadable_times[:3]]
            tally += block.tally
            self._count = {"done": False, "tally": tally.to_json(), "last": None, "bad": bad[:3]}
            self._work.write("count", self._count, count_parts(binner, block.rows, block.panes))
            tell(Advance(rows=tally.rows))
        if tally.dropped.get(UNREADABLE, 0) > MOST_UNREADABLE * tally.rows and not self._plan.allow_unreadable_times:
            raise self._unreadable(tally, bad)
        self._count["done"] = True
        self._count["last"] = self._work.last(self._bins, self._timing.pane)
        self._work.write("count", self._count)

    def _bounds(self) -> Bounds:
        """Return which rows count: of panes that are not closed yet in the store, and that have ended by now."""
        end = self._timing.pane_start(self.base["now"])
        until = self._plan.until
        return Bounds(self._timing, self._plan.since, end if until is None else min(end, until), self.base["frozen"])

    def _unreadable(self, tally: LakeTally, named: Sequence[JSON]) -> InputError:
        number = tally.dropped.get(UNREADABLE, 0)
        first: JSON = named[0] if named else {"expected": "a time", "got": "nothing", "row": 0}
        got = f"{number:,} of {tally.rows:,} cannot be read, such as row {first['row']}: {first['got']}"
        got += f". To leave them out: {ALLOWING}"
        return InputError(f"time {self._plan.times.column!r}", first["expected"], got)

    def slices(self, after: Milliseconds = 0, since: Milliseconds = 0) -> Iterator[Slice]:
        """Yield the counted panes that end after a time, and start at `since` or later."""
        since = max(since, after - self._timing.pane, 0)
        for slice_ in self._work.slices(self._bins, self._timing.pane, since):
            if slice_.end > after:
                yield slice_
