"""The judge: from closed slices to alarms, incidents and verdicts. Pure; servers, backtests and benches run it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.detectors import DETECTORS, Cause, Detector, Evidence
from driftmeter.detectors.protocol import Passed, strongest
from driftmeter.drift import FeatureScores
from driftmeter.panes.pane import Slice
from driftmeter.panes.windows import Window
from driftmeter.profile.calibration import Calibration
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.settings.importance import silenced_in
from driftmeter.settings.model import ModelSettings
from driftmeter.types import JSON, Milliseconds
from driftmeter.verdict import sentences
from driftmeter.verdict.changes import Recogniser
from driftmeter.verdict.expectation import Expectation, ExpectedDrift, expected_drift
from driftmeter.verdict.feature_state import calibrating, decide, lasting, mask_of, severity_of
from driftmeter.verdict.findings import finding_json
from driftmeter.verdict.incidents import Incident, cause_of, last_over, member_of, remembered, turn
from driftmeter.verdict.judge_state import JudgeState, clock_after, dump_state, load_state
from driftmeter.verdict.member import LEVELS_ABOVE, Ended, Flag
from driftmeter.verdict.members import History, Members, Past, changed_again, further
from driftmeter.verdict.readiness import covers_days
from driftmeter.verdict.recent_texts import RecentTexts
from driftmeter.verdict.scorer import scorer_of
from driftmeter.verdict.severity import Severity, rank
from driftmeter.verdict.step import Step
from driftmeter.verdict.verdict import FeatureVerdict, Verdict


class Judge:
    """Judges the slices of one profile's rows. Compiled once; keeps no state."""

    def __init__(
        self, profile: Profile, settings: ModelSettings | None = None, live_calibration: Calibration | None = None
    ) -> None:
        """Compile the tables of the scorer and the detector.

        `live_calibration` is learnt from live traffic, for a profile that has no calibration and whose rows are not
        independent: with it evidence is shown, and nothing pages. Any other profile ignores it.
        """
        self.profile = profile
        self.settings = settings or ModelSettings()
        self.scorer = scorer_of(profile, self.settings)
        self.calibrated = profile.independent or covers_days(profile.calibration)
        self.needs_live_calibration = not profile.independent and profile.calibration is None
        self.live_calibration = live_calibration if self.needs_live_calibration else None
        self.detector: Detector[Any] | None = None
        if not self.needs_live_calibration:
            self.detector = DETECTORS[self.settings.guarantee](profile, self.settings)
        elif live_calibration is not None:
            calibrated = replace(profile, calibration=live_calibration)
            self.detector = DETECTORS[self.settings.guarantee](calibrated, self.settings)
        self._names = [feature.name for feature in profile.features]
        self._members = Members(profile, self.settings)
        silenced = sorted(silenced_in(self.settings, profile.features))
        self._silenced: dict[str, Ended] = dict.fromkeys(silenced, "silenced")
        self._recogniser = Recogniser(profile.features, self._members.independent, named=self.settings.unseen_texts)

    def start(self) -> JudgeState:
        """Return the state before the first slice."""
        return JudgeState(None if self.detector is None else self.detector.start())

    # --- one slice

    def step(
        self,
        state: JudgeState,
        slice_: Slice,
        expectations: Sequence[Expectation] = (),
        history: History | None = None,
    ) -> tuple[JudgeState, Step]:
        """Take the next closed slice; slices come in ascending order. `expectations` are those of now.

        `history` is asked for the slices before this one when a feature alarms: they say when its drift began. When an
        expectation ends, or a change is over, the detector begins anew on its features: their windows hold the drift.
        """
        if self.detector is None:
            return state, Step()
        state = self._with_rows(state, [slice_])
        expected = expected_drift(state.expected, expectations, self._names, slice_.start, slice_.end)
        ready = self._restarted(state.detector, expected.over)
        taken, evidence = self.detector.update(ready, slice_)
        if evidence is None:
            return replace(state, detector=taken, expected=expected.ends), Step()
        return self._after(state, taken, evidence, expected, slice_, Past(slice_, history))

    def steps(
        self, state: JudgeState, slices: Sequence[Slice], history: History | None = None
    ) -> Iterator[tuple[int, JudgeState, Step]]:
        """Take the next closed slices, none of them expected to drift; the states and steps are those of `step`.

        `history` is asked for the slices before these. Yields the index of each slice that completes a pane of the
        detector, with the state after it and what it brought, and leaves out panes where nothing drifts, did, or
        alarms; at last the number of slices, with the state after all. The detector works out the panes at once, which
        is several times faster.
        """
        if self.detector is None:
            yield len(slices), state, Step()
            return
        if state.expected:
            raise ValueError(f"expected no expectations, got some of {', '.join(state.expected)}")
        ahead = self.detector.look_ahead(state.detector, slices)
        panes, place, kept = [pane for _, pane in ahead.panes], 0, 0
        while place < len(panes):
            if not (state.flagged or state.open_incidents):
                detector, passed = self.detector.pass_quiet(state.detector, panes[place:])
                state, place = self._quiet(state, detector, passed, state.expected), place + len(passed)
                if place == len(panes):
                    break
            index = ahead.panes[place][0]
            state, kept = self._with_rows(state, slices[kept : index + 1]), index + 1
            taken, evidence = self.detector.take(state.detector, panes[place])
            past = Past(slices[index], further(history, slices[:kept]))
            state, step = self._after(state, taken, evidence, ExpectedDrift({}, {}), slices[index], past)
            yield index, state, step
            place += 1
        state = self._with_rows(state, slices[kept:])
        yield len(slices), replace(state, detector=self.detector.leave(state.detector, ahead)), Step()

    def _with_rows(self, state: JudgeState, slices: Sequence[Slice]) -> JudgeState:
        """Return a state with what it keeps of the rows of slices, whether or not they complete a pane."""
        incidents = state.incidents
        if state.open_incidents:
            incidents = self._members.with_rows(incidents, [slice_.summary for slice_ in slices])
        texts = state.texts.after(slices) if self.settings.unseen_texts else RecentTexts()
        return replace(state, incidents=incidents, texts=texts)

    def _after(
        self,
        state: JudgeState,
        taken: Any,
        evidence: Evidence,
        expected: ExpectedDrift,
        slice_: Slice,
        past: Past,
    ) -> tuple[JudgeState, Step]:
        """Judge a pane of the detector that a slice completes, given the detector's state and evidence after it."""
        judged = self._restarted(taken, expected.mixed(evidence.start))
        still_expected = expected.after_pane(evidence.start)
        if not (state.flagged or state.open_incidents or (evidence.evidence >= 0).any()):
            passed = [Passed(evidence.end, evidence.pace)]
            return self._quiet(state, judged, passed, still_expected), Step(read=True)
        clock = clock_after(state.clock, state.last, evidence.end, evidence.pace)
        incidents = state.incidents
        if state.open_incidents:
            unpaged: dict[str, Ended] = {**dict.fromkeys(still_expected, "expected"), **self._silenced}
            incidents = self._members.after_pane(incidents, evidence, clock, unpaged)
        over = {
            name for incident in incidents for name, member in incident.members.items() if member.over == evidence.end
        }
        quiet = {*self._silenced, *still_expected, *over}
        again = changed_again(state.incidents, incidents, clock)
        flags = self._flags(judged, evidence, replace(state, incidents=incidents), quiet, again, slice_, past)
        paging = [flag for flag in flags if self._pages(flag, incidents)]
        turned = turn(
            incidents,
            paging,
            evidence.end,
            clock,
            near=max(evidence.pace, slice_.length),
            columns=() if self.profile.residuals is None else self.profile.residuals.columns,
            returns=partial(self._members.returns, past=past),
        )
        turned = self._members.blamed(turned, past) if turned.joined or again else turned
        flagged = self._flagged(evidence, state.flagged, turned.incidents)
        after = JudgeState(
            detector=self._restarted(judged, over),
            flagged=flagged,
            last_drift=evidence.end if self._counts_as_drift(flagged) else state.last_drift,
            incidents=turned.incidents,
            last=evidence.end,
            clock=clock,
            expected=still_expected,
            texts=state.texts,
        )
        return after, Step.of(turned, [flag for flag in flags if flag not in paging], evidence.end)

    def _quiet(
        self, state: JudgeState, detector: Any, passed: Sequence[Passed], expected: Mapping[str, Milliseconds]
    ) -> JudgeState:
        """Return the state after panes where nothing drifts, did, or alarms: what `_after` comes to, only sooner."""
        last, clock = state.last, state.clock
        for pane in passed:
            last, clock = pane.end, clock_after(clock, last, pane.end, pane.pace)
        incidents = remembered(state.incidents, last)
        return replace(state, detector=detector, incidents=incidents, last=last, clock=clock, expected=expected)

    def _pages(self, flag: Flag, incidents: Sequence[Incident]) -> bool:
        """Say whether a flag may open, join or extend an incident: by its severity, or as of a member."""
        return rank(flag.severity) >= rank(self.settings.page_from) or member_of(incidents, flag.feature) is not None

    def _restarted(self, detector: Any, names: Collection[str]) -> Any:
        """Return a detector's state that has forgotten what the windows of some features hold."""
        if not names or self.detector is None:
            return detector
        return self.detector.restart(detector, mask_of(names, self._names))

    def _flags(
        self,
        detector: Any,
        evidence: Evidence,
        state: JudgeState,
        quiet: Collection[str],
        again: Mapping[str, Milliseconds],
        slice_: Slice,
        past: Past,
    ) -> list[Flag]:
        """Return the features that alarm at this pane and are not `quiet`, each at its shortest window that alarms.

        What they say is of windows not much longer than that, or than the one that opened the feature's incident: the
        longer ones may hold much that is older. Those of a feature that changed `again` began since the rows ceased to
        look like the change before. A feature that drifts, but not badly enough to page, is left out.
        """
        if not self.calibrated:
            return []
        alarms = evidence.alarms()
        flags = []
        for index in np.flatnonzero((alarms >= 0).any(axis=0)).tolist():
            feature = self.profile.features[index]
            if feature.name in quiet:
                continue
            level = int(np.flatnonzero(alarms[:, index] >= 0)[0])
            member = member_of(state.incidents, feature.name)
            levels = max(level, -1 if member is None else member.level) + LEVELS_ABOVE + 1
            passed = again.get(feature.name)
            if passed is not None:
                levels = int(np.flatnonzero((alarms[:, index] >= 0) & (evidence.lengths <= passed))[-1]) + 1
            cause, strength = self._cause(detector, index, state.texts, levels), float(alarms[:levels, index].max())
            if cause is None:
                continue
            severity, onset = severity_of(cause), None
            if member is None:
                if rank(severity) < rank(self.settings.page_from) and feature.name in state.flagged:
                    continue
                floor = last_over(state.incidents, feature.name)
                onset = self._members.onset(feature.name, cause, slice_, past, floor)
            elif passed is not None:
                onset = self._members.onset(feature.name, cause, slice_, past, slice_.end - passed)
            # a weaker flag leaves its incident's sentence as it is, and a sentence is work
            if member is not None and onset is None and strength < member.evidence:
                change, told = member.recognised, member.why
            else:
                counts = self._members.counts_of(feature.name, cause, slice_, past) if cause.counts is None else None
                change = self._recogniser.of(index, cause, state.texts.of(feature.name), counts)
                told = sentences.drifting(cause, feature, change)
            flags.append(
                Flag(
                    feature=feature.name,
                    role=feature.role,
                    onset=onset,
                    level=level,
                    window=int(evidence.lengths[level]),
                    evidence=strength,
                    severity=severity,
                    why=told,
                    what=cause.what,
                    category=cause.category,
                    effect=cause.effect,
                    recognised=change,
                )
            )
        return flags

    def _cause(self, detector: Any, index: int, texts: RecentTexts, levels: int | None = None) -> Cause | None:
        """Return the cause of a feature's strongest evidence in the windows of the first `levels` levels, or of all."""
        cause = None if self.detector is None else strongest(self.detector.causes(detector, index)[:levels])
        return None if cause is None else self._named(cause, index, texts)

    def _named(self, cause: Cause, index: int, texts: RecentTexts) -> Cause:
        """Return a cause with the names of the unseen categories that it is about, if the model wants any."""
        return texts.named(cause, self.profile.features[index]) if self.settings.unseen_texts else cause

    def _flagged(
        self, evidence: Evidence, before: Mapping[str, Milliseconds], incidents: Sequence[Incident]
    ) -> dict[str, Milliseconds]:
        """Return the features that drift after a pane, and since when each does: those of open incidents by onset."""
        drifting = {
            self._names[index]: before.get(self._names[index], evidence.start)
            for index in np.flatnonzero(evidence.strongest >= 0)
        }
        for incident in incidents:
            for name, member in incident.members.items() if incident.closed is None else ():
                if member.over is None:
                    drifting[name] = member.since
                elif member.over == evidence.end:
                    drifting.pop(name, None)
            if incident.closed == evidence.end:
                for name in incident.members:
                    drifting.pop(name, None)
        return drifting

    def _counts_as_drift(self, flagged: Mapping[str, Milliseconds]) -> bool:
        """Say whether the model drifts: derived features explain, and do not count."""
        return self.calibrated and any(one.name in flagged for one in self.profile.features if one.role != "derived")

    # --- the verdict

    def verdict(self, state: JudgeState, window: Window, scores: Sequence[FeatureScores] | None = None) -> Verdict:
        """Return the verdict as of now, with `window` shown beside it; without `scores` the window is scored here."""
        if scores is None:
            scores = self.scorer.scores(window.summary.counts)
        evidence = None if self.detector is None else self.detector.standing(state.detector)
        strengths = np.full(len(self._names), -np.inf) if evidence is None else evidence.strongest
        features = tuple(
            self._feature(state, evidence, float(strengths[index]), index, feature, score)
            for index, (feature, score) in enumerate(zip(self.profile.features, scores, strict=True))
        )
        return Verdict(
            self.profile.model, self.profile.digest, window, features, state.last_drift, state.open_incidents
        )

    def before_first(self) -> Verdict:
        """Return the verdict before any slice."""
        return self.verdict(self.start(), Window(0, 0, 0, Summary.zero(self.profile.bins)))

    def _feature(
        self,
        state: JudgeState,
        evidence: Evidence | None,
        strength: float,
        index: int,
        feature: Feature,
        scores: FeatureScores,
    ) -> FeatureVerdict:
        if self.detector is None:
            why = sentences.NO_ORDER_OF_TIME
            return FeatureVerdict(feature.name, feature.role, "uncalibrated", "none", None, scores, why)
        smallest_visible = np.inf if evidence is None else float(evidence.smallest_visible[index])
        cause, change, member = None, None, member_of(state.incidents, feature.name)
        if self.calibrated:
            levels = None if member is None else member.level + LEVELS_ABOVE + 1
            cause = None if evidence is None else self._cause(state.detector, index, state.texts, levels)
            if evidence is not None and member is not None:
                strength = float(evidence.evidence[:levels, index].max(initial=-np.inf))
            if strength >= 0:
                texts, before = state.texts.of(feature.name), None if member is None else member.recognised
                change = self._recogniser.of(index, cause, texts, before=before)
            decided, why = decide(
                strength,
                smallest_visible,
                significant=evidence is not None and bool(evidence.significant[index]),
                cause=cause,
                feature=feature,
                change=change,
            )
            if member is not None:
                decided, why = lasting(member, cause if strength >= 0 else None, feature, change)
        else:
            decided, why = calibrating(self.profile.calibration)
        severity: Severity = severity_of(cause) if decided == "drifting" else "none"
        effect = cause.effect if decided == "drifting" and cause is not None else None
        if member is not None and strength < 0:  # nothing alarms now, yet its change is not over
            severity, effect, change = member.severity, member.effect, member.recognised
        return FeatureVerdict(
            feature=feature.name,
            role=feature.role,
            state=decided,
            severity=severity,
            since=state.flagged.get(feature.name) if decided == "drifting" else None,
            scores=scores,
            why=why,
            evidence=None if np.isneginf(strength) else strength,
            smallest_shift=None if np.isinf(smallest_visible) else smallest_visible,
            expected_until=state.expected.get(feature.name),
            alarming_effect=effect,
            follows=None if member is None else cause_of(state.incidents, member),
            change=change,
        )

    def findings(self, state: JudgeState, feature: str) -> list[JSON]:
        """Return the detector's findings in each of its windows, the shortest first; none without a detector."""
        if self.detector is None:
            return []
        index = self._names.index(feature)
        return [
            finding_json(self._named(cause, index, state.texts), evidence, self.profile.features[index])
            for evidence, cause in self.detector.causes(state.detector, index)
        ]

    # --- bytes

    def dumps(self, state: JudgeState) -> bytes:
        """Serialise a state of this judge; equal states give equal bytes."""
        return dump_state(state, self.detector, self.live_calibration)

    def loads(self, data: bytes) -> JudgeState:
        """Read what `dumps` wrote; of the state of another detector the incidents are kept. Raises StoreError."""
        return load_state(data, self.detector)
