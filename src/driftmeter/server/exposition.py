"""What Prometheus reads of the verdicts: the same values from every replica, written from prepared labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from driftmeter.server.watch.view import ModelView
from driftmeter.timestamps import parse_time
from driftmeter.types import JSON

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "driftmeter_"

FAMILIES: dict[str, str] = {
    "feature_statistic": "Statistic of a drift test on the judging window.",
    "feature_p_value": "P-value of a drift test on the judging window.",
    "feature_effect": "Size of the drift: null-corrected population stability index.",
    "feature_evidence": "Log10 of how far past the alarm threshold the sequential evidence is.",
    "feature_drifting": "1 while the feature drifts.",
    "features_drifting": "Features that drift.",
    "features_monitored": "Features that are judged.",
    "last_drift_timestamp_seconds": "Event time at which a feature last drifted.",
    "verdict_timestamp_seconds": "Event time at which the judged window ends.",
    "incident_open": "1 while an incident is open.",
    "window_rows": "Rows in the judging window.",
    "coverage_ratio": "Share of the rows that sources observed lately which the verdicts rest on.",
    "sources_silent": "Sources that vanished: heard of in the last hour, not in the last minute, without a goodbye.",
}
"""Every gauge of the verdicts without its prefix, and its help."""


@dataclass(frozen=True)
class _FeatureLabels:
    """Everything of a feature's lines but the values; of tests, the labels of statistic and p-value."""

    effect: str
    evidence: str
    drifting: str
    rest: str
    tests: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Labels:
    """Everything of a model's lines but the values."""

    model: dict[str, str]
    features: dict[str, _FeatureLabels] = field(default_factory=dict)

    @classmethod
    def of(cls, model: str) -> _Labels:
        return cls({family: f'{PREFIX}{family}{{model="{escape(model)}"}} ' for family in FAMILIES})

    def feature(self, name: str) -> _FeatureLabels:
        found = self.features.get(name)
        if found is None:
            rest = f',feature="{escape(name)}"'
            effect, evidence, drifting = (
                self._with(f"feature_{each}", rest) for each in ("effect", "evidence", "drifting")
            )
            found = self.features[name] = _FeatureLabels(effect, evidence, drifting, rest)
        return found

    def test(self, feature: _FeatureLabels, test: str) -> tuple[str, str]:
        rest = f'{feature.rest},test="{escape(test)}"'
        found = self._with("feature_statistic", rest), self._with("feature_p_value", rest)
        feature.tests[test] = found
        return found

    def _with(self, family: str, rest: str) -> str:
        return f"{self.model[family][:-2]}{rest}}} "


class Exposition:
    """Renders views. Keeps the labels of each (model, digest), and the lines of each verdict, that it saw last."""

    def __init__(self) -> None:
        """Start without labels."""
        self._labels: dict[tuple[str, str], _Labels] = {}
        self._lines: dict[str, tuple[JSON, dict[str, list[str]]]] = {}

    def render(self, views: Iterable[ModelView], now: float) -> str:
        """Write the views that are still current at `now`, by the monotonic clock, as Prometheus text.

        What a verdict leaves open (null) has no line: there is never a NaN.
        """
        current = sorted((view for view in views if view.current(now)), key=lambda view: view.model)
        keys = {(view.model, view.digest) for view in current}
        self._labels = {key: labels for key, labels in self._labels.items() if key in keys}
        lines: dict[str, list[str]] = {family: [] for family in FAMILIES}
        kept = {}
        for view in current:
            labels = self._labels.setdefault((view.model, view.digest), _Labels.of(view.model))
            verdict, of_features = self._lines.get(view.model, (None, {}))
            if verdict is not view.verdict:
                of_features = _feature_lines(labels, view.verdict["features"])
            kept[view.model] = (view.verdict, of_features)
            for family, found in of_features.items():
                lines[family].extend(found)
            _add_model(lines, labels, view)
        self._lines = kept
        parts: list[str] = []
        for family, help_text in FAMILIES.items():
            name = PREFIX + family
            parts.append(f"# HELP {name} {help_text}\n# TYPE {name} gauge")
            parts.extend(lines[family])
        return "\n".join(parts) + "\n"


def _add_model(lines: dict[str, list[str]], labels: _Labels, view: ModelView) -> None:
    verdict = view.verdict
    last_drift, end = verdict["last_drift"], verdict["window"]["end"]
    values: dict[str, float | None] = {
        "features_drifting": verdict["features_drifting"],
        "features_monitored": verdict["features_monitored"],
        "last_drift_timestamp_seconds": None if last_drift is None else parse_time(last_drift) / 1000,
        "verdict_timestamp_seconds": None if end is None else parse_time(end) / 1000,
        "incident_open": int(verdict["incident"] is not None),
        "window_rows": verdict["rows"],
        "coverage_ratio": view.coverage,
        "sources_silent": view.silent,
    }
    for family, value in values.items():
        if value is not None:
            lines[family].append(f"{labels.model[family]}{value!r}")


def _feature_lines(labels: _Labels, features: Iterable[JSON]) -> dict[str, list[str]]:
    statistics: list[str] = []
    p_values: list[str] = []
    effects: list[str] = []
    evidences: list[str] = []
    drifting: list[str] = []
    for feature in features:
        own = labels.feature(feature["feature"])
        if (effect := feature["effect"]) is not None:
            effects.append(f"{own.effect}{effect!r}")
        if (evidence := feature["evidence"]) is not None:
            evidences.append(f"{own.evidence}{evidence!r}")
        drifting.append(own.drifting + ("1" if feature["drifting"] else "0"))
        for test, score in feature["tests"].items():
            statistic_label, p_value_label = own.tests.get(test) or labels.test(own, test)
            if (statistic := score["statistic"]) is not None:
                statistics.append(f"{statistic_label}{statistic!r}")
            if (p_value := score["p_value"]) is not None:
                p_values.append(f"{p_value_label}{p_value!r}")
    return {
        "feature_statistic": statistics,
        "feature_p_value": p_values,
        "feature_effect": effects,
        "feature_evidence": evidences,
        "feature_drifting": drifting,
    }


def escape(value: str) -> str:
    """Escape a label value.

    >>> escape('a "b" c')
    'a \\\\"b\\\\" c'
    """
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
