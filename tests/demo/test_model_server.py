from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from driftmeter.demo.data import Row, reference_profile
from driftmeter.demo.model_server import MAX_BODY, create_app, main
from driftmeter.demo.predictor import Predictor
from tests.demo.app_client import AppClient
from tests.demo.recorder import Recorder
from tests.support.scripts import ROOT


@pytest.fixture
def client(recorder: Recorder, predictor: Predictor) -> AppClient:
    return AppClient(create_app(recorder, predictor))


def test_one_flight_gets_one_prediction(client: AppClient, predictor: Predictor, rows: list[Row]) -> None:
    answer = client.post("/get-prediction", json=rows[0])
    [probability] = predictor.predict(rows[:1])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"prediction": probability, "late": probability >= 0.5}


def test_a_list_of_flights_gets_a_list_of_predictions(client: AppClient, predictor: Predictor, rows: list[Row]) -> None:
    answer = client.post("/get-prediction", json=rows[:20])
    assert [item["prediction"] for item in answer.json()] == predictor.predict(rows[:20])


def test_an_empty_list_gets_an_empty_list(client: AppClient) -> None:
    assert client.post("/get-prediction", json=[]).json() == []


def test_the_monitor_sees_every_row_as_it_came_with_its_prediction(
    client: AppClient, recorder: Recorder, rows: list[Row]
) -> None:
    one = client.post("/get-prediction", json={**rows[0], "gate": "B12"}).json()
    two = client.post("/get-prediction", json=rows[1:3]).json()
    assert recorder.observed == [
        ({**rows[0], "gate": "B12"}, one["prediction"]),
        (rows[1], two[0]["prediction"]),
        (rows[2], two[1]["prediction"]),
    ]


@pytest.mark.parametrize("row", [{}, {"temp": None}, {"carrier": "ZZ", "dest": "nowhere"}, {"dep_delay": -1e308}])
def test_missing_features_and_unknown_categories_are_answered(client: AppClient, row: dict[str, object]) -> None:
    answer = client.post("/get-prediction", json=row)
    assert answer.status_code == 200
    assert 0 <= answer.json()["prediction"] <= 1


@pytest.mark.parametrize("body", [b"", b"[1, 2", b'"JFK"', b"[{}, 5]", b'{"temp": "warm"}', b'{"temp": NaN}'])
def test_a_bad_body_is_a_problem_and_nothing_of_it_counts(client: AppClient, recorder: Recorder, body: bytes) -> None:
    answer = client.post("/get-prediction", content=body)
    problem = answer.json()
    assert answer.status_code == problem["status"] == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"] == f"{problem['field']}: expected {problem['expected']}, got {problem['got']}"
    assert recorder.observed == []
    assert 'model_server_rejected_requests_total{status="422"} 1.0' in client.get("/metrics").text


def test_a_problem_names_the_row_the_feature_and_both_types(client: AppClient) -> None:
    problem = client.post("/get-prediction", json=[{}, {"temp": "warm"}]).json()
    assert problem["field"] == "[1].temp"
    assert problem["expected"] == "a number within float64 or null"
    assert problem["got"] == "a string, 'warm'"


def test_a_body_too_long_is_a_problem(client: AppClient, recorder: Recorder) -> None:
    answer = client.post("/get-prediction", content=b" " * (MAX_BODY + 1))
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert recorder.observed == []


def test_an_unknown_path_and_method_are_problems(client: AppClient) -> None:
    for answer, status in ((client.get("/nowhere"), 404), (client.get("/get-prediction"), 405)):
        assert answer.status_code == answer.json()["status"] == status
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_running_server_is_healthy(client: AppClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_the_metrics_count_rows_requests_and_what_the_monitor_counts(client: AppClient, rows: list[Row]) -> None:
    client.post("/get-prediction", json=rows[0])
    client.post("/get-prediction", json=rows[1:5])
    client.post("/get-prediction", json=5)
    answer = client.get("/metrics")
    lines = answer.text.splitlines()
    assert answer.headers["content-type"].startswith("text/plain")
    assert "model_server_predictions_total 5.0" in lines
    assert "model_server_request_duration_seconds_count 3.0" in lines
    assert "driftmeter_sdk_rows_observed_total 5.0" in lines


def test_two_apps_count_apart(client: AppClient, predictor: Predictor, rows: list[Row]) -> None:
    client.post("/get-prediction", json=rows[0])
    other = AppClient(create_app(Recorder(), predictor))
    assert "model_server_predictions_total 1.0" in client.get("/metrics").text.splitlines()
    assert "model_server_predictions_total 0.0" in other.get("/metrics").text.splitlines()


def test_the_monitor_is_closed_when_the_server_ends(recorder: Recorder, predictor: Predictor) -> None:
    async def live() -> None:
        app = create_app(recorder, predictor)
        async with app.router.lifespan_context(app):
            assert not recorder.closed

    asyncio.run(live())
    assert recorder.closed


def test_the_documentation_shows_an_example_that_works(client: AppClient) -> None:
    found = re.search(r"get-prediction -d '(.+)'", (ROOT / "docs/cli.md").read_text())
    assert found is not None
    answer = client.post("/get-prediction", json=json.loads(found[1]))
    assert 0 < answer.json()["prediction"] < 1


def test_the_command_builds_a_monitor_with_the_reference_profile(
    monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    asked: dict[str, Any] = {}

    def monitor(url: str, **options: Any) -> Recorder:
        asked.update(url=url, **options)
        return recorder

    monkeypatch.setattr("driftmeter.Monitor", monitor, raising=False)
    monkeypatch.setattr("uvicorn.run", lambda app, **options: asked.update(options))
    monkeypatch.setenv("DRIFTMETER_METRIC_SERVER", "http://metrics:8001")
    main(["--port", "9000", "--model", "departures"], standalone_mode=False)
    assert (asked["url"], asked["model"], asked["port"]) == ("http://metrics:8001", "departures", 9000)
    assert asked["profile"].digest == reference_profile("departures").digest
    assert not asked["access_log"]
