from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import polars as pl
import pytest
from prometheus_client.parser import text_string_to_metric_families

from driftmeter.engine.engine import Engine
from driftmeter.page.saved import path_of
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import iso
from tests.server.harness import NOW, Client
from tests.server.samples import problem_of
from tests.server.traffic import drift
from tests.support.clocks import SetClock
from tests.support.saved_pages import documents_in
from tests.support.waiting import eventually


def test_before_the_first_pane_the_verdict_is_insufficient(client: Client) -> None:
    verdict = client.get("/v1/models/shop/verdict").json()
    assert (verdict["state"], verdict["rows"], verdict["features_drifting"]) == ("insufficient", 0, 0)
    assert {feature["state"] for feature in verdict["features"]} == {"insufficient"}


def test_every_route_that_reads_shows_drift(client: Client, clock: SetClock) -> None:
    drift(client, clock)
    verdict = client.get("/v1/models/shop/verdict").json()
    assert verdict["state"] == "drifting"
    assert "amount" in {feature["feature"] for feature in verdict["features"] if feature["drifting"]}
    detail = client.get("/v1/models/shop/features/amount").json()
    assert (detail["state"], len(detail["bins"])) == ("drifting", len(detail["reference"]))
    assert sum(detail["windows"]["judging"]["counts"]) == verdict["rows"]
    history = client.get("/v1/models/shop/history").json()
    assert history["verdicts"][-1]["state"] == "drifting"
    (incident,) = client.get("/v1/models/shop/incidents").json()["incidents"]
    assert (incident["state"], incident["acknowledged"]) == ("open", None)


HOSTILE = (
    "net\nweight",
    "nul\x00",
    "cr\r",
    "a/b",
    "/a//b/",
    "../x",
    "%2f",
    "?q=1#f",
    'a"b',
    "\\",
    "<script>",
    "-x",
    "'",
)


def test_features_of_any_name_can_be_asked_for(client: Client, clock: SetClock) -> None:
    frame = pl.DataFrame({name: [float(row) for row in range(100)] for name in HOSTILE})
    profile = Profile.fit(frame, model="odd", independent=True, residuals=False)
    client.engine.register(profile)
    body = {"rows": [dict.fromkeys(HOSTILE, 500.0)] * 1_000}
    assert client.post("/v1/models/odd/rows", json=body).status_code == 200
    for _ in range(8):
        clock.now += 500
        client.engine.advance("odd")
    for name in HOSTILE:
        detail = client.get(f"/v1/models/odd/features/{quote(name, safe='')}").json()
        assert (detail["feature"], detail["state"]) == (name, "drifting")
        assert client.post("/v1/models/odd/expected", json={"feature": name, "for": "1h"}).status_code == 200
    last = 'model="odd",feature="-x"'
    eventually(lambda: last in client.get("/metrics").text, "the server looks at its store by itself")
    families = text_string_to_metric_families(client.get("/metrics").text)
    labels = [sample.labels for family in families for sample in family.samples]
    features = {label["feature"] for label in labels if label.get("model") == "odd" and "feature" in label}
    assert features == set(HOSTILE)
    page = client.get("/v1/models/odd/report").text
    assert {path_of("odd", "features", name) for name in HOSTILE} <= documents_in(page).keys()
    assert "<td><script>" not in page


def test_the_metrics_say_what_the_verdict_says(client: Client, clock: SetClock) -> None:
    drift(client, clock)
    evaluator = client.context.evaluator
    evaluator._watched.clear()
    evaluator.round()
    verdict = client.get("/v1/models/shop/verdict").json()
    assert client.metric("driftmeter_window_rows") == {'{model="shop"}': verdict["rows"]}
    assert client.metric("driftmeter_incident_open") == {'{model="shop"}': 1}
    (incident,) = verdict["incident_ids"]
    assert client.metric("driftmeter_incident") == {f'{{model="shop",incident="{incident}"}}': 1}
    drifting = client.metric("driftmeter_feature_drifting")
    effects = client.metric("driftmeter_feature_effect")
    for feature in verdict["features"]:
        label = f'{{model="shop",feature="{feature["feature"]}"}}'
        assert drifting[label] == feature["drifting"]
        assert effects[label] == feature["effect"]


