"""The verdict: what the scores of a window mean. Nothing else in driftmeter decides what drift is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from driftmeter.drift import FeatureScores
from driftmeter.errors import InputError
from driftmeter.panes import Window, WindowSetting, iso
from driftmeter.profile import Feature, Profile
from driftmeter.types import JSON, Milliseconds, Role

State = Literal["insufficient", "ok", "pending", "drifting"]
Severity = Literal["none", "minor", "major"]

_WORST_LAST: tuple[State, ...] = ("ok", "insufficient", "pending", "drifting")
_JUDGED_ROLES = ("feature", "prediction")
_MOST_INCIDENTS = 200

MINOR, MAJOR = 0.1, 0.25
"""The field's usual bounds of the population stability index."""
MINOR_RATE, MAJOR_RATE = 0.01, 0.05
"""Shares of all rows that newly are missing, unseen or out of range."""


@dataclass(frozen=True)
class JudgeSettings:
    """What counts as drift: window, false discovery rate over the features, least effect, least rows.

    `confirmations` is how many panes in a row must flag a feature before it is drifting.
    """

    window: WindowSetting = field(default_factory=WindowSetting)
    false_discovery_rate: float = 0.01
    tolerance: float = 0.01
    min_rows: int = 200
    confirmations: int = 2

    def __post_init__(self) -> None:
        """Refuse settings that could not work."""
        if not 0 < self.false_discovery_rate < 1:
            raise InputError("false_discovery_rate", "above 0 and below 1", str(self.false_discovery_rate))
        if not 0 <= self.tolerance <= 10:
            raise InputError("tolerance", "a PSI from 0 to 10", str(self.tolerance))


@dataclass(frozen=True)
class Flag:
    """A run of panes that all flagged a feature: the start of the first, and how many."""

    since: Milliseconds
    panes: int


@dataclass(frozen=True)
class Incident:
    """Features that went together: opens with the first that drifts, closes when all have been quiet."""

    opened: Milliseconds
    since: Milliseconds
    features: Mapping[str, Milliseconds]
    flagged: Milliseconds
    closed: Milliseconds | None = None

    @property
    def id(self) -> str:
        """Unique within the model, the same on every replica."""
        return str(self.opened)

    def to_json(self) -> JSON:
        """JSON for people: times in ISO 8601."""
        return {
            "id": self.id,
            "state": "open" if self.closed is None else "closed",
            "opened": iso(self.opened),
            "since": iso(self.since),
            "closed": None if self.closed is None else iso(self.closed),
            "features": [{"feature": name, "since": iso(since)} for name, since in sorted(self.features.items())],
        }


@dataclass(frozen=True)
class JudgeState:
    """What one verdict hands to the next: the flags, the last drift, the incidents, newest last."""

    flags: Mapping[str, Flag] = field(default_factory=dict)
    last_drift: Milliseconds | None = None
    incidents: tuple[Incident, ...] = ()

    @property
    def open_incident(self) -> Incident | None:
        """The incident that is open, if one is."""
        last = self.incidents[-1] if self.incidents else None
        return last if last and last.closed is None else None

    def dumps(self) -> bytes:
        """Serialise; equal states give equal bytes."""
        content = {
            "flags": {name: [flag.since, flag.panes] for name, flag in sorted(self.flags.items())},
            "last_drift": self.last_drift,
            "incidents": [
                [each.opened, each.since, dict(sorted(each.features.items())), each.flagged, each.closed]
                for each in self.incidents
            ],
        }
        return json.dumps(content, separators=(",", ":")).encode()

    @classmethod
    def loads(cls, data: bytes) -> JudgeState:
        """Read what `dumps` wrote; no bytes are the state before the first pane."""
        if not data:
            return cls()
        content = json.loads(data)
        return cls(
            {name: Flag(*flag) for name, flag in content["flags"].items()},
            content["last_drift"],
            tuple(Incident(*each) for each in content["incidents"]),
        )


@dataclass(frozen=True)
class FeatureVerdict:
    """What is decided of one feature, and the scores behind it."""

    feature: str
    role: Role
    state: State
    severity: Severity
    since: Milliseconds | None
    scores: FeatureScores

    @property
    def drifting(self) -> bool:
        """Whether the feature drifts now."""
        return self.state == "drifting"

    def to_json(self) -> JSON:
        """The public words."""
        scores = self.scores
        return {
            "feature": self.feature,
            "role": self.role,
            "state": self.state,
            "drifting": self.drifting,
            "severity": self.severity,
            "since": None if self.since is None else iso(self.since),
            "effect": tidy(scores.effect),
            "p_value": tidy(scores.p_value),
            "evidence": None,
            "tests": tests_json(scores),
            "rates": {
                name: {"reference": tidy(reference), "window": tidy(now)}
                for name, (reference, now) in scores.rates.items()
            },
        }


