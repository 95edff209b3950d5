"""The verdict: what is decided of a model and its features, in the public words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from driftmeter.drift import FeatureScores, Scorer
from driftmeter.panes.windows import Window
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import iso
from driftmeter.types import JSON, Milliseconds, Role
from driftmeter.verdict.incidents import Incident
from driftmeter.verdict.sentences import of_window

State = Literal["uncalibrated", "calibrating", "insufficient", "ok", "pending", "drifting"]
Severity = Literal["none", "minor", "major"]

_WORST_LAST: tuple[State, ...] = ("ok", "insufficient", "calibrating", "uncalibrated", "pending", "drifting")
_JUDGED_ROLES = ("feature", "prediction")

MINOR, MAJOR = 0.1, 0.25
"""The field's usual bounds of the population stability index."""
MINOR_RATE, MAJOR_RATE = 0.01, 0.05
"""Shares of all rows that newly are missing, unreadable, unseen or out of range, or that should be and are not."""


@dataclass(frozen=True)
class FeatureVerdict:
    """What is decided of one feature, and the scores behind it.

    `evidence` is log10 of how far past the alarm threshold the sequential evidence is, None where no detector runs;
    `smallest_shift` the smallest shift, in standard deviations, that could have been seen by now; `why` one sentence.
    """

    feature: str
    role: Role
    state: State
    severity: Severity
    since: Milliseconds | None
    scores: FeatureScores
    why: str
    evidence: float | None = None
    smallest_shift: float | None = None
    expected_until: Milliseconds | None = None

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
            "evidence": None if self.evidence is None else round(self.evidence, 3),
            "smallest_shift": None if self.smallest_shift is None else round(self.smallest_shift, 3),
            "expected_until": None if self.expected_until is None else iso(self.expected_until),
            "why": self.why,
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
    incidents: tuple[Incident, ...] = ()
    """Those that are open, oldest first."""

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
            "incident": self.incidents[-1].to_json() if self.incidents else None,
            "incidents_open": len(self.incidents),
            "features": [each.to_json() for each in self.features],
        }

    def dumps(self) -> bytes:
        """Serialise to JSON; equal verdicts give equal bytes."""
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def worst(states: Iterable[State]) -> State:
    """Return the worst of some states; `ok` of none."""
    return max(states, key=_WORST_LAST.index, default="ok")


def scorer_of(profile: Profile, settings: ModelSettings) -> Scorer:
    """Return the scorer of a profile; it shows the tests that the settings name for the model or for a feature."""
    own = {name: each.tests for name, each in settings.features.items() if each.tests is not None}
    return Scorer(profile.features, [own.get(feature.name, settings.tests) for feature in profile.features])


def judge_window(profile: Profile, scores: Sequence[FeatureScores], window: Window, settings: ModelSettings) -> Verdict:
    """Decide on one window by itself, as of a batch: Benjamini and Hochberg (1995) over the features, and an effect
    beyond tolerance besides, since with enough rows everything is significant, however small.

    `scores` are in the order of the profile's features. Pure: equal inputs give equal bytes.
    """
    enough = window.summary.rows >= max(1, settings.min_rows)
    flagged = _flagged(profile, scores, settings)
    features = []
    for feature, score, now in zip(profile.features, scores, flagged, strict=True):
        state: State = "insufficient" if not enough else "drifting" if now else "ok"
        severity = grade(score, score.effect_low) if state == "drifting" else "none"
        why = of_window(state, score, window.summary.rows, settings)
        features.append(FeatureVerdict(feature.name, feature.role, state, severity, None, score, why))
    return Verdict(profile.model, profile.digest, window, tuple(features))


def _flagged(
    profile: Profile, scores: Sequence[FeatureScores], settings: ModelSettings
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    p_values = np.array([score.p_value for score in scores])
    effects = np.array([score.largest_effect for score in scores])
    tolerances = np.array([settings.tolerance_of(feature.name) for feature in profile.features])
    order = np.argsort(p_values, kind="stable")
    bounds = settings.false_discovery_rate * np.arange(1, len(scores) + 1) / max(len(scores), 1)
    below = np.flatnonzero(p_values[order] <= bounds)
    rejected = np.zeros(len(scores), dtype=bool)
    if below.size:
        rejected[order[: below[-1] + 1]] = True
    return rejected & (effects >= tolerances)


def grade(scores: FeatureScores, low: float) -> Severity:
    """Grade by the lower bound of the drift, or by what newly is missing, unreadable, unseen, out of range, or gone."""
    if low >= MAJOR or scores.excess >= MAJOR_RATE:
        return "major"
    return "minor" if low >= MINOR or scores.excess >= MINOR_RATE else "none"


def tests_json(scores: FeatureScores) -> JSON:
    """Return each test's statistic and p-value, in the public words."""
    return {
        name: {"statistic": tidy(score.statistic), "p_value": tidy(score.p_value)}
        for name, score in scores.tests.items()
    }


def tidy(value: float | None) -> float | None:
    """Round to 10 significant digits: past those, two processors may differ in the last bit."""
    return None if value is None else float(f"{value:.10g}")
