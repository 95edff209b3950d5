"""The composition root: a store, the tables compiled from each profile, and the fold from panes to verdicts.

Knows nothing of HTTP, and of time only what the store says.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader, Rows
from driftmeter.counts.summary import Summary
from driftmeter.drift import FeatureScores
from driftmeter.errors import InputError, UnknownModelError
from driftmeter.fitting.from_live import calibration_of, profile_from_live
from driftmeter.panes.coverage import Sources
from driftmeter.panes.pane import Slice
from driftmeter.panes.timing import Timing
from driftmeter.panes.windows import Window, WindowSetting
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.store import Store
from driftmeter.store.records import Fold, ModelRecord, Progress
from driftmeter.timestamps import DAY, iso
from driftmeter.types import JSON, Milliseconds
from driftmeter.verdict.judge import Judge, Step
from driftmeter.verdict.judge_state import JudgeState, incidents_in, live_calibration_in
from driftmeter.verdict.verdict import round10, tests_json

_RECORD_SECONDS = 0.5
"""How long a model's record is believed before the store is asked again: requests come far more often."""
_CHUNK = 100
"""Slices that are read and folded at a time: where another server is first, the rest of a chunk was read in vain."""
_LONGEST_FOLD = 1.0
"""Seconds after which what is left of a model's backlog waits for the next round: other models have their turn."""
_MOST_BINS = 1_000_000
"""Bins of the profiles that are kept at once, those used last: some hundred bytes each."""