@dataclass(frozen=True)
class Verdict:
    """What is decided of a model. Holds event times only, so that all replicas say it in the same bytes."""

    model: str
    digest: str
    window: Window
    features: tuple[FeatureVerdict, ...]
    last_drift: Milliseconds | None = None
    incident: Incident | None = None

    @property
    def state(self) -> State:
        """The worst state of a feature or prediction."""
        return worst(each.state for each in self.features if each.role in _JUDGED_ROLES)

    def to_json(self) -> JSON:
        """The public words."""
        window = self.window
        empty = not window.slices
        return {
            "model": self.model,
            "profile": self.digest,
            "state": self.state,
            "rows": window.summary.rows,
            "window": {
                "start": None if empty else iso(window.start),
                "end": None if empty else iso(window.end),
                "panes": window.slices,
            },
            "features_drifting": sum(each.drifting for each in self.features),
            "features_monitored": len(self.features),
            "last_drift": None if self.last_drift is None else iso(self.last_drift),
            "incident": None if self.incident is None else self.incident.to_json(),
            "features": [each.to_json() for each in self.features],
        }

    def dumps(self) -> bytes:
        """Serialise to JSON; equal verdicts give equal bytes."""
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def worst(states: Iterable[State]) -> State:
    """Return the worst of some states; `ok` of none."""
    return max(states, key=_WORST_LAST.index, default="ok")


def judge(
    profile: Profile,
    scores: Sequence[FeatureScores],
    window: Window,
    pane_start: Milliseconds,
    state: JudgeState,
    settings: JudgeSettings,
) -> tuple[Verdict, JudgeState]:
    """Decide on a window that ends with the pane starting at `pane_start`, given what came before.

    `scores` are in the order of the profile's features. Pure: equal inputs give equal bytes.
    """
    enough = window.summary.rows >= settings.min_rows
    flagged = _flagged(profile.features, scores, settings) if enough else np.zeros(len(scores), bool)
    flags: dict[str, Flag] = {}
    features = []
    for feature, score, now in zip(profile.features, scores, flagged, strict=True):
        before = state.flags.get(feature.name)
        flag = (Flag(before.since, before.panes + 1) if before else Flag(pane_start, 1)) if now else None
        if flag:
            flags[feature.name] = flag
        features.append(
            FeatureVerdict(
                feature.name,
                feature.role,
                _state(enough, flag, settings),
                grade(score) if flag else "none",
                flag.since if flag else None,
                score,
            )
        )
    drifting = {f.feature: f.since for f in features if f.drifting and f.since is not None and f.role in _JUDGED_ROLES}
    incidents = _advance(state.incidents, drifting, bool(flags), window.end, settings)
    last_drift = window.end if drifting else state.last_drift
    after = JudgeState(flags, last_drift, incidents)
    return Verdict(profile.model, profile.digest, window, tuple(features), last_drift, after.open_incident), after


def _state(enough: bool, flag: Flag | None, settings: JudgeSettings) -> State:
    if not enough:
        return "insufficient"
    if flag is None:
        return "ok"
    return "drifting" if flag.panes >= settings.confirmations else "pending"


def _flagged(
    features: Sequence[Feature], scores: Sequence[FeatureScores], settings: JudgeSettings
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Benjamini and Hochberg (1995) over the features, and an effect above tolerance besides: with enough
    rows everything is significant, however small."""
    p_values = np.array([score.p_value for score in scores])
    effects = np.array([score.effect for score in scores])
    order = np.argsort(p_values, kind="stable")
    bounds = settings.false_discovery_rate * np.arange(1, len(scores) + 1) / max(len(features), 1)
    below = np.flatnonzero(p_values[order] <= bounds)
    rejected = np.zeros(len(scores), dtype=bool)
    if below.size:
        rejected[order[: below[-1] + 1]] = True
    return rejected & (effects >= settings.tolerance)


def grade(scores: FeatureScores) -> Severity:
    """Grade by the lower bound of the effect, or by what newly is missing, unseen or out of range."""
    excess = max((now - reference for reference, now in scores.rates.values()), default=0.0)
    if scores.effect_low >= MAJOR or excess >= MAJOR_RATE:
        return "major"
    return "minor" if scores.effect_low >= MINOR or excess >= MINOR_RATE else "none"


def _advance(
    incidents: tuple[Incident, ...],
    drifting: Mapping[str, Milliseconds],
    flagged: bool,
    now: Milliseconds,
    settings: JudgeSettings,
) -> tuple[Incident, ...]:
    """Open, extend or close the latest incident."""
    last = incidents[-1] if incidents and incidents[-1].closed is None else None
    if last is None:
        if not drifting:
            return incidents
        return (*incidents, Incident(now, min(drifting.values()), dict(drifting), now))[-_MOST_INCIDENTS:]
    if drifting or flagged:
        extended = replace(last, features={**drifting, **last.features}, flagged=now)
    elif now - last.flagged >= max(settings.window.length, 1):
        extended = replace(last, closed=now)
    else:
        return incidents
    return (*incidents[:-1], extended)


def tests_json(scores: FeatureScores) -> JSON:
    """Return each test's statistic and p-value, in the public words."""
    return {
        name: {"statistic": tidy(score.statistic), "p_value": tidy(score.p_value)}
        for name, score in scores.tests.items()
    }


def tidy(value: float | None) -> float | None:
    """Round to 10 significant digits: past those, two processors may differ in the last bit."""
    return None if value is None else float(f"{value:.10g}")
