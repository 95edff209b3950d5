"""Judging: from closed slices to alarms, incidents and verdicts. Pure; what the server, a backtest and a bench run."""

from __future__ import annotations

import json
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.detectors import DETECTORS, Cause, Detector, Evidence
from driftmeter.detectors.protocol import Mask, strongest
from driftmeter.drift import FeatureScores
from driftmeter.errors import StoreError
from driftmeter.panes.pane import Slice
from driftmeter.panes.windows import Window
from driftmeter.profile.calibration import Calibration
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY
from driftmeter.types import JSON, Floats, Milliseconds, Role
from driftmeter.verdict import sentences
from driftmeter.verdict.expectation import Expectation
from driftmeter.verdict.incidents import LEVELS_ABOVE, Flag, Incident, member_of, turn
from driftmeter.verdict.verdict import (
    MAJOR,
    MAJOR_RATE,
    MINOR,
    MINOR_RATE,
    FeatureVerdict,
    State,
    Verdict,
    grade,
    scorer_of,
)

LONGEST_GAP = DAY // 2
LARGEST_BLIND = 1.0
"""Where only a larger shift than this, in standard deviations, could be seen, there are too few rows to judge."""
MOST_REHEARSED = 64
"""So many panes are played through to say when features will be judged."""
NEARLY = -1.0
"""From this evidence on a feature is pending: it would alarm if ten times as many false pages were allowed."""
_HEAD = struct.Struct("<I")


@dataclass(frozen=True)
class Alarm:
    """A feature that was not flagged before, as it joins or opens an incident."""

    feature: str
    role: Role
    at: Milliseconds
    since: Milliseconds
    evidence: float
    severity: str
    why: str
    incident: str


@dataclass(frozen=True)
class Step:
    """What one slice brought: alarms, the incidents they opened, the incidents that closed; `read` where the detector
    had a pane complete."""

    alarms: tuple[Alarm, ...] = ()
    opened: tuple[Incident, ...] = ()
    closed: tuple[Incident, ...] = ()
    read: bool = False


@dataclass(frozen=True, eq=False)
class JudgeState:
    """What one slice hands to the next: the detector's state, since when each feature is flagged, the incidents.

    `expected` are the features whose drift is expected now, and until when. `clock` is event time in which a gap of any
    length counts as half a day at most, or as panes come: no rows are no sign that a fault is over. `last` is when the
    last pane ended.
    """

    detector: Any = None
    flagged: Mapping[str, Milliseconds] = field(default_factory=dict)
    last_drift: Milliseconds | None = None
    incidents: tuple[Incident, ...] = ()
    last: Milliseconds = 0
    clock: Milliseconds = 0
    expected: Mapping[str, Milliseconds] = field(default_factory=dict)

    @property
    def open_incidents(self) -> tuple[Incident, ...]:
        """The incidents that are open, oldest first."""
        return tuple(each for each in self.incidents if each.closed is None)


