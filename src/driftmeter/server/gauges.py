"""The gauges that Prometheus reads of the verdicts: one entry a gauge.

To add one: an entry here, its row in docs/metrics.md, and its lines in tests/server/golden/exposition.txt. Tests fail
until all three are there, and show with -vv which lines are missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any

from driftmeter.server.watch.view import ModelView
from driftmeter.timestamps import parse_time

MODEL = ("model",)
"""Labels of gauges whose value is read from a ModelView."""
FEATURE = ("model", "feature")
"""Labels of gauges whose value is read from a feature of a verdict, as JSON."""
TEST = ("model", "feature", "test")
"""Labels of gauges whose value is read from the score of a drift test of a feature, as JSON."""


@dataclass(frozen=True)
class Gauge:
    """A gauge: its name without the prefix, its help, its labels, and the function that reads its value.

    What the function takes follows from the labels: see MODEL, FEATURE, TEST; the keys of a verdict and of its features
    are those of `to_json` in driftmeter.verdict.verdict. A value of None has no line.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    value: Callable[[Any], float | None]


def _seconds(time: str | None) -> float | None:
    return None if time is None else parse_time(time) / 1000


def _of_verdict(key: str) -> Callable[[ModelView], float | None]:
    return lambda view: view.verdict[key]


GAUGES = (
    Gauge("feature_statistic", "Statistic of a drift test on the judging window.", TEST, itemgetter("statistic")),
    Gauge("feature_p_value", "P-value of a drift test on the judging window.", TEST, itemgetter("p_value")),
    Gauge(
        "feature_effect", "Size of the drift: null-corrected population stability index.", FEATURE, itemgetter("effect")
    ),
    Gauge(
        "feature_evidence",
        "Log10 of how far past the alarm threshold the sequential evidence is.",
        FEATURE,
        itemgetter("evidence"),
    ),
    Gauge("feature_drifting", "1 while the feature drifts.", FEATURE, lambda feature: int(feature["drifting"])),
    Gauge("features_drifting", "Features that drift.", MODEL, _of_verdict("features_drifting")),
    Gauge("features_monitored", "Features that are judged.", MODEL, _of_verdict("features_monitored")),
    Gauge(
        "last_drift_timestamp_seconds",
        "Event time at which a feature last drifted.",
        MODEL,
        lambda view: _seconds(view.verdict["last_drift"]),
    ),
    Gauge(
        "verdict_timestamp_seconds",
        "Event time at which the judged window ends.",
        MODEL,
        lambda view: _seconds(view.verdict["window"]["end"]),
    ),
    Gauge(
        "incident_open", "1 while an incident is open.", MODEL, lambda view: int(view.verdict["incident"] is not None)
    ),
    Gauge("window_rows", "Rows in the judging window.", MODEL, _of_verdict("rows")),
    Gauge(
        "coverage_ratio",
        "Share of the rows that sources observed lately which the verdicts rest on.",
        MODEL,
        attrgetter("coverage"),
    ),
    Gauge(
        "sources_silent",
        "Sources that vanished: heard of in the last hour, not in the last minute, without a goodbye.",
        MODEL,
        attrgetter("silent"),
    ),
)
"""In the order in which they are written."""
