from __future__ import annotations

import asyncio
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from driftmeter.engine.engine import Engine
from driftmeter.server.exposition import FAMILIES, PREFIX
from driftmeter.server.watch.probe import Probe
from tests.server.harness import Client
from tests.server.samples import ROWS, problem_of


def test_all_metrics_are_read_by_the_official_parser_and_each_has_help(client: Client) -> None:
    client.rows(ROWS)
    client.rows(b"{")
    families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}
    assert set(families) > {PREFIX + name for name in FAMILIES} | {
        "driftmeter_rows",
        "driftmeter_rows_dropped",
        "driftmeter_rows_late",
        "driftmeter_rejected_requests",
        "driftmeter_request_duration_seconds",
    }
    assert all(family.documentation for family in families.values())
    assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")


def test_latencies_are_by_route_and_never_by_what_was_typed(client: Client) -> None:
    client.get("/v1/models/some-model/verdict")
    client.get("/no/such/page")
    client.request("BREW", "/coffee")
    client.rows(ROWS)
    labels = "".join(client.metric("driftmeter_request_duration_seconds_count"))
    assert 'route="/v1/models/{model}/verdict"' in labels
    assert 'method="other",route="other"' in labels
    assert 'method="POST",route="/v1/models/{model}/rows"' in labels
    assert "some-model" not in labels
    assert "coffee" not in labels


def test_unknown_paths_and_methods_are_problems(client: Client) -> None:
    problem_of(client.get("/nope"), 404, "not_found")
    answer = client.request("PATCH", "/v1/models")
    problem_of(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("path", "methods"),
    [("settings", "DELETE, GET, PUT"), ("expected", "DELETE, GET, POST"), ("incidents/1/acknowledge", "POST")],
)
def test_a_refused_method_is_told_all_methods_of_the_path(client: Client, path: str, methods: str) -> None:
    answer = client.request("PATCH", f"/v1/models/shop/{path}")
    problem_of(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == methods


def test_a_route_takes_no_other_method_and_a_slash_more_leads_to_it(client: Client) -> None:
    for path in ("/healthz", "/v1/models", "/docs"):
        answer = client.request("HEAD", path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    answer = client.get("/v1/models/?profile=x")
    assert (answer.status_code, answer.headers["location"]) == (307, "http://metric-server/v1/models?profile=x")


def test_a_server_is_ready_when_the_store_answers_and_verdicts_are_kept_up(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/readyz").json() == {"status": "ready", "checks": {"store": True, "evaluation": True}}
    monkeypatch.setattr(client.engine.store, "models", lambda: 1 / 0)
    client.context.evaluator.succeeded = float("-inf")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]) == (503, {"store": True, "evaluation": False})


def test_a_store_that_is_stuck_is_asked_by_one_at_a_time(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    go, asked = threading.Event(), list[str]()

    def stuck() -> None:
        asked.append(threading.current_thread().name)
        assert go.wait(10)

    async def scenario() -> None:
        monkeypatch.setattr(engine.store, "ping", stuck)
        probe = Probe(engine.store, seconds=0.02)
        assert [await probe.answers() for _ in range(5)] == [False] * 5
        assert not any(await asyncio.gather(probe.answers(), probe.answers()))
        assert [name.rpartition("_")[0] for name in asked] == ["driftmeter-probe"]
        go.set()
        await asyncio.sleep(0.05)
        assert await probe.answers()
        monkeypatch.setattr(engine.store, "ping", lambda: 1 / 0)
        assert not await probe.answers()
        probe.close()

    asyncio.run(scenario())
