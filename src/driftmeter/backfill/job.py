"""The job: count a source into panes on disk, fold these in the order of time, and hand the result to a store.

    source ─read─→ rows ─count─→ work file ─fold─→ verdicts, progress ─→ store
                                     └────merged slices, at the end────────┘

Counts are integers and add up, so that the order of the rows does not matter. A run that is stopped at any moment goes on
when it is started again: the work file knows how far the source was read, and the store how far it was folded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from driftmeter.backfill.ahead import read_ahead
from driftmeter.backfill.counted import count_parts
from driftmeter.backfill.fold import BulkFold
from driftmeter.backfill.rows import UNREADABLE, Bounds, EventTimes, read_block
from driftmeter.backfill.source import LakeSource
from driftmeter.backfill.tally import LakeTally
from driftmeter.backfill.work import WorkFile
from driftmeter.data.blocks import blocks_of
from driftmeter.data.columns import as_frame
from driftmeter.data.time_columns import ALLOWING, MOST_UNREADABLE
from driftmeter.engine.engine import Engine
from driftmeter.errors import InputError, StoreError
from driftmeter.panes.kept import KeptSlices
from driftmeter.panes.pane import Pane, Slice
from driftmeter.panes.retention import RETENTION
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.windows import WindowSetting
from driftmeter.profile.profile import Profile
from driftmeter.store.records import PutPane
from driftmeter.timestamps import HOUR, MINUTE
from driftmeter.types import JSON, Milliseconds

SOURCE = "backfill"
"""The name of the source that a store sees. One name for all: each run goes on where the last one ended."""
_ROWS, _LEAST_ROWS, _CELLS = 1 << 17, 1 << 10, 1 << 22
"""Rows that are typed and counted at once, fewer of many columns."""
_AHEAD = 2
_PANES_AT_ONCE = 200
_REACH = RETENTION + HOUR
_FIVE: Milliseconds = 5 * MINUTE


@dataclass(frozen=True)
class Advance:
    """How far a job is: rows counted, or panes folded up to an event time, and the incidents so far."""

    rows: int = 0
    folded: Milliseconds = 0
    panes: int = 0
    incidents: int = 0


Tell = Callable[[Advance], None]


@dataclass(frozen=True)
class BackfillPlan:
    """What a job does; a work file only goes on with the same.

    `since` and `until` bound the times of the rows, None for all. `description` tells this job from others: the store,
    the source and its content.
    """

    times: EventTimes
    since: Milliseconds | None
    until: Milliseconds | None
    allow_unreadable_times: bool
    description: JSON


class Backfill:
    """One job; `count`, `fold` and `finish` go on where an earlier run of the same job was stopped.

    The model is registered in the engine's store. The job is the only one that folds it: a server on the same store
    that is sent rows of the model meanwhile makes it fail.
    """

    def __init__(
        self, engine: Engine, profile: Profile, source: LakeSource, work: WorkFile, plan: BackfillPlan
    ) -> None:
        """Start the job, or go on with it.

        Raises InputError where the work file is that of another job, or the source lacks a column of times or all
        columns of the profile.
        """
        self._engine, self._store, self._profile = engine, engine.store, profile
        self._source, self._work, self._plan = source, work, plan
        self._model, self._digest = profile.model, profile.digest
        self._compiled = engine.compiled(profile.model, profile.digest)
        self._timing = self._compiled.timing
        self._check_columns()
        self._base = self._begun()
        count = work.read("count")
        if count is not None and not count["done"] and source.identity is None:
            base = self._base
            work.clear()  # its rows may come in another order now
            self._base = self._begun(base)
            count = None
        self._count: JSON = count or {"done": False, "tally": LakeTally().to_json(), "unreadable_times": []}

    @property
    def tally(self) -> LakeTally:
        """The rows so far."""
        return LakeTally.from_json(self._count["tally"])

    @property
    def resumed(self) -> bool:
        """Whether an earlier run has read some of the rows."""
        return bool(self._count["tally"]["rows"])

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

    def _begun(self, base: JSON | None = None) -> JSON:
        """Return where the store was when the job began; write it down if it begins now."""
        job = {
            **self._plan.description,
            "profile": self._digest,
            "timing": [self._timing.pane, self._timing.lateness],
            "settings": self._compiled.settings.dumps().decode(),
            "time": [self._plan.times.column, self._plan.times.arrival, self._plan.times.written, self._plan.times.zone],
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
        if base is None:
            while self._store.pending(self._model):
                self._engine.advance(self._model)
            totals = [one.totals for one in self._store.sources(self._model) if one.source == SOURCE]
            base = {
                "frozen": self._store.model(self._model).frozen,
                "folded": self._store.progress(self._model, self._digest).folded,
                "now": self._store.now(),
                "totals": (totals[0] if totals else SourceTotals()).to_json(),
            }
        self._work.write("base", base)
        self._work.write("job", job)
        return base

    # --- the rows

    def count(self, tell: Tell = lambda advance: None) -> None:
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
        tally, bad = self.tally, list(self._count["unreadable_times"])
        size = max(_LEAST_ROWS, min(_ROWS, _CELLS // len(columns)))
        for frame in blocks_of(map(as_frame, tables), size):
            block = read_block(frame, reader, times, bounds)
            if len(block.unreadable_times) >= len(frame) and not tally.counted:
                raise self._unreadable(tally + block.tally, [value.to_json() for value in block.unreadable_times[:3]])
            bad += [{**value.to_json(), "row": tally.rows + value.row} for value in block.unreadable_times[:3]]
            tally += block.tally
            self._count = {"done": False, "tally": tally.to_json(), "unreadable_times": bad[:3]}
            self._work.write("count", self._count, count_parts(binner, block.rows, block.panes))
            tell(Advance(rows=tally.rows))
        if tally.dropped.get(UNREADABLE, 0) > MOST_UNREADABLE * tally.rows and not self._plan.allow_unreadable_times:
            raise self._unreadable(tally, bad)
        self._count["done"] = True
        self._count["last"] = self._work.last(self._profile.bins, self._timing.pane)
        self._work.write("count", self._count)

    def _bounds(self) -> Bounds:
        """Return which rows count: of panes that are not closed yet in the store, and that have ended by now."""
        end = self._timing.pane_start(self._base["now"])
        until = self._plan.until
        return Bounds(self._timing, self._plan.since, end if until is None else min(end, until), self._base["frozen"])

    def _unreadable(self, tally: LakeTally, named: Sequence[JSON]) -> InputError:
        number = tally.dropped.get(UNREADABLE, 0)
        first: JSON = named[0] if named else {"expected": "a time", "got": "nothing", "row": 0}
        got = f"{number:,} of {tally.rows:,} cannot be read, such as row {first['row']}: {first['got']}"
        return InputError(f"time {self._plan.times.column!r}", first["expected"], f"{got}. To leave them out: {ALLOWING}")

    # --- the fold

    def fold(self, tell: Tell = lambda advance: None) -> None:
        """Fold the panes in the order of their time. Raises StoreError where somebody else folds the model."""
        last = self._count["last"]
        if last is None or self._store.model(self._model).frozen >= last:
            return
        progress = self._store.progress(self._model, self._digest)
        kept, fresh = self._kept(progress.folded)
        expectations = self._store.expected(self._model)
        fold = BulkFold(self._profile, self._compiled.settings, progress, kept, expectations)
        panes = 0

        def counted() -> Iterator[Slice]:
            nonlocal panes
            for slice_ in self._slices(after=progress.folded):
                panes += 1
                if fresh is not kept:
                    fresh.add(slice_)
                yield slice_

        for before, step in fold.folds(counted(), last):
            if not self._store.fold(self._model, self._digest, before, step):
                raise StoreError(f"another process folds model {self._model}: stop it, and start the backfill again")
            tell(Advance(folded=step.at, panes=panes, incidents=fold.incidents))
        self._hand_over(fresh, last)

    def _slices(self, after: Milliseconds = 0, since: Milliseconds = 0) -> Iterator[Slice]:
        """Yield the counted panes that end after a time, and start at `since` or later."""
        since = max(since, after - self._timing.pane, 0)
        for slice_ in self._work.slices(self._profile.bins, self._timing.pane, since):
            if slice_.end > after:
                yield slice_

    def _kept(self, folded: Milliseconds) -> tuple[KeptSlices, KeptSlices]:
        """Return the slices that the judge may look back at, and those of them that this job counted."""
        kept = KeptSlices(_REACH)
        base = self._base["folded"]
        fresh = kept if not base else KeptSlices(_REACH)
        if base:
            kept.extend(self._store.recent(self._model, self._digest, base, WindowSetting(_REACH, 0)))
        batch: list[Slice] = []
        if folded > base:
            for slice_ in self._slices(since=max(0, folded - _REACH)):
                if slice_.end > folded:
                    break
                batch.append(slice_)
                if len(batch) >= _PANES_AT_ONCE:
                    _extend(batch, kept, fresh)
            _extend(batch, kept, fresh)
        return kept, fresh

    def _hand_over(self, fresh: KeptSlices, last: Milliseconds) -> None:
        """Put the slices into the store as it would hold them by now, and close them all at once.

        The watermark moves with the last pane only: a run that is stopped before puts the same panes again.
        """
        slices = fresh.since(0)
        merged_at = min(slice_.end for slice_ in slices if slice_.end // _FIVE == last // _FIVE)
        slices = [slice_ for slice_ in slices if slice_.end >= merged_at - RETENTION]
        totals = SourceTotals.from_json(self._base["totals"]) + self.tally.totals
        for first in range(0, len(slices), _PANES_AT_ONCE):
            writes = []
            for number, slice_ in enumerate(slices[first : first + _PANES_AT_ONCE], first + 1):
                is_last = number == len(slices)
                pane = Pane(
                    self._digest,
                    slice_.start,
                    slice_.length,
                    SOURCE,
                    1,
                    slice_.summary,
                    totals.bounded(),
                    watermark=last if is_last else self._base["frozen"],
                    final=is_last,
                )
                writes.append(PutPane(self._model, pane))
            for receipt in self._store.commit(writes):
                if isinstance(receipt, Exception):
                    raise receipt
                if receipt.late:
                    got = f"{receipt.late:,} rows whose panes it has closed meanwhile"
                    raise StoreError(f"model {self._model}: expected a store that nobody else sends rows to, got {got}")
        self._store.freeze(self._model)


def _extend(batch: list[Slice], kept: KeptSlices, fresh: KeptSlices) -> None:
    kept.extend(batch)
    if fresh is not kept:
        fresh.extend(batch)
    batch.clear()
