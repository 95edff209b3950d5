"""Prometheus text of the verdicts: the same values from every replica, written from prepared labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from driftmeter.server.gauges import FEATURE, GAUGES, INCIDENT, MODEL, TEST, Gauge
from driftmeter.server.watch.view import ModelView
from driftmeter.types import JSON

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "driftmeter_"

FAMILIES: dict[str, Gauge] = {gauge.name: gauge for gauge in GAUGES}
"""The gauges by their names without the prefix."""

_OF_MODEL, _OF_INCIDENT, _OF_FEATURE, _OF_TEST = (
    [gauge for gauge in GAUGES if gauge.labels == labels] for labels in (MODEL, INCIDENT, FEATURE, TEST)
)

Lines = dict[str, list[str]]
"""Lines by gauge."""
Starts = tuple[str, ...]
"""The lines of some labels up to the value, one for each gauge."""


@dataclass(frozen=True)
class _FeatureLabels:
    """The labels of a model's feature, and the starts of its lines."""

    labels: str
    starts: Starts
    tests: dict[str, Starts] = field(default_factory=dict)

    def add_test(self, name: str) -> Starts:
        starts = self.tests[name] = _starts(_OF_TEST, f'{self.labels},test="{escape(name)}"')
        return starts


@dataclass(frozen=True)
class _ModelLabels:
    """The labels of a model, and the starts of its lines."""

    labels: str
    starts: Starts
    features: dict[str, _FeatureLabels] = field(default_factory=dict)

    @classmethod
    def of(cls, model: str) -> _ModelLabels:
        labels = f'model="{escape(model)}"'
        return cls(labels, _starts(_OF_MODEL, labels))

    def feature(self, name: str) -> _FeatureLabels:
        prepared = self.features.get(name)
        if prepared is None:
            labels = f'{self.labels},feature="{escape(name)}"'
            prepared = self.features[name] = _FeatureLabels(labels, _starts(_OF_FEATURE, labels))
        return prepared


def _starts(gauges: Sequence[Gauge], labels: str) -> Starts:
    return tuple(f"{PREFIX}{gauge.name}{{{labels}}} " for gauge in gauges)


class Exposition:
    """Renders views. Keeps the labels of each (model, digest), and the lines of each verdict, that it saw last."""

    def __init__(self) -> None:
        """Start without labels."""
        self._labels: dict[tuple[str, str], _ModelLabels] = {}
        self._lines: dict[str, tuple[JSON, Lines]] = {}

    def render(self, views: Iterable[ModelView], now: float) -> str:
        """Write the views that are still current at `now`, by the monotonic clock, as Prometheus text.

        What a verdict leaves open (null) has no line: there is never a NaN.
        """
        current = sorted((view for view in views if view.current(now)), key=lambda view: view.model)
        keys = {(view.model, view.digest) for view in current}
        self._labels = {key: labels for key, labels in self._labels.items() if key in keys}
        lines: Lines = {gauge.name: [] for gauge in GAUGES}
        kept = {}
        for view in current:
            labels = self._labels.setdefault((view.model, view.digest), _ModelLabels.of(view.model))
            verdict, of_verdict = self._lines.get(view.model, (None, {}))
            if verdict is not view.verdict:
                of_verdict = {
                    **_feature_lines(labels, view.verdict["features"]),
                    **_incident_lines(labels, view.verdict.get("incident_ids", ())),
                }
            kept[view.model] = (view.verdict, of_verdict)
            for family, more_lines in (*of_verdict.items(), *_lines(_OF_MODEL, [labels.starts], [view]).items()):
                lines[family].extend(more_lines)
        self._lines = kept
        parts: list[str] = []
        for gauge in GAUGES:
            name = PREFIX + gauge.name
            parts.append(f"# HELP {name} {gauge.help}\n# TYPE {name} gauge")
            parts.extend(lines[gauge.name])
        return "\n".join(parts) + "\n"


def _feature_lines(labels: _ModelLabels, features: Sequence[JSON]) -> Lines:
    of_features = [labels.feature(feature["feature"]) for feature in features]
    test_starts: list[Starts] = []
    scores: list[JSON] = []
    for prepared, feature in zip(of_features, features, strict=True):
        tests = feature["tests"]
        test_starts.extend([prepared.tests.get(test) or prepared.add_test(test) for test in tests])
        scores.extend(tests.values())
    return {
        **_lines(_OF_FEATURE, [prepared.starts for prepared in of_features], features),
        **_lines(_OF_TEST, test_starts, scores),
    }


def _incident_lines(labels: _ModelLabels, ids: Sequence[str]) -> Lines:
    starts = [_starts(_OF_INCIDENT, f'{labels.labels},incident="{escape(one)}"') for one in ids]
    return _lines(_OF_INCIDENT, starts, ids)


def _lines(gauges: Iterable[Gauge], starts: Sequence[Starts], sources: Sequence[Any]) -> Lines:
    """Write a line of each gauge for each source that has a value; `starts` has the starts of each source's lines."""
    lines = {}
    for position, gauge in enumerate(gauges):
        read = gauge.value
        lines[gauge.name] = [
            f"{start[position]}{value!r}"
            for start, source in zip(starts, sources, strict=True)
            if (value := read(source)) is not None
        ]
    return lines


def escape(value: str) -> str:
    """Escape a label value.

    >>> escape('a "b" c')
    'a \\\\"b\\\\" c'
    """
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
