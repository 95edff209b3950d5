"""The answers to questions about a model, as plain JSON. Pure functions of what the store holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from driftmeter.drift import FeatureScores
from driftmeter.panes.pane import Slice
from driftmeter.panes.windows import Window, WindowSetting
from driftmeter.profile.feature import Feature
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import iso
from driftmeter.types import JSON, Counts, Milliseconds
from driftmeter.verdict.expectation import Expectation
from driftmeter.verdict.incidents import Incident
from driftmeter.verdict.scorer import scorer_of_feature
from driftmeter.verdict.verdict import round10, tests_json

Acknowledgement = tuple[Milliseconds, str]
"""When somebody acknowledged an incident, and with which note."""


def shown_windows(judging: WindowSetting, recent: Sequence[Slice], bins: int) -> dict[str, Window]:
    """Return the windows in which a feature is shown: the judging one, and its two halves if both are set.

    `recent` are closed slices, ascending by end, that reach back far enough for the judging window.
    """
    settings = {"judging": judging}
    if judging.rows:
        settings["rows"] = WindowSetting(0, judging.rows)
    if judging.length:
        settings["time"] = WindowSetting(judging.length, 0)
    return {name: setting.select(recent, bins) for name, setting in settings.items()}


def window_json(window: Window, scores: FeatureScores, counts: Counts) -> JSON:
    """Return a feature's scores and its counts, of shape (bins of the feature,), in a window."""
    return {
        "start": iso(window.start),
        "end": iso(window.end),
        "rows": window.summary.rows,
        "effect": round10(scores.effect),
        "p_value": round10(scores.p_value),
        "tests": tests_json(scores),
        "counts": counts.tolist(),
    }


def feature_windows_json(feature: Feature, part: slice, settings: ModelSettings, windows: Mapping[str, Window]) -> JSON:
    """Return a feature's bins, and its scores and counts in each window, of whose counts it has a `part`."""
    scorer = scorer_of_feature(feature, settings)
    return {
        **bins_json(feature),
        "windows": {
            name: window_json(window, scorer.scores(counts)[0], counts)
            for name, window in windows.items()
            for counts in (window.summary.counts[part],)
        },
    }


def bins_json(feature: Feature) -> JSON:
    """Return a feature's kind, the labels of its bins, and the reference's counts in them."""
    return {
        "kind": feature.kind,
        "bins": list(feature.grid.labels),
        "reference": list(feature.counts),
    }


def history_json(verdicts: Iterable[tuple[Milliseconds, bytes]]) -> list[JSON]:
    """Return verdicts with the time `at` which each was kept."""
    return [{"at": iso(at), **json.loads(verdict)} for at, verdict in verdicts]


def incidents_json(incidents: Sequence[Incident], acknowledged: Mapping[str, Acknowledgement]) -> list[JSON]:
    """Return incidents, given oldest first, newest first; each says when it was acknowledged, None if never."""
    return [acknowledged_json(incident.to_json(), acknowledged.get(incident.id)) for incident in reversed(incidents)]


def acknowledged_json(incident: JSON, acknowledgement: Acknowledgement | None) -> JSON:
    """Return an incident as JSON with its acknowledgement."""
    if acknowledgement is None:
        return {**incident, "acknowledged": None}
    at, note = acknowledgement
    return {**incident, "acknowledged": {"at": iso(at), "note": note}}


def expectations_json(expectations: Iterable[Expectation]) -> list[JSON]:
    """Return expectations; `feature` is None for one of the whole model."""
    return [
        {
            "feature": expectation.feature,
            "since": iso(expectation.since),
            "until": iso(expectation.until),
            "note": expectation.note,
        }
        for expectation in expectations
    ]