WARM: Milliseconds = 28 * DAY
"""How far back a profile without times looks at live traffic to learn what is normal."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Compiled:
    """A profile, the model's timing and settings, and the tables made from them when they are first needed: who takes
    panes needs none of them."""

    profile: Profile
    timing: Timing
    settings: ModelSettings

    @cached_property
    def reader(self) -> Reader:
        """What types raw rows."""
        return Reader(self.profile)

    @cached_property
    def binner(self) -> Binner:
        """What counts typed rows."""
        return Binner(self.profile)

    @cached_property
    def judge(self) -> Judge:
        """What judges counts."""
        return Judge(self.profile, self.settings)


class Engine:
    """Everything a metric server does apart from HTTP. Thread-safe; keeps nothing that matters."""

    def __init__(
        self,
        store: Store,
        *,
        timing: Timing | None = None,
        settings: ModelSettings | None = None,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """Judge what is in `store`; `timing` is for the models registered here, `settings` for those without."""
        self.store = store
        self.timing = timing or Timing()
        self.settings = settings or ModelSettings()
        self._stopwatch = stopwatch
        self._records: dict[str, tuple[float, ModelRecord]] = {}
        self._compiled: dict[tuple[str, str], Compiled] = {}
        self._states: dict[tuple[str, str], tuple[bytes, Judge, JudgeState]] = {}
        self._keeping = threading.Lock()
        self._folding = threading.Lock()

    # --- the store, for servers: they ask the engine alone

    def now(self) -> Milliseconds:
        """Return the store's time: the one clock that all servers share."""
        return self.store.now()

    def models(self) -> list[ModelRecord]:
        """Return the records of all models, as the store has them now."""
        return self.store.models()

    def stored_record(self, model: str) -> ModelRecord:
        """Return a model's record as the store has it now; raises UnknownModelError."""
        return self.store.model(model)

    def digests(self, model: str) -> list[str]:
        """Return the digests of a model's profiles; raises UnknownModelError."""
        return self.store.digests(model)

    def profile_bytes(self, model: str, digest: str) -> bytes:
        """Return a profile as it was registered; raises UnknownModelError, UnknownProfileError."""
        return self.store.profile(model, digest)

    def folded(self, model: str, digest: str) -> Milliseconds:
        """Return up to when a profile's panes are folded, 0 before the first; raises UnknownModelError."""
        return self.store.progress(model, digest).folded

    def claim_notice(self, model: str, key: str) -> bool:
        """Say whether this caller is the first, over all servers, to claim the notice `key` of a model."""
        return self.store.notified(model, key)

    def lease(self, model: str, server: str, length: Milliseconds) -> bool:
        """Give `server` the lease on folding a model, unless another server has it; say whether it has it now.

        A `length` of 0 gives the lease up.
        """
        return self.store.lease(model, server, length)

    def heartbeat(self, server: str, length: Milliseconds) -> list[str]:
        """Say that `server` is there for `length` from now on; return the servers that are, by name."""
        return self.store.heartbeat(server, length)

    # --- models

    def register(self, profile: Profile) -> ModelRecord:
        """Keep a profile and have its model's rows counted by it; it becomes the active one as `rollover` says."""
        return self._register(profile, again=True)

    def introduce(self, profile: Profile) -> ModelRecord:
        """Register a profile unless its model had it before and has another one now: that one stays."""
        record = self._register(profile, again=False)
        if record.newest != profile.digest:
            _log.warning(
                "model %s: profile %s was replaced by %s, which stays",
                *(profile.model, profile.digest, record.newest),
            )
        return record

    def _register(self, profile: Profile, *, again: bool) -> ModelRecord:
        try:
            before = self.store.model(profile.model).timing
        except UnknownModelError:
            before = self.timing
        self.store.register(profile.model, profile.digest, profile.dumps(), self.timing, again=again)
        self._records.pop(profile.model, None)
        record = self.store.model(profile.model)
        if record.timing != before:
            _log.warning(
                "model %s: panes of %g s and a lateness of %g s are now %g s and %g s, for all servers",
                *(profile.model, before.pane / 1000, before.lateness / 1000),
                *(record.timing.pane / 1000, record.timing.lateness / 1000),
            )
        return record

    def record(self, model: str) -> ModelRecord:
        """Return a model as the store knew it at most half a second ago; raises UnknownModelError."""
        found = self.remembered(model)
        if found is None:
            asked = self._stopwatch()
            try:
                found = self.store.model(model)
            except UnknownModelError:  # deleted, maybe through another replica
                self._forget(model)
                raise
            self._records[model] = asked, found
        return found

    def remembered(self, model: str) -> ModelRecord | None:
        """Return a model's record if that can be had without asking the store: for who must not wait."""
        found = self._records.get(model)
        return found[1] if found is not None and self._stopwatch() - found[0] <= _RECORD_SECONDS else None

    def last_known(self, model: str) -> ModelRecord | None:
        """Return a model's record however old it is: for when the store is away."""
        found = self._records.get(model)
        return None if found is None else found[1]

    def delete(self, model: str) -> None:
        """Forget a model; raises UnknownModelError."""
        self.store.delete(model)
        self._forget(model)

    def _forget(self, model: str) -> None:
        self._records.pop(model, None)
        with self._keeping:
            for kept in (self._compiled, self._states):
                for key in [key for key in kept if key[0] == model]:
                    del kept[key]

    def compiled(self, model: str, digest: str | None = None) -> Compiled:
        """Return the tables of a profile, by default the active one's; raises UnknownModelError,
        UnknownProfileError."""
        record = self.record(model)
        digest = digest or record.digest
        with self._keeping:
            found = self._compiled.pop((model, digest), None)
            if found is not None and found.timing == record.timing and found.settings == self._settings(record):
                self._compiled[model, digest] = found  # now the last to be dropped
                return found
        profile = Profile.loads(self.store.profile(model, digest))
        found = Compiled(profile, record.timing, self._settings(record))
        with self._keeping:
            self._compiled[model, digest] = found
            kept = sum(each.profile.bins for each in self._compiled.values())
            while kept > _MOST_BINS and len(self._compiled) > 1:
                kept -= self._compiled.pop(next(iter(self._compiled))).profile.bins
        return found

    # --- rows

    def sort_rows(
        self, compiled: Compiled, rows: Rows, times: Milliseconds | npt.NDArray[np.int64]
    ) -> tuple[tuple[Milliseconds, Summary], ...]:
        """Count rows by pane: (start, summary), ascending. `times` is one for all rows, or one each."""
        if not len(rows):
            return ()
        if isinstance(times, int):
            return ((compiled.timing.pane_start(times), compiled.binner.observe(rows)),)
        length = compiled.timing.pane
        starts, which = np.unique(times // length * length, return_inverse=True)
        if len(starts) == 1:
            return ((int(starts[0]), compiled.binner.observe(rows)),)
        return tuple(
            (int(start), compiled.binner.observe(rows.take(np.flatnonzero(which == position))))
            for position, start in enumerate(starts)
        )

    # --- the fold

    def advance(self, model: str) -> bool:
        """Close what is due and fold it; return whether there is a newer verdict. Raises StoreError."""
        self.store.freeze(model)
        with self._folding:  # two threads of one process would only do the same work twice
            folded = [self._fold_all(model, digest) for digest in self.store.pending(model)]
        known = self.last_known(model)
        if known is not None and any(folded):
            self._records[model] = (float("-inf"), known)  # another profile may be the active one now
        return any(folded)

    def _fold_all(self, model: str, digest: str) -> bool:
        begin, folded = self._stopwatch(), False
        while pending := self.store.unfolded(model, digest, _CHUNK):
            folded = True
            mine = self._fold_some(model, digest, pending)
            if not mine or len(pending) < _CHUNK or self._stopwatch() - begin > _LONGEST_FOLD:
                break
        return folded

    def _fold_some(self, model: str, digest: str, pending: Sequence[Slice]) -> bool:
        """Fold what is pending; say whether no other server was first."""
        progress = self.store.progress(model, digest)
        compiled = self.compiled(model, digest)
        judge, state = self._state(compiled, digest, progress)
        expected = self.store.expected(model)
        for each in pending:
            if each.end <= progress.folded:
                continue
            if judge.needs_live_calibration and each.end // DAY > progress.folded // DAY > 0:
                judge, state = self._warmed(compiled, digest, judge, state, progress.folded)
            state, step = judge.step(state, each, expected)
            verdict = judge.verdict(state, self._window(compiled, digest, each.end))
            after = Progress(each.end, judge.dumps(state))
            if not self.store.fold(model, digest, progress.folded, Fold(after, verdict.dumps(), each.end)):
                return False  # its fold is the same
            _tell(model, step)
            progress = after
            with self._keeping:
                self._states[model, digest] = (progress.state, judge, state)
        return True

    def _state(self, compiled: Compiled, digest: str, progress: Progress) -> tuple[Judge, JudgeState]:
        """Return the state that the store has, and who can read it; mostly this very process put it there."""
        kept = self._states.get((compiled.profile.model, digest))
        if kept is not None and kept[0] == progress.state and kept[1].settings is compiled.settings:
            return kept[1], kept[2]
        warm = live_calibration_in(progress.state) if compiled.judge.needs_live_calibration else None
        judge = compiled.judge if warm is None else Judge(compiled.profile, compiled.settings, warm)
        return judge, judge.loads(progress.state)

    def _warmed(
        self, compiled: Compiled, digest: str, judge: Judge, state: JudgeState, end: Milliseconds
    ) -> tuple[Judge, JudgeState]:
        """Learn anew, once a day of event time, how much live traffic varies: second best to a reference with times."""
        profile, settings = compiled.profile, compiled.settings
        slices = self.store.recent(profile.model, digest, end, WindowSetting(WARM, 0))
        warm = calibration_of(profile.features, slices, settings)
        if warm is None:
            return judge, state
        warmer = Judge(profile, settings, warm)
        return warmer, warmer.loads(judge.dumps(state))

    def _window(self, compiled: Compiled, digest: str, end: Milliseconds) -> Window:
        profile, setting = compiled.profile, compiled.settings.window
        recent = self.store.recent(profile.model, digest, end, setting)
        return setting.select(recent, profile.bins)

    # --- answers

    def verdict(self, model: str, digest: str | None = None) -> bytes:
        """Return the newest verdict as JSON; before the first pane closed, one that says `insufficient`."""
        digest = digest or self.record(model).digest
        found = self.store.verdict(model, digest)
        return found if found is not None else self.compiled(model, digest).judge.before_first().dumps()

    def feature(self, model: str, feature: str, digest: str | None = None) -> JSON:
        """Return a feature's verdict, its scores in each window, and its bins; raises InputError where the
        profile has no such feature."""
        digest = digest or self.record(model).digest
        compiled = self.compiled(model, digest)
        verdict = json.loads(self.verdict(model, digest))
        for position, (each, part) in enumerate(compiled.profile.slices()):
            if each.name == feature:
                windows = {
                    name: self._in_window(compiled, window, position, part)
                    for name, window in self._windows(compiled, digest)
                }
                progress = self.store.progress(model, digest)
                judge, state = self._state(compiled, digest, progress)
                found = judge.findings(state, feature)
                return {**verdict["features"][position], **_bins(each), "windows": windows, "findings": found}
        names = ", ".join(each.name for each in compiled.profile.features)
        raise InputError("feature", f"one of {names}", repr(feature))

    def counts(self, model: str, digest: str | None = None) -> dict[str, list[int]]:
        """Return the judging window's counts by feature, over the feature's bins."""
        compiled = self.compiled(model, digest)
        window = next(self._windows(compiled, compiled.profile.digest))[1]
        return {feature.name: window.summary.counts[part].tolist() for feature, part in compiled.profile.slices()}

    def _windows(self, compiled: Compiled, digest: str) -> Iterator[tuple[str, Window]]:
        judging = compiled.settings.window
        settings = {"judging": judging}
        if judging.rows:
            settings["rows"] = WindowSetting(0, judging.rows)
        if judging.length:
            settings["time"] = WindowSetting(judging.length, 0)
        end = self.store.progress(compiled.profile.model, digest).folded
        recent = self.store.recent(compiled.profile.model, digest, end, judging)
        for name, setting in settings.items():
            yield name, setting.select(recent, compiled.profile.bins)

    def _in_window(self, compiled: Compiled, window: Window, position: int, part: slice) -> JSON:
        scores: FeatureScores = compiled.judge.scorer.scores(window.summary.counts)[position]
        return {
            "start": iso(window.start),
            "end": iso(window.end),
            "rows": window.summary.rows,
            "effect": round10(scores.effect),
            "p_value": round10(scores.p_value),
            "tests": tests_json(scores),
            "counts": window.summary.counts[part].tolist(),
        }

    def history(self, model: str, start: Milliseconds, end: Milliseconds, digest: str | None = None) -> list[JSON]:
        """Return the verdicts kept between two times, each with `at`, oldest first."""
        digest = digest or self.record(model).digest
        found = self.store.history(model, digest, start, end)
        return [{"at": iso(at), **json.loads(verdict)} for at, verdict in found]

    def incidents(self, model: str, digest: str | None = None) -> list[JSON]:
        """Return the incidents, newest first, with who has acknowledged them."""
        digest = digest or self.record(model).digest
        found = incidents_in(self.store.progress(model, digest).state)
        seen = self.store.acknowledged(model)
        return [
            {
                **each.to_json(),
                "acknowledged": {"at": iso(seen[each.id][0]), "note": seen[each.id][1]} if each.id in seen else None,
            }
            for each in reversed(found)
        ]

    def acknowledge(self, model: str, incident: str, note: str = "") -> JSON:
        """Remember that somebody has seen an incident, of any of the model's profiles, the active one first; raises
        InputError where there is no such one."""
        active = self.record(model).digest
        known: dict[str, JSON] = {}
        for digest in sorted(self.store.digests(model), key=lambda digest: digest != active):
            if incident not in known:
                known |= {each["id"]: each for each in self.incidents(model, digest)}
        if incident not in known:
            ids = f"one of {', '.join([*known][:20])}" if known else "an incident of this model; it has none yet"
            raise InputError("incident", ids, repr(incident))
        self.store.acknowledge(model, incident, self.store.now(), note)
        at, first = self.store.acknowledged(model)[incident]
        return {**known[incident], "acknowledged": {"at": iso(at), "note": first}}

    def sources(self, model: str) -> Sources:
        """Return who sends a model's rows, and how much of what they saw lately is in the verdicts."""
        record = self.record(model)
        return Sources(self.store.sources(model), self.store.now(), record.timing.pane, record.returned)

    def from_live(
        self, model: str, since: Milliseconds, until: Milliseconds | None = None, digest: str | None = None
    ) -> Profile:
        """Return the next profile: the rows of the frozen slices from `since` to `until` as its reference, calibrated
        by them. It is not registered. Raises UnknownModelError, and InputError where there are too few rows."""
        digest = digest or self.record(model).digest
        compiled = self.compiled(model, digest)
        end = self.store.progress(model, digest).folded if until is None else until
        reach = WindowSetting(max(end - since, 1), 0)
        slices = [each for each in self.store.recent(model, digest, end, reach) if each.start >= since]
        return profile_from_live(compiled.profile, slices, compiled.settings)

    # --- settings and marks

    def configure(self, model: str, settings: ModelSettings | None) -> None:
        """Give a model settings of its own, or have it go by the default again; raises UnknownModelError."""
        self.store.configure(model, None if settings is None else settings.dumps())
        self._records.pop(model, None)

    def settings_of(self, model: str) -> ModelSettings:
        """Return what holds for a model; raises UnknownModelError."""
        return self._settings(self.record(model))

    def _settings(self, record: ModelRecord) -> ModelSettings:
        return self.settings if record.settings is None else _settings_of(record.settings)

    def expect(self, model: str, feature: str | None, until: Milliseconds, note: str = "") -> None:
        """Mark that a feature, or the whole model, is expected to drift from now on; a time that has passed takes
        the mark away."""
        self.store.expect(model, feature, self.store.now(), until, note)

    def expected(self, model: str) -> list[JSON]:
        """Return the marks, that of the model first, then by feature."""
        return [
            {"feature": each.feature, "since": iso(each.since), "until": iso(each.until), "note": each.note}
            for each in self.store.expected(model)
        ]


def _bins(feature: Feature) -> JSON:
    return {
        "kind": feature.kind,
        "bins": list(feature.grid.labels),
        "reference": list(feature.counts),
    }


# asked for with every batch of rows
_settings_of = lru_cache(maxsize=256)(ModelSettings.loads)


def _tell(model: str, step: Step) -> None:
    """Log what opened and what closed, for those who read logs."""
    for incident in step.opened:
        names = ", ".join(incident.members)
        _log.warning("model %s: incident %s opened at %s: %s", model, incident.id, iso(incident.opened), names)
    for incident in step.closed:
        _log.info("model %s: incident %s closed at %s", model, incident.id, iso(incident.closed or 0))