class Judge:
    """Judges the slices of one profile's rows. Compiled once; keeps no state of its own."""

    def __init__(
        self, profile: Profile, settings: ModelSettings | None = None, warm: Calibration | None = None
    ) -> None:
        """Compile the tables of scorer and detector.

        `warm` is a calibration by live traffic, for a profile that has none and whose rows are not independent:
        with it evidence is shown, and nothing pages.
        """
        self.profile = profile
        self.settings = settings or ModelSettings()
        self.scorer = scorer_of(profile, self.settings)
        self.detector: Detector[Any] | None = None
        self._pages = [True] * len(profile.features)
        self.calibrated = profile.independent or covers_days(profile.calibration)
        self.needs_warmth = not profile.independent and profile.calibration is None
        self.warm = warm if self.needs_warmth else None
        if not self.needs_warmth:
            self.detector = DETECTORS[self.settings.guarantee](profile, self.settings)
        elif warm is not None:
            self.detector = DETECTORS[self.settings.guarantee](replace(profile, calibration=warm), self.settings)
        for index, feature in enumerate(profile.features):
            own = self.settings.features.get(feature.name)
            self._pages[index] = own is None or own.pages

    def start(self) -> JudgeState:
        """Return the state before the first slice."""
        return JudgeState(None if self.detector is None else self.detector.start())

    # --- one slice

    def step(self, state: JudgeState, slice_: Slice, expected: Sequence[Expectation] = ()) -> tuple[JudgeState, Step]:
        """Take the next closed slice, in ascending order; `expected` is what is expected as of now."""
        if self.detector is None:
            return state, Step()
        state, over = self._expect(state, expected, slice_)
        after, reading = self.detector.update(state.detector, slice_)
        state = replace(state, detector=after)
        if reading is None:
            return state, Step()
        state = self._resume(state, over, reading.start)
        flags = self._flags(state, reading) if self.calibrated else []
        passed = min(reading.end - state.last, max(LONGEST_GAP, reading.pace)) if state.last else 0
        state = replace(state, last=reading.end, clock=state.clock + passed)
        done = turn(state.incidents, flags, reading.end, state.clock)
        state = self._remember(state, reading, done.incidents)
        for incident in done.closed:
            state = self._restarted(state, incident.members)
        alarms = tuple(
            Alarm(f.feature, f.role, reading.end, f.since, f.evidence, f.severity, f.why, _incident(done.incidents, f))
            for f in done.joined
        )
        return state, Step(alarms, done.opened, done.closed, True)

    def _expect(
        self, state: JudgeState, expected: Sequence[Expectation], now: Slice
    ) -> tuple[JudgeState, Mapping[str, Milliseconds]]:
        """Keep what is expected; where that is over, begin anew: its windows hold what was expected.

        Return what is over besides, and since when: it is kept until the detector's pane is complete.
        """
        current: dict[str, Milliseconds] = {}
        for each in expected:
            if each.since < now.end and now.start < each.until:
                names = [f.name for f in self.profile.features] if each.feature is None else [each.feature]
                current |= {name: max(each.until, current.get(name, 0)) for name in names}
        over = {name: min(until, now.start) for name, until in state.expected.items() if name not in current}
        return self._restarted(replace(state, expected={**over, **current}), over), over

    def _resume(self, state: JudgeState, over: Mapping[str, Milliseconds], start: Milliseconds) -> JudgeState:
        """Drop what is over, unless the pane that began at `start` holds some of it yet: then begin anew after it."""
        mixed = [name for name, since in over.items() if start < since]
        kept = {name: until for name, until in state.expected.items() if name not in over or name in mixed}
        return self._restarted(replace(state, expected=kept), mixed)

    def _restarted(self, state: JudgeState, names: Collection[str]) -> JudgeState:
        if not names or self.detector is None:
            return state
        return replace(state, detector=self.detector.restart(state.detector, self._mask(names)))

    def _mask(self, names: Collection[str]) -> Mask:
        return np.array([feature.name in names for feature in self.profile.features], dtype=bool)

    def _flags(self, state: JudgeState, reading: Evidence) -> list[Flag]:
        """Return the features that alarm at this pane, each at its shortest window that does."""
        alarms = reading.alarms()
        flags = []
        for index in np.flatnonzero((alarms >= 0).any(axis=0)).tolist():
            feature = self.profile.features[index]
            if not self._pages[index] or feature.name in state.expected:
                continue
            level = int(np.flatnonzero(alarms[:, index] >= 0)[0])
            cause = self._cause(state, index)
            flags.append(
                Flag(
                    feature.name,
                    feature.role,
                    state.flagged.get(feature.name, reading.start),
                    level,
                    int(reading.lengths[level]),
                    float(alarms[:, index].max()),
                    _severity(float(reading.effect_low[index]), cause),
                    sentences.drifting(cause),
                )
            )
        return flags

    def _cause(self, state: JudgeState, index: int) -> Cause | None:
        return None if self.detector is None else strongest(self.detector.causes(state.detector, index))

    def _remember(self, state: JudgeState, reading: Evidence, incidents: tuple[Incident, ...]) -> JudgeState:
        state = replace(state, incidents=incidents)
        evidence = self._evidence(state, reading)
        drifting = [self.profile.features[index].name for index in np.flatnonzero(evidence >= 0)]
        flagged = {name: state.flagged.get(name, reading.start) for name in drifting}
        judged = [f.name for f in self.profile.features if f.role != "derived" and f.name in flagged]
        last = reading.end if judged and self.calibrated else state.last_drift
        return replace(state, flagged=flagged, last_drift=last)

    def _evidence(self, state: JudgeState, reading: Evidence) -> Floats:
        """Return each feature's evidence; during an incident that of the windows that may keep it open."""
        evidence = reading.strongest
        for incident in state.open_incidents:
            for index in np.flatnonzero(self._mask(incident.members)).tolist():
                top = incident.members[self.profile.features[index].name].level + LEVELS_ABOVE + 1
                evidence[index] = reading.evidence[:top, index].max(initial=-np.inf)
        return evidence

    # --- the verdict

    def verdict(self, state: JudgeState, window: Window, scores: Sequence[FeatureScores] | None = None) -> Verdict:
        """Return the verdict as of now; `window` is what is shown beside it, `scores` are its scores."""
        if scores is None:
            scores = self.scorer.scores(window.summary.counts)
        reading = None if self.detector is None else self.detector.standing(state.detector)
        number = len(self.profile.features)
        evidence = np.full(number, -np.inf) if reading is None else self._evidence(state, reading)
        features = tuple(
            self._feature(state, reading, float(evidence[index]), index, feature, score)
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
        reading: Evidence | None,
        evidence: float,
        index: int,
        feature: Feature,
        scores: FeatureScores,
    ) -> FeatureVerdict:
        until = state.expected.get(feature.name)
        if self.detector is None:
            return FeatureVerdict(
                feature.name, feature.role, "uncalibrated", "none", None, scores, sentences.UNCALIBRATED
            )
        smallest = np.inf if reading is None else float(reading.smallest[index])
        decided, sentence = self._state(state, reading, index, evidence, smallest)
        drifting = decided == "drifting"
        cause = self._cause(state, index) if drifting else None
        low = 0.0 if reading is None else float(reading.effect_low[index])
        return FeatureVerdict(
            feature.name,
            feature.role,
            decided,
            _severer(grade(scores, low), _severity(low, cause)) if drifting else "none",  # type: ignore[arg-type]  # one of its words
            state.flagged.get(feature.name) if drifting else None,
            scores,
            sentence,
            None if np.isneginf(evidence) else evidence,
            None if np.isinf(smallest) else smallest,
            until,
        )

    def _state(
        self, state: JudgeState, reading: Evidence | None, index: int, evidence: float, smallest: float
    ) -> tuple[State, str]:
        if not self.calibrated:
            known = self.profile.calibration
            return "calibrating", sentences.WARMING if known is None else sentences.calibrating(known.covered)
        if evidence >= 0:
            return "drifting", sentences.drifting(self._cause(state, index))
        if reading is None or smallest > LARGEST_BLIND:
            return "insufficient", sentences.insufficient(None if np.isinf(smallest) else smallest)
        cause = self._cause(state, index)
        if evidence >= NEARLY:
            return "pending", sentences.pending(cause)
        if member_of(state.incidents, self.profile.features[index].name) is not None:
            return "ok", sentences.latched()
        return "ok", sentences.ok(bool(reading.inside[index]), cause)

    def findings(self, state: JudgeState, feature: str) -> list[JSON]:
        """Return what the detector found in each of its windows, the shortest first."""
        if self.detector is None:
            return []
        index = [each.name for each in self.profile.features].index(feature)
        return [
            {
                "window_seconds": cause.window / 1000,
                "rows": cause.rows,
                "evidence": round(evidence, 3),
                "found": sentences.finding(cause),
            }
            for evidence, cause in self.detector.causes(state.detector, index)
        ]

    # --- bytes

    def dumps(self, state: JudgeState) -> bytes:
        """Serialise; equal states give equal bytes."""
        head = {
            "detector": None if self.detector is None else self.detector.name,
            "flagged": dict(sorted(state.flagged.items())),
            "last_drift": state.last_drift,
            "incidents": [each.dump() for each in state.incidents],
            "warm": None if self.warm is None else self.warm.to_json(),
            "last": state.last,
            "clock": state.clock,
            "expected": dict(sorted(state.expected.items())),
        }
        text = json.dumps(head, separators=(",", ":")).encode()
        body = b"" if self.detector is None else self.detector.dumps(state.detector)
        return _HEAD.pack(len(text)) + text + body

    def loads(self, data: bytes) -> JudgeState:
        """Read what `dumps` wrote; no bytes are the state before the first slice. A state of another detector keeps
        its incidents, and lets this one begin anew. Raises StoreError on anything else."""
        if not data:
            return self.start()
        try:
            head, body = read_head(data)
            detector = None
            if self.detector is not None:
                same = head["detector"] == self.detector.name
                detector = self.detector.loads(body) if same else self.detector.start()
            incidents = tuple(map(Incident.load, head["incidents"]))
            return JudgeState(
                detector, head["flagged"], head["last_drift"], incidents, head["last"], head["clock"], head["expected"]
            )
        except (struct.error, KeyError, TypeError, ValueError) as error:
            raise StoreError(f"the judge's state cannot be read: {error}") from error


