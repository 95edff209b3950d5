"""The fold: from closed panes to verdicts. Any number of servers may fold a model; the first one's result counts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from driftmeter.engine.compiled import Compiled
from driftmeter.engine.models import FoldState, Models
from driftmeter.fitting.from_live import calibration_of
from driftmeter.panes.pane import Slice
from driftmeter.panes.windows import Window, WindowSetting
from driftmeter.store import Store
from driftmeter.store.records import Fold, Progress
from driftmeter.timestamps import DAY, iso
from driftmeter.types import Milliseconds
from driftmeter.verdict.judge import Judge
from driftmeter.verdict.judge_state import JudgeState, live_calibration_in
from driftmeter.verdict.members import History
from driftmeter.verdict.step import Step

_CHUNK = 100
"""Slices that are read and folded at a time. A small number wastes little if another server is first."""
_LONGEST_FOLD = 1.0
"""Seconds after which the rest of a model's backlog waits for the next round, so that other models have their turn."""
LIVE_CALIBRATION_SPAN: Milliseconds = 28 * DAY
"""The span of live traffic from which a profile without times learns what is normal."""

_log = logging.getLogger(__name__)


class Folding:
    """Folds the closed panes of models, one thread at a time. The store holds the state; the cache only saves work."""

    def __init__(self, store: Store, models: Models, stopwatch: Callable[[], float]) -> None:
        """Fold the panes of `store`; `stopwatch` gives seconds and never goes back."""
        self._store = store
        self._models = models
        self._stopwatch = stopwatch
        self._lock = threading.Lock()

    def advance(self, model: str) -> bool:
        """Close the panes of a model that are due, and fold them; return whether there is a newer verdict.

        Raises StoreError.
        """
        self._store.freeze(model)
        with self._lock:  # two threads of one process would only do the same work twice
            folded = [self._fold_backlog(model, digest) for digest in self._store.pending(model)]
        if any(folded):
            self._models.expire_record(model)  # another profile may be the active one now
        return any(folded)

    def _fold_backlog(self, model: str, digest: str) -> bool:
        """Fold a profile's pending slices, chunk by chunk; return whether there were any."""
        begin, folded = self._stopwatch(), False
        while pending := self._store.unfolded(model, digest, _CHUNK):
            folded = True
            first = self._fold_chunk(model, digest, pending)
            if not first or len(pending) < _CHUNK or self._stopwatch() - begin > _LONGEST_FOLD:
                break
        return folded

    def _fold_chunk(self, model: str, digest: str, pending: Sequence[Slice]) -> bool:
        """Fold some slices, ascending; return False as soon as another server was first."""
        progress = self._store.progress(model, digest)
        compiled = self._models.compiled(model, digest)
        judge, state = self.state_of(compiled, progress)
        expectations = self._store.expected(model)
        for slice_ in pending:
            if slice_.end <= progress.folded:
                continue
            if judge.needs_live_calibration and slice_.end // DAY > progress.folded // DAY > 0:
                judge, state = self._recalibrated(compiled, judge, state, progress.folded)
            state, step = judge.step(state, slice_, expectations, self._history(compiled, slice_.end))
            verdict = judge.verdict(state, self._window(compiled, slice_.end))
            after = Progress(slice_.end, judge.dumps(state))
            if not self._store.fold(model, digest, progress.folded, Fold(after, verdict.dumps(), slice_.end)):
                return False  # the other server's result is the same
            _log_incidents(model, step)
            progress = after
            self._models.states.put(model, digest, FoldState(after.state, judge, state))
        return True

    def state_of(self, compiled: Compiled, progress: Progress) -> tuple[Judge, JudgeState]:
        """Return the state that the store has, and the judge that can use it.

        Mostly this process made that state, and has it in the cache. A profile that needs a calibration by live traffic
        gets the judge of the calibration that the state was made with.
        """
        cached = self._models.states.get(compiled.profile.model, compiled.profile.digest)
        if cached is not None and cached.data == progress.state and cached.judge.settings is compiled.settings:
            return cached.judge, cached.state
        judge = compiled.judge
        if judge.needs_live_calibration:
            live_calibration = live_calibration_in(progress.state)
            if live_calibration is not None:
                judge = Judge(compiled.profile, compiled.settings, live_calibration)
        return judge, judge.loads(progress.state)

    def _recalibrated(
        self, compiled: Compiled, judge: Judge, state: JudgeState, end: Milliseconds
    ) -> tuple[Judge, JudgeState]:
        """Learn anew, once a day of event time, how much live traffic varies: second best to a reference with times."""
        profile, settings = compiled.profile, compiled.settings
        slices = self._store.recent(profile.model, profile.digest, end, WindowSetting(LIVE_CALIBRATION_SPAN, 0))
        live_calibration = calibration_of(profile.features, slices, settings)
        if live_calibration is None:
            return judge, state
        recalibrated = Judge(profile, settings, live_calibration)
        return recalibrated, recalibrated.loads(judge.dumps(state))

    def _history(self, compiled: Compiled, end: Milliseconds) -> History:
        """Return what reads the slices that end by `end` and start at some time or later."""
        model, digest = compiled.profile.model, compiled.profile.digest
        return lambda since: self._store.recent(model, digest, end, WindowSetting(end - since, 0))

    def _window(self, compiled: Compiled, end: Milliseconds) -> Window:
        profile, setting = compiled.profile, compiled.settings.window
        return setting.select(self._store.recent(profile.model, profile.digest, end, setting), profile.bins)


def _log_incidents(model: str, step: Step) -> None:
    """Log which incidents opened, changed and closed, and what drifts without one: it is less bad than what pages."""
    for alarm in step.alarms:
        if alarm.incident is None:
            _log.info("model %s: %s drifts, %s, and does not page: %s", model, alarm.feature, alarm.severity, alarm.why)
    for incident in step.opened:
        names = ", ".join(incident.members)
        _log.warning("model %s: incident %s opened at %s: %s", model, incident.id, iso(incident.opened), names)
    for incident in step.reopened:
        names = ", ".join(incident.lasting)
        _log.warning("model %s: incident %s reopened at %s: %s", model, incident.id, iso(incident.reopened or 0), names)
    if step.changed_again:
        _log.warning("model %s: changed again within an open incident: %s", model, ", ".join(step.changed_again))
    for incident in step.closed:
        _log.info("model %s: incident %s closed at %s", model, incident.id, iso(incident.closed or 0))
