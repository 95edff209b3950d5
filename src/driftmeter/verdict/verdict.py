"""The verdict: what is decided of a model and its features, and its JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from driftmeter.drift import FeatureScores
from driftmeter.panes.windows import Window
from driftmeter.timestamps import iso
from driftmeter.types import JSON, Milliseconds, Role
from driftmeter.verdict.changes import Change
from driftmeter.verdict.incidents import Incident
from driftmeter.verdict.severity import Severity
from driftmeter.verdict.summary import causes_of, summary_of

State = Literal["uncalibrated", "calibrating", "insufficient", "ok", "pending", "drifting"]
_WORST_LAST: tuple[State, ...] = ("ok", "insufficient", "calibrating", "uncalibrated", "pending", "drifting")
_JUDGED_ROLES = ("feature", "prediction")


@dataclass(frozen=True)
class FeatureVerdict:
    """What is decided of one feature, and the scores behind it.

    `since` is when the drift began, None where the feature does not drift. `why` is one sentence. `evidence` is log10
    of how far past the alarm threshold the sequential evidence is, None where no detector runs, or none has judged yet.
    `smallest_shift` is the smallest shift, in standard deviations, that could have been seen by now, None where none
    could. `expected_until` is when an expectation of the feature's drift ends, None without one. `alarming_effect`
    is the effect in the window that alarms, None where none does. `follows` names the feature that is to blame for its
    drift, None where it is itself, as once the other is over, or nothing drifts. `change` is what kind of change it is,
    None where that is not sure.
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
    alarming_effect: float | None = None
    follows: str | None = None
    change: Change | None = None

    @property
    def drifting(self) -> bool:
        """Whether the feature drifts now."""
        return self.state == "drifting"

    @property
    def effect(self) -> float:
        """The effect: of the window that alarms, as the severity is, or else of the window that is shown."""
        return self.scores.effect if self.alarming_effect is None else self.alarming_effect

    def to_json(self) -> JSON:
        """Return plain JSON: times in ISO 8601, numbers rounded so that all processors agree."""
        scores = self.scores
        return {
            "feature": self.feature,
            "role": self.role,
            "state": self.state,
            "drifting": self.drifting,
            "severity": self.severity,
            "since": None if self.since is None else iso(self.since),
            "effect": round10(self.effect),
            "p_value": round10(scores.p_value),
            "evidence": None if self.evidence is None else round(self.evidence, 3),
            "smallest_shift": None if self.smallest_shift is None else round(self.smallest_shift, 3),
            "expected_until": None if self.expected_until is None else iso(self.expected_until),
            "why": self.why,
            "follows": self.follows,
            "change": None if self.change is None else self.change.to_json(),
            "tests": tests_json(scores),
            "rates": {
                name: {"reference": round10(reference), "window": round10(window)}
                for name, (reference, window) in scores.rates.items()
            },
        }


@dataclass(frozen=True)
class Verdict:
    """What is decided of a model. Holds event times only, so that all replicas give the same bytes.

    `window` is what is shown beside the decision. `last_drift` is when the last pane ended at which a feature or
    prediction drifted. `incidents` are the open ones, oldest first.
    """

    model: str
    digest: str
    window: Window
    features: tuple[FeatureVerdict, ...]
    last_drift: Milliseconds | None = None
    incidents: tuple[Incident, ...] = ()

    @property
    def state(self) -> State:
        """The worst state of a feature or prediction; derived features explain, and do not count."""
        return worst(feature.state for feature in self.features if feature.role in _JUDGED_ROLES)

    def to_json(self) -> JSON:
        """Return plain JSON: times in ISO 8601, null for a window without slices."""
        window = self.window
        features = [feature.to_json() for feature in self.features]
        drifting = [feature for feature in features if feature["drifting"]]
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
            "features_drifting": sum(feature.drifting for feature in self.features),
            "features_monitored": len(self.features),
            "last_drift": None if self.last_drift is None else iso(self.last_drift),
            "incident": self.incidents[-1].to_json() if self.incidents else None,
            "incidents_open": len(self.incidents),
            "incident_ids": [incident.id for incident in self.incidents],
            "incident_oldest": iso(min(one.open_since for one in self.incidents)) if self.incidents else None,
            "causes": [cause["feature"] for cause in causes_of(drifting)],
            "summary": summary_of(drifting),
            "features": features,
        }

    def dumps(self) -> bytes:
        """Serialise to JSON; equal verdicts give equal bytes."""
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def worst(states: Iterable[State]) -> State:
    """Return the worst of some states, `ok` if there are none."""
    return max(states, key=_WORST_LAST.index, default="ok")


def tests_json(scores: FeatureScores) -> JSON:
    """Return each shown test's statistic and p-value as plain JSON."""
    return {
        name: {"statistic": round10(score.statistic), "p_value": round10(score.p_value)}
        for name, score in scores.tests.items()
    }


def round10(value: float | None) -> float | None:
    """Round to 10 significant digits, None to None: beyond those, two processors may differ in the last bit.

    >>> round10(0.1 + 0.2)
    0.3
    """
    return None if value is None else float(f"{value:.10g}")