def read_head(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the first part of a state, which is JSON, and the detector's."""
    (length,) = _HEAD.unpack_from(data)
    return json.loads(data[_HEAD.size : _HEAD.size + length]), data[_HEAD.size + length :]


def warm_in(data: bytes) -> Calibration | None:
    """Return the calibration by live traffic that a state was made with."""
    found = read_head(data)[0]["warm"] if data else None
    return None if found is None else Calibration.from_json(found)


def incidents_in(data: bytes) -> tuple[Incident, ...]:
    """Return the incidents of a state, oldest first; none of no bytes."""
    return tuple(map(Incident.load, read_head(data)[0]["incidents"])) if data else ()


def covers_days(calibration: Calibration | None) -> bool:
    """Say whether a calibration knows how days differ: whether it covers twelve of them."""
    return calibration is not None and calibration.covered >= sentences.NEEDED_DAYS * DAY


RARE_IN_REFERENCE = frozenset(
    ["missing", "unseen", "unreadable", "below", "above", "far below", "far above", "not finite"]
)
"""Bins in which there should be few rows."""


def judged_after(profile: Profile, settings: ModelSettings | None = None) -> tuple[int, int]:
    """Return after how many rows features are no longer insufficient, rows coming as the reference's did, and how many
    features still are after MOST_REHEARSED panes; 0 rows where all are.

    Raises ValueError where the profile has no calibration, which knows how they came.
    """
    known = profile.calibration
    if known is None:
        raise ValueError("expected a profile with a calibration")
    settings = settings or ModelSettings()
    detector: Detector[Any] = DETECTORS[settings.guarantee](profile, settings)
    length = known.lengths[0]
    counts = np.concatenate([feature.reference for feature in profile.features]) / known.windows[0]
    pane = Summary(max(1, profile.rows // known.windows[0]), np.rint(counts).astype(np.int64))
    state, after, blind = detector.start(), 0, len(profile.features)
    for number in range(MOST_REHEARSED):
        state, reading = detector.update(state, Slice(number * length, length, pane))
        left = blind if reading is None else int(np.count_nonzero(reading.smallest > LARGEST_BLIND))
        if left < blind:
            after, blind = (number + 1) * pane.rows, left
        if not blind:
            break
    return after, blind


def _severity(low: float, cause: Cause | None) -> str:
    """Grade by the lower bound, or by how many more rows are in a bin where there should be none."""
    excess = 0.0
    if cause is not None and not cause.category and cause.what in RARE_IN_REFERENCE:
        excess = cause.value - cause.reference
    if low >= MAJOR or excess >= MAJOR_RATE:
        return "major"
    return "minor" if low >= MINOR or excess >= MINOR_RATE else "none"


def _severer(one: str, other: str) -> str:
    return max(one, other, key=("none", "minor", "major").index)


def _incident(incidents: Sequence[Incident], flag: Flag) -> str:
    return next(each.id for each in reversed(incidents) if flag.feature in each.members)
