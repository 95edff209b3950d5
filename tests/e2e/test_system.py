"""Real nginx, two model servers, two metric servers on one Redis, Prometheus, Alertmanager, a webhook."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from types import ModuleType
from typing import Any

import pytest

from driftmeter.demo import traffic
from tests.e2e.system import System, raw, start
from tests.support.scripts import ROOT, load
from tests.support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

INJECT_AFTER = 15.0
FOUND_WITHIN = 30.0


class Traffic(threading.Thread):
    """Traffic that drifts after INJECT_AFTER seconds, until it is stopped."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.over = url, threading.Event()
        self.progress = traffic.TrafficProgress()
        self.began: float | None = None

    @property
    def injection(self) -> float:
        """When the drift sets in, by time.monotonic()."""
        return (time.monotonic() if self.began is None else self.began) + INJECT_AFTER

    def run(self) -> None:
        self.progress = asyncio.run(
            traffic.run(self.url, drift=True, inject_after=INJECT_AFTER, rate=150, stop=self.over, clock=self._clock)
        )

    def _clock(self) -> float:
        now = time.monotonic()
        self.began = now if self.began is None else self.began  # the first look is the start of the traffic
        return now


@pytest.fixture(scope="module")
def queries() -> ModuleType:
    return load(ROOT / "deploy/grafana/queries.py")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, tools: dict[str, str]) -> Iterator[System]:
    with ExitStack() as stack:
        yield start(stack, tmp_path_factory.mktemp("system"), tools)


@pytest.fixture(scope="module")
def drifted(system: System) -> Iterator[System]:
    """The system after drift was injected and found, traffic still running."""
    sender = Traffic(system.gateway.prediction_url)
    sender.start()
    # nothing drifts at any look before the injection; afterwards all that was injected must within 30 s of it
    judged = 0
    while time.monotonic() < sender.injection:
        verdict = system.verdict()
        if time.monotonic() < sender.injection:
            assert verdict["features_drifting"] == 0  # derived ones too
            assert verdict["last_drift"] is None
            assert verdict["incident"] is None
            judged = verdict["rows"]
        time.sleep(0.25)
    assert judged >= 1000
    left = sender.injection + FOUND_WITHIN - time.monotonic()
    eventually(lambda: drifting(system.verdict()) == set(traffic.INJECTED), "the injected features", seconds=left)
    yield system
    sender.over.set()
    sender.join(10.0)
    assert sender.progress.failed == 0


def drifting(verdict: dict[str, Any]) -> set[str]:
    return {each["feature"] for each in verdict["features"] if each["drifting"] and each["role"] == "feature"}


def test_exactly_the_injected_features_drift_with_a_severity_and_a_reason(drifted: System) -> None:
    def graded() -> dict[str, Any] | None:
        verdict = drifted.verdict()
        injected = [each for each in verdict["features"] if each["feature"] in traffic.INJECTED]
        return verdict if all(each["severity"] != "none" for each in injected) else None

    verdict = eventually(graded, "a severity for each")
    assert drifting(verdict) == set(traffic.INJECTED)
    assert verdict["state"] == "drifting"
    for each in verdict["features"]:
        assert each["drifting"] == (each["evidence"] >= 0)
        assert each["why"].endswith(".")


def test_what_was_injected_is_one_incident(drifted: System) -> None:
    verdict = drifted.verdict()
    assert verdict["incidents_open"] == 1
    members = {each["feature"] for each in verdict["incident"]["features"] if each["role"] == "feature"}
    assert members == set(traffic.INJECTED)


def test_both_replicas_give_the_same_bytes(drifted: System) -> None:
    def both_agree() -> bool:
        first, second = (raw(f"{server}/v1/models/flights/verdict") for server in drifted.metric_servers)
        return first == second

    eventually(both_agree, "equal verdicts")


def test_both_model_servers_answer_and_both_metric_servers_take_panes(drifted: System) -> None:
    def answered(expression: str) -> bool:
        return len([each for each in drifted.query(expression) if float(each["value"][1]) > 0]) == 2

    eventually(lambda: answered("model_server_predictions_total"), "predictions from both model servers")
    eventually(lambda: answered("driftmeter_rows_total"), "rows at both metric servers")


def test_prometheus_scrapes_every_server(drifted: System) -> None:
    up = eventually(lambda: drifted.query("up == 1"), "targets that are up")
    assert sorted(each["metric"]["job"] for each in up) == ["metric-server"] * 2 + ["model-server"] * 2


def test_the_incident_alone_reaches_the_webhook_through_alertmanager(drifted: System) -> None:
    (alert, *_) = eventually(lambda: drifted.webhook.alerts("DriftModelDrifting"), "the page", seconds=60.0)
    assert alert["labels"]["model"] == "flights"
    assert alert["labels"]["severity"] == "critical"
    assert alert["labels"]["incident"] in drifted.verdict()["incident_ids"]
    assert "/v1/models/flights/incidents" in alert["annotations"]["description"]
    single = 'ALERTS{alertname="DriftFeatureDrifting", alertstate="firing"}'
    eventually(lambda: len(drifted.query(single)) >= len(traffic.INJECTED), "an alert for each feature in Prometheus")
    # notices are gathered for 15 s: had these been any, they would be there by now
    time.sleep(20)
    assert drifted.webhook.alerts("DriftFeatureDrifting") == []


def test_every_query_of_every_panel_returns_series(drifted: System, queries: ModuleType) -> None:
    asked = queries.queries("flights", "temp", rate_interval="15s")
    assert len(asked) > 20

    def empty() -> list[str]:
        return [f"{each.dashboard} / {each.panel}: {each.expr}" for each in asked if not drifted.query(each.expr)]

    eventually(lambda: not empty() or None, f"series for each: {empty()}", seconds=60.0)
