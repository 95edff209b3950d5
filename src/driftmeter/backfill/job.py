"""The job: count a source into panes on disk, fold these in the order of time, and hand the result to a store.

    source ─read─→ rows ─count─→ work file ─fold─→ verdicts, progress ─→ store
                                     └────merged slices, at the end────────┘

Counts are integers and add up, so that the order of the rows does not matter. A run that is stopped at any moment
goes on when it is started again: the work file knows how far the source was read, the store how far it was folded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, takewhile

from driftmeter.backfill.counting import Advance, BackfillPlan, SourceCount, Tell, untold
from driftmeter.backfill.fold import BulkFold
from driftmeter.backfill.source import LakeSource
from driftmeter.backfill.tally import LakeTally
from driftmeter.backfill.work import WorkFile
from driftmeter.engine.engine import Engine
from driftmeter.errors import StoreError
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
_PANES_AT_ONCE = 200
_REACH = RETENTION + HOUR
_FIVE: Milliseconds = 5 * MINUTE


class Backfill:
    """One job; `count` and `fold` go on where an earlier run of the same job was stopped.

    The model is registered in the engine's store. The job is the only one that folds it: a server on the same store
    that is sent rows of the model meanwhile makes it fail.
    """

    def __init__(
        self, engine: Engine, profile: Profile, source: LakeSource, work: WorkFile, plan: BackfillPlan
    ) -> None:
        """Start the job, or go on with it; raises InputError as `SourceCount` does."""
        self._engine, self._store, self._profile = engine, engine.store, profile
        self._model, self._digest = profile.model, profile.digest
        self._compiled = engine.compiled(profile.model, profile.digest)
        self._counting = SourceCount(self._compiled, source, work, plan, self._begin)

    @property
    def tally(self) -> LakeTally:
        """The rows so far."""
        return self._counting.tally

    def _begin(self) -> JSON:
        """Return where the store is, with all folded that is closed in it."""
        while self._store.pending(self._model):
            self._engine.advance(self._model)
        totals = [one.totals for one in self._store.sources(self._model) if one.source == SOURCE]
        return {
            "frozen": self._store.model(self._model).frozen,
            "folded": self._store.progress(self._model, self._digest).folded,
            "now": self._store.now(),
            "totals": (totals[0] if totals else SourceTotals()).to_json(),
        }

    def count(self, tell: Tell = untold) -> None:
        """Read the source, and count its rows by pane. Raises InputError as `SourceCount.run` does."""
        self._counting.run(tell)

    def fold(self, tell: Tell = untold) -> None:
        """Fold the panes in the order of their time. Raises StoreError where somebody else folds the model."""
        last, progress = self._counting.last, self._store.progress(self._model, self._digest)
        if last is None or (progress.folded >= last and self._frozen() >= last):
            return
        seam = self._seam()
        self._put([slice_ for slice_ in self._counting.slices() if slice_.start < seam])
        kept, fresh = self._kept(progress.folded, seam)
        expectations = self._store.expected(self._model)
        fold = BulkFold(self._profile, self._compiled.settings, progress, kept, expectations)
        panes = 0

        def counted() -> Iterator[Slice]:
            nonlocal panes
            for slice_ in self._counting.slices(after=progress.folded):
                panes += 1
                if fresh is not kept and slice_.start >= seam:
                    fresh.add(slice_)
                yield slice_

        for before, step in fold.folds(counted(), last):
            if not self._store.fold(self._model, self._digest, before, step):
                raise StoreError(f"another process folds model {self._model}: stop it, and start the backfill again")
            tell(Advance(folded=step.at, panes=panes, incidents=fold.incidents))
        self._hand_over(fresh, last)

    def _frozen(self) -> Milliseconds:
        return self._store.model(self._model).frozen

    def _seam(self) -> Milliseconds:
        """Return the end of the hour in which the store's own slices end, 0 where it has none.

        The slices up to there are put before the fold, as they are: the store then merges them with its own as it
        folds, which later it could not do.
        """
        return -(-self._counting.base["frozen"] // HOUR) * HOUR if self._counting.base["folded"] else 0

    def _kept(self, folded: Milliseconds, seam: Milliseconds) -> tuple[KeptSlices, KeptSlices]:
        """Return the slices that the judge may look back at, and those of them that the store is to get."""
        kept = KeptSlices(_REACH)
        base = self._counting.base["folded"]
        fresh = kept if not base else KeptSlices(_REACH)
        if base:
            kept.extend(self._store.recent(self._model, self._digest, base, WindowSetting(_REACH, 0)))
        if folded > base:
            earlier = self._counting.slices(after=base, since=max(0, folded - _REACH))
            counted = takewhile(lambda slice_: slice_.end <= folded, earlier)
            while batch := list(islice(counted, _PANES_AT_ONCE)):
                kept.extend(batch)
                if fresh is not kept:
                    fresh.extend([slice_ for slice_ in batch if slice_.start >= seam])
        return kept, fresh

    def _hand_over(self, fresh: KeptSlices, last: Milliseconds) -> None:
        """Put the slices into the store as it would hold them by now, and close them all."""
        slices = fresh.since(0)
        if slices:
            merged_at = min(slice_.end for slice_ in slices if slice_.end // _FIVE == last // _FIVE)
            self._put([slice_ for slice_ in slices if slice_.end >= merged_at - RETENTION])

    def _put(self, slices: Sequence[Slice]) -> None:
        """Put slices into the store, and close them all at once.

        The watermark moves with the last one only: a run that is stopped before puts the same slices again.
        """
        if not slices or slices[-1].end <= self._frozen():
            return
        totals = (SourceTotals.from_json(self._counting.base["totals"]) + self._counting.tally.totals).bounded()
        frozen = self._frozen()
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
                    totals,
                    watermark=slice_.end if is_last else frozen,
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