@pytest.mark.parametrize("path", ["verdict", "features/amount", "history", "incidents", "profile", "report"])
def test_an_unknown_model_or_profile_is_404_everywhere(client: Client, path: str) -> None:
    problem_of(client.get(f"/v1/models/nope/{path}"), 404, "unknown_model")
    if path in ("verdict", "features/amount", "profile"):
        answer = client.get(f"/v1/models/shop/{path}", params={"profile": "0" * 32})
        problem_of(answer, 404, "unknown_profile")


def test_an_unknown_feature_is_404_with_the_known_ones(client: Client) -> None:
    assert "amount" in problem_of(client.get("/v1/models/shop/features/nope"), 404, "not_found")["expected"]


def test_history_is_between_two_times_however_they_are_written(client: Client, clock: SetClock) -> None:
    drift(client, clock)
    whole = client.get("/v1/models/shop/history", params={"from": 0, "to": "2100-01-01"}).json()["verdicts"]
    assert len(whole) >= 1
    one = whole[0]["at"]
    assert client.get("/v1/models/shop/history", params={"from": one, "to": one}).json()["verdicts"] == whole[:1]
    problem_of(client.get("/v1/models/shop/history", params={"from": "yesterday"}), 400, "unreadable")


def test_history_is_the_stored_verdicts_and_no_more_of_them_than_asked_for(
    client: Client, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = json.loads(client.engine.verdict("shop"))
    stored = [(NOW + step * 10_000, json.dumps({**verdict, "rows": step}).encode()) for step in range(4_000)]

    def history(model: str, start: int, end: int, digest: str) -> list[tuple[int, bytes]]:
        return [(time, content) for time, content in stored if start <= time <= end]

    monkeypatch.setattr(client.engine, "history_bytes", history)
    drift(client, clock)
    path, all_of_it = "/v1/models/shop/history", {"from": "0", "to": "2100-01-01"}
    answer = client.get(path, params=all_of_it).json()
    assert (len(answer["verdicts"]), answer["truncated"]) == (500, True)
    assert answer["verdicts"][-1] == {"at": iso(stored[-1][0]), **verdict, "rows": 3_999}
    assert len(client.get(path, params={**all_of_it, "limit": "3000"}).json()["verdicts"]) == 3_000
    first = client.get(path, params={"from": iso(NOW), "to": iso(NOW)}).json()
    assert (len(first["verdicts"]), first["truncated"]) == (1, False)
    for limit in ("0", "3001", "abc"):
        problem = problem_of(client.get(path, params={"limit": limit}), 422, "bad_parameter")
        assert (problem["where"], problem["got"]) == ("query limit", limit)


def test_history_before_any_verdict_is_empty_and_makes_up_no_dates(client: Client) -> None:
    expected: dict[str, Any] = {"model": "shop", "from": None, "to": None, "truncated": False, "verdicts": []}
    assert client.get("/v1/models/shop/history").json() == expected


def test_the_report_is_a_page(client: Client, engine: Engine) -> None:
    answer = client.get("/v1/models/shop/report")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    held = documents_in(answer.text)
    assert held["v1/models/shop/incidents"]["incidents"] == []
    assert held["v1/models/shop/overview"]["state"] == "insufficient"


def test_the_report_holds_what_the_page_asks_for(client: Client, clock: SetClock) -> None:
    drift(client, clock)
    held = documents_in(client.get("/v1/models/shop/report").text)
    moment = {"at", "rows_per_second"}
    for path, document in held.items():
        answer = client.get(f"/{path}", params={"points": "96"} if path.endswith(("/trends", "/timeline")) else None)
        if path != "v1/models":
            now = answer.json()
            assert {**now, **dict.fromkeys(moment)} == {**document, **dict.fromkeys(moment)}, path
    assert len(held["v1/models/shop/incidents"]["incidents"]) == 1


def test_json_answers_are_json(client: Client) -> None:
    for path in ("/v1/models", "/v1/models/shop/verdict", "/v1/models/shop/profile", "/healthz", "/readyz"):
        answer = client.get(path)
        assert answer.headers["content-type"] == "application/json"
        json.loads(answer.content)
