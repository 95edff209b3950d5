"""The gauges that Prometheus reads of the verdicts: one entry a gauge.

To add one: an entry here, then `make docs` for its row in docs/metrics.md. Its lines in
tests/server/golden/exposition.txt are its test, tests/server/test_exposition.py, which shows the lines that are not
there yet, and the command that puts them there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any

from driftmeter.server.watch.view import ModelView
from driftmeter.timestamps import parse_time
from driftmeter.types import JSON
from driftmeter.verdict.severity import rank

MODEL = ("model",)
"""Labels of gauges whose value is read from a ModelView."""
INCIDENT = ("model", "incident")
"""Labels of gauges whose value is read from the id of an open incident."""
FEATURE = ("model", "feature")
"""Labels of gauges whose value is read from a feature of a verdict, as JSON."""
TEST = ("model", "feature", "test")
"""Labels of gauges whose value is read from the score of a drift test of a feature, as JSON."""


@dataclass(frozen=True)
class Gauge:
    """A gauge: its name without the prefix, its help, its labels, and the function that reads its value.

    What the function takes follows from the labels: see MODEL, INCIDENT, FEATURE, TEST; the keys of a verdict and of
    its features are those of `to_json` in driftmeter.verdict.verdict. A value of None has no line.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    value: Callable[[Any], float | None]
    meaning: str
    """What docs/metrics.md says of it, in Markdown."""


def _seconds(time: str | None) -> float | None:
    return None if time is None else parse_time(time) / 1000


def _of_verdict(key: str) -> Callable[[ModelView], float | None]:
    return lambda view: view.verdict[key]


STATES = {"uncalibrated": -3, "calibrating": -2, "insufficient": -1, "ok": 0, "pending": 1, "drifting": 2}
"""The number of a state: below 0 it is not known, above 0 something is wrong."""
_STATES_MEANING = (
    "2 drifting, 1 pending, 0 ok; −1 insufficient, −2 calibrating, −3 uncalibrated "
    "([what they mean](detection.md#from-evidence-to-a-page))"
)


def _follows(feature: JSON) -> int | None:
    return int(feature.get("follows") is not None) if feature["drifting"] else None


def _open_for(view: ModelView) -> float:
    oldest, end = _seconds(view.verdict.get("incident_oldest")), _seconds(view.verdict["window"]["end"])
    return 0.0 if oldest is None or end is None else max(0.0, end - oldest)


GAUGES = (
    Gauge(
        "feature_statistic",
        "Statistic of a drift test on the judging window.",
        TEST,
        itemgetter("statistic"),
        meaning="statistic of a [drift test](#drift-tests) on the judging window, in the unit of the test",
    ),
    Gauge(
        "feature_p_value",
        "P-value of a drift test on the judging window.",
        TEST,
        itemgetter("p_value"),
        meaning="its p-value, where it has one",
    ),
    Gauge(
        "feature_effect",
        "Size of the drift: null-corrected population stability index.",
        FEATURE,
        itemgetter("effect"),
        meaning=(
            "size of the drift: population stability index less the part that chance explains, in the window that "
            "alarms, or else in the judging window"
        ),
    ),
    Gauge(
        "feature_severity",
        "How bad the drift is: 0 no drift, 1 slight, 2 minor, 3 major.",
        FEATURE,
        lambda feature: rank(feature["severity"]),
        meaning="how bad the drift is, its [severity](detection.md#severity): 0 no drift, 1 slight, 2 minor, 3 major",
    ),
    Gauge(
        "feature_evidence",
        "Log10 of how far past the alarm threshold the sequential evidence is.",
        FEATURE,
        itemgetter("evidence"),
        meaning=(
            "log₁₀ of how far the evidence of the [detector](detection.md) is past the alarm threshold: "
            "the feature is flagged from 0 on; absent while `uncalibrated`"
        ),
    ),
    Gauge(
        "feature_drifting",
        "1 while the feature drifts.",
        FEATURE,
        lambda feature: int(feature["drifting"]),
        meaning="1 while the feature drifts",
    ),
    Gauge(
        "feature_state",
        "State of the feature: 2 drifting, 1 pending, 0 ok, below 0 not known.",
        FEATURE,
        lambda feature: STATES.get(feature["state"]),
        meaning=f"state of the feature: {_STATES_MEANING}",
    ),
    Gauge(
        "feature_follows",
        "1 where a drifting feature merely follows another, 0 where it is to blame.",
        FEATURE,
        _follows,
        meaning=(
            "of a feature that drifts: 0 where it is [to blame](detection.md#who-is-to-blame), 1 where it follows "
            "another; else absent"
        ),
    ),
    Gauge(
        "model_state",
        "State of the model: 2 drifting, 1 pending, 0 ok, below 0 not known.",
        MODEL,
        lambda view: STATES.get(view.verdict["state"]),
        meaning="state of the model, by the same numbers",
    ),
    Gauge(
        "features_drifting",
        "Features that drift.",
        MODEL,
        _of_verdict("features_drifting"),
        meaning="features that drift",
    ),
    Gauge(
        "features_monitored",
        "Features that are judged.",
        MODEL,
        _of_verdict("features_monitored"),
        meaning="features that are judged",
    ),
    Gauge(
        "last_drift_timestamp_seconds",
        "Event time at which a feature last drifted.",
        MODEL,
        lambda view: _seconds(view.verdict["last_drift"]),
        meaning="event time at which a feature last drifted; absent before the first drift",
    ),
    Gauge(
        "verdict_timestamp_seconds",
        "Event time at which the judged window ends.",
        MODEL,
        lambda view: _seconds(view.verdict["window"]["end"]),
        meaning="event time at which the judged window ends",
    ),
    Gauge(
        "incident_open",
        "1 while an incident is open.",
        MODEL,
        lambda view: int(view.verdict["incident"] is not None),
        meaning="1 while an incident is open, however many are",
    ),
    Gauge(
        "incident",
        "1 for each open incident, by its id.",
        INCIDENT,
        lambda _: 1,
        meaning=(
            "1 for each open incident, by its id: page on this; absent once it is closed, back under the same id when "
            "it is reopened"
        ),
    ),
    Gauge(
        "incident_open_seconds",
        "Event time for which the oldest open incident has been open.",
        MODEL,
        _open_for,
        meaning="event time for which the oldest open incident has been open; 0 where none is",
    ),
    Gauge(
        "window_rows", "Rows in the judging window.", MODEL, _of_verdict("rows"), meaning="rows in the judging window"
    ),
    Gauge(
        "coverage_ratio",
        "Share of the rows that sources observed lately which the verdicts rest on.",
        MODEL,
        attrgetter("coverage"),
        meaning=(
            "of the rows that sources observed in the last 10 to 20 minutes, the share that is in the "
            "verdicts; absent where they observed none"
        ),
    ),
    Gauge(
        "sources_silent",
        "Sources that vanished: heard of in the last hour, not in the last minute, without a goodbye.",
        MODEL,
        attrgetter("silent"),
        meaning=(
            "sources that vanished in the last hour: silent for a minute and two panes without a goodbye; "
            "[`…/sources`](http.md#who-sends) names them"
        ),
    ),
)
"""In the order in which they are written."""
