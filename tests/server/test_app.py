from __future__ import annotations

import asyncio
import re
import threading
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from driftmeter.engine.engine import Engine
from driftmeter.server.exposition import FAMILIES, PREFIX
from driftmeter.server.routes import docs
from driftmeter.server.watch.probe import Probe
from tests.server.harness import Client
from tests.server.routes.test_write import ROWS, problem_of

ROUTES = {
    ("get", "/v1/models"),
    ("delete", "/v1/models/{model}"),
    ("put", "/v1/models/{model}/profile"),
    ("get", "/v1/models/{model}/profile"),
    ("get", "/v1/models/{model}/profile/from-live"),
    ("post", "/v1/models/{model}/rows"),
    ("put", "/v1/models/{model}/panes/{start_ms}/{source}"),
    ("get", "/v1/models/{model}/verdict"),
    ("get", "/v1/models/{model}/features/{feature}"),
    ("get", "/v1/models/{model}/history"),
    ("get", "/v1/models/{model}/incidents"),
    ("post", "/v1/models/{model}/incidents/{incident}/acknowledge"),
    ("get", "/v1/models/{model}/settings"),
    ("put", "/v1/models/{model}/settings"),
    ("delete", "/v1/models/{model}/settings"),
    ("get", "/v1/models/{model}/expected"),
    ("post", "/v1/models/{model}/expected"),
    ("delete", "/v1/models/{model}/expected"),
    ("get", "/v1/models/{model}/report"),
    ("get", "/v1/models/{model}/sources"),
    ("get", "/v1/events"),
    ("get", "/metrics"),
    ("get", "/healthz"),
    ("get", "/readyz"),
}


def test_the_openapi_document_has_exactly_the_routes_of_the_contract(client: Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {(method, path) for path, methods in paths.items() for method in methods} == ROUTES


def test_the_openapi_document_says_what_the_hot_routes_take_and_answer(client: Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    rows = paths["/v1/models/{model}/rows"]["post"]
    assert "application/vnd.apache.arrow.stream" in rows["requestBody"]["content"]
    answer = rows["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
    assert set(answer) == set(client.rows(ROWS).json())
    assert {"400", "404", "413", "415", "422", "503"} <= set(rows["responses"])
    assert {each["name"].lower() for each in rows["parameters"]} == {
        "model",
        "idempotency-key",
        "nan",
        "watermark",
        "source",
    }
    assert all(method["summary"] for methods in paths.values() for method in methods.values())


def test_docs_are_a_page_and_the_root_leads_there(client: Client) -> None:
    assert "swagger-ui" in client.get("/docs").text
    assert client.get("/").headers["location"] == "docs"


def test_docs_need_no_internet_where_the_assets_are_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        (tmp_path / name).write_text(f"/* {name} */")
    monkeypatch.setattr(docs, "_static", lambda: tmp_path)
    app = FastAPI(docs_url=None)
    docs.add_docs(app)

    async def visit() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://docs") as http:
            page = (await http.get("/docs")).text
            assert "http" not in "".join(re.findall(r'(?:src|href)="([^"]*)"', page))
            for asset in re.findall(r'"(docs/static/[^"]*)"', page):
                assert (await http.get(f"/{asset}")).status_code == 200

    asyncio.run(visit())


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


def test_what_is_not_there_is_a_problem_too(client: Client) -> None:
    problem_of(client.get("/nope"), 404, "not_found")
    answer = client.request("PATCH", "/v1/models")
    problem_of(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


def test_a_server_is_ready_when_the_store_answers_and_verdicts_are_kept_up(client: Client) -> None:
    assert client.get("/readyz").json() == {"status": "ready", "checks": {"store": True, "evaluation": True}}
    client.app.state.context.evaluator.succeeded = float("-inf")
    client.engine.store.models = lambda: 1 / 0
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]) == (503, {"store": True, "evaluation": False})
    del client.engine.store.models


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
