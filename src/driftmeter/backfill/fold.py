"""The fold of a history at once: the states, verdicts and slices that the engine's fold of each pane would leave.

`engine.folding` takes one pane after another, each with a transaction of the store. Here the judge takes many at once,
keeps the slices in memory, merged by the same ladder, and the store only hears of what it would have kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from driftmeter.backfill.points import is_point
from driftmeter.counts.runs import MOST_COUNTS
from driftmeter.engine.folding import LIVE_CALIBRATION_SPAN
from driftmeter.fitting.from_live import calibration_of
from driftmeter.panes.kept import KeptSlices
from driftmeter.panes.pane import Slice
from driftmeter.panes.windows import Window, WindowSetting
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.store.records import Fold, Progress
from driftmeter.timestamps import DAY, HOUR
from driftmeter.types import Milliseconds
from driftmeter.verdict.expectation import Expectation
from driftmeter.verdict.judge import Judge
from driftmeter.verdict.judge_state import live_calibration_in
from driftmeter.verdict.members import further

_MOST_SLICES = 4096


class BulkFold:
    """Folds slices in ascending order. `kept` are those before, as a store holds them at `progress`.

    >>> import numpy as np, polars as pl
    >>> from driftmeter.counts.summary import Summary
    >>> profile = Profile.fit(pl.DataFrame({"age": [*range(20, 70)] * 2}), model="credit", independent=True)
    >>> slices = [Slice(start, 10_000, Summary.zero(profile.bins)) for start in range(0, 7_200_000, 10_000)]
    >>> fold = BulkFold(profile, ModelSettings(), Progress(), KeptSlices(DAY))
    >>> [step.at for _, step in fold.folds(slices, last=7_200_000)][:2], len(slices)
    ([290000, 590000], 720)
    """

    def __init__(
        self,
        profile: Profile,
        settings: ModelSettings,
        progress: Progress,
        kept: KeptSlices,
        expectations: Sequence[Expectation] = (),
    ) -> None:
        """Go on from the state of `progress`."""
        self._profile, self._settings, self._kept = profile, settings, kept
        self._expectations = tuple(expectations)
        self._judge = Judge(profile, settings)
        if self._judge.needs_live_calibration:
            calibration = live_calibration_in(progress.state)
            if calibration is not None:
                self._judge = Judge(profile, settings, calibration)
        self._state = self._judge.loads(progress.state)
        self._end = progress.folded
        self._told = progress.folded

    @property
    def open_incidents(self) -> int:
        """The number of incidents that are open now."""
        return len(self._state.open_incidents)

    @property
    def incidents(self) -> int:
        """The number of incidents so far."""
        return len(self._state.incidents)

    def folds(self, slices: Iterable[Slice], last: Milliseconds) -> Iterator[tuple[Milliseconds, Fold]]:
        """Yield what the store has to hear: the progress that each fold begins with, and the fold.

        `last` is the end of the last slice.
        """
        at_once = max(1, min(_MOST_SLICES, MOST_COUNTS // self._profile.bins))
        batch: list[Slice] = []
        for slice_, following in pairwise(_with_end(slices)):
            assert slice_ is not None
            batch.append(slice_)
            end, after = slice_.end, None if following is None else following.end
            if is_point(end, after, last):
                yield self._told, self._fold(batch)
                self._told, batch = end, []
            elif len(batch) >= at_once or (after is not None and end // DAY != after // DAY):
                self._judge_all(batch)
                self._kept.extend(batch)
                batch = []

    def _fold(self, batch: Sequence[Slice]) -> Fold:
        self._judge_all(batch)
        # the engine reads the window before the store merges what is due with this slice
        self._kept.extend(batch[:-1])
        window = self._window(batch[-1])
        self._kept.extend(batch[-1:])
        verdict = self._judge.verdict(self._state, window)
        return Fold(Progress(self._end, self._judge.dumps(self._state)), verdict.dumps(), self._end)

    def _judge_all(self, batch: Sequence[Slice]) -> None:
        """Judge slices that end on one day."""
        if self._judge.needs_live_calibration and batch[0].end // DAY > self._end // DAY > 0:
            self._recalibrate()
        if self._expectations or self._state.expected:
            for index, slice_ in enumerate(batch):
                past = further(self._kept.since, batch[: index + 1])
                self._state, _ = self._judge.step(self._state, slice_, self._expectations, past)
        else:
            for _, state, _ in self._judge.steps(self._state, batch, self._kept.since):
                self._state = state
        self._end = batch[-1].end

    def _recalibrate(self) -> None:
        """Learn anew how much live traffic varies, as `engine.folding` does once a day of event time."""
        slices = self._recent(WindowSetting(LIVE_CALIBRATION_SPAN, 0), self._end, ())
        calibration = calibration_of(self._profile.features, slices, self._settings)
        if calibration is not None:
            before = self._judge.dumps(self._state)
            self._judge = Judge(self._profile, self._settings, calibration)
            self._state = self._judge.loads(before)

    def _window(self, newest: Slice) -> Window:
        setting = self._settings.window
        return setting.select(self._recent(setting, newest.end, [newest]), self._profile.bins)

    def _recent(self, setting: WindowSetting, end: Milliseconds, newest: Sequence[Slice]) -> list[Slice]:
        """Return the slices that reach back far enough for a window, as `Store.recent` does."""
        reach = setting.length + HOUR
        while True:
            kept = [*self._kept.since(end - reach), *newest]
            rows = 0
            for index in range(len(kept) - 1, -1, -1):
                rows += kept[index].summary.rows
                if setting.reached(rows, kept[index].start, end):
                    return kept[index:]
            if reach > end:
                return kept
            reach *= 8


def _with_end(slices: Iterable[Slice]) -> Iterator[Slice | None]:
    yield from slices
    yield None
