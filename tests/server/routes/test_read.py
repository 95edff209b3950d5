from __future__ import annotations

import json
import time
from urllib.parse import quote
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from prometheus_client.parser import text_string_to_metric_families

from driftmeter.engine.engine import Engine
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import iso, time_of_text
from tests.server.harness import NOW, Client, Clock
from tests.server.routes.test_write import ROWS, problem_of


def drift(client: Client, clock: Clock) -> None:
    """Send five panes in which every amount is far from the reference."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        batch = {"columns": {"amount": (rng.lognormal(3, 1, 400) + 1_000).tolist()}}
        assert client.rows(batch).status_code == 200
        client.pass_time(clock, 1_000)
    client.pass_time(clock, 2_000)


def test_models_are_listed_with_their_timing_and_state(client: Client, clock: Clock, profile: Profile) -> None:
    (found,) = client.get("/v1/models").json()["models"]
    assert found == {
        "model": "shop",
        "digest": profile.digest,
        "newest": profile.digest,
        "pane_ms": 1_000,
        "lateness_ms": 0,
        "state": "insufficient",
        "rows": 0,
        "coverage": None,
        "sources": 0,
        "silent": [],
        "frozen": None,
    }
    client.rows(ROWS)
    client.pass_time(clock, 2_000)
    (found,) = client.get("/v1/models").json()["models"]
    assert (found["rows"], found["coverage"], found["frozen"]) == (2, 1.0, "2023-11-14T22:13:22.000Z")


def test_before_the_first_pane_the_verdict_is_insufficient(client: Client) -> None:
    found = client.get("/v1/models/shop/verdict").json()
    assert (found["state"], found["rows"], found["features_drifting"]) == ("insufficient", 0, 0)
    assert {feature["state"] for feature in found["features"]} == {"insufficient"}


def test_drift_is_seen_by_every_door_of_reading(client: Client, clock: Clock) -> None:
    drift(client, clock)
    verdict = client.get("/v1/models/shop/verdict").json()
    assert verdict["state"] == "drifting"
    assert "amount" in {each["feature"] for each in verdict["features"] if each["drifting"]}
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


def test_features_can_be_asked_for_whatever_they_are_called(client: Client, clock: Clock) -> None:
    frame = pl.DataFrame({name: [float(row) for row in range(100)] for name in HOSTILE})
    profile = Profile.fit(frame, model="odd", independent=True, residuals=False)
    client.engine.register(profile)
    body = {"rows": [dict.fromkeys(HOSTILE, 500.0)] * 1_000}
    assert client.post("/v1/models/odd/rows", json=body).status_code == 200
    for _ in range(8):
        clock.now += 500
        client.engine.advance("odd")
    for name in HOSTILE:
        found = client.get(f"/v1/models/odd/features/{quote(name, safe='')}").json()
        assert (found["feature"], found["state"]) == (name, "drifting")
        assert client.post("/v1/models/odd/expected", json={"feature": name, "for": "1h"}).status_code == 200
    deadline = time.monotonic() + 10  # the server looks at its store by itself
    while 'model="odd",feature="-x"' not in client.get("/metrics").text and time.monotonic() < deadline:
        time.sleep(0.05)
    families = text_string_to_metric_families(client.get("/metrics").text)
    assert {s.labels.get("feature") for each in families for s in each.samples if s.labels.get("model") == "odd"} - {
        None
    } == set(HOSTILE)
    page = client.get("/v1/models/odd/report").text
    ElementTree.fromstring(page)
    assert "<script>" not in page


def test_an_incident_is_acknowledged_with_a_note(client: Client, clock: Clock) -> None:
    drift(client, clock)
    (incident,) = client.get("/v1/models/shop/incidents").json()["incidents"]
    path = f"/v1/models/shop/incidents/{incident['id']}/acknowledge"
    assert client.post(path, json={"note": "the sensor was swapped"}).json()["acknowledged"]["note"]
    (found,) = client.get("/v1/models/shop/incidents").json()["incidents"]
    assert found["acknowledged"]["note"] == "the sensor was swapped"
    problem_of(client.post(path, content=b"{"), 400, "unreadable")
    problem_of(client.post(path, content=b"[" * 9_000), 400, "unreadable")
    problem_of(client.post(path, json={"note": 5}), 400, "unreadable")
    problem_of(client.post(path, json={"note": "x" * 20_000}), 413, "too_large")
    problem_of(client.post("/v1/models/shop/incidents/1/acknowledge"), 404, "not_found")


def test_an_acknowledgement_needs_no_body(client: Client, clock: Clock) -> None:
    drift(client, clock)
    (incident,) = client.get("/v1/models/shop/incidents").json()["incidents"]
    assert client.post(f"/v1/models/shop/incidents/{incident['id']}/acknowledge").status_code == 200


def test_the_metrics_say_what_the_verdict_says(client: Client, clock: Clock) -> None:
    drift(client, clock)
    evaluator = client.app.state.context.evaluator
    evaluator._watched.clear()
    evaluator.round()
    verdict = client.get("/v1/models/shop/verdict").json()
    assert client.metric("driftmeter_window_rows") == {'{model="shop"}': verdict["rows"]}
    assert client.metric("driftmeter_incident_open") == {'{model="shop"}': 1}
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


def test_history_is_between_two_times_however_they_are_written(client: Client, clock: Clock) -> None:
    drift(client, clock)
    whole = client.get("/v1/models/shop/history", params={"from": 0, "to": "2100-01-01"}).json()["verdicts"]
    assert len(whole) >= 1
    one = whole[0]["at"]
    assert client.get("/v1/models/shop/history", params={"from": one, "to": one}).json()["verdicts"] == whole[:1]
    problem_of(client.get("/v1/models/shop/history", params={"from": "yesterday"}), 400, "unreadable")


def test_history_is_the_stored_verdicts_and_no_more_of_them_than_asked_for(client: Client, clock: Clock) -> None:
    store = client.engine.store
    kept = [(NOW + step * 10_000, b'{"state":"ok","rows":%d}' % step) for step in range(4_000)]
    store.history = lambda model, digest, start, end: [each for each in kept if start <= each[0] <= end]
    drift(client, clock)
    path, all_of_it = "/v1/models/shop/history", {"from": 0, "to": "2100-01-01"}
    found = client.get(path, params=all_of_it).json()
    assert (len(found["verdicts"]), found["truncated"]) == (500, True)
    assert found["verdicts"][-1] == {"at": iso(kept[-1][0]), "state": "ok", "rows": 3_999}
    assert len(client.get(path, params={**all_of_it, "limit": 3_000}).json()["verdicts"]) == 3_000
    one = client.get(path, params={"from": iso(NOW), "to": iso(NOW)}).json()
    assert (len(one["verdicts"]), one["truncated"]) == (1, False)
    for limit in ("0", "3001", "abc"):
        problem = problem_of(client.get(path, params={"limit": limit}), 422, "bad_parameter")
        assert (problem["where"], problem["got"]) == ("query limit", limit)
    del store.history


def test_history_before_any_verdict_is_empty_and_makes_up_no_dates(client: Client) -> None:
    expected = {"model": "shop", "from": None, "to": None, "truncated": False, "verdicts": []}
    assert client.get("/v1/models/shop/history").json() == expected


def test_problems_quote_what_came_once(client: Client) -> None:
    problem = problem_of(client.post("/v1/models/shop/incidents/abc/acknowledge"), 404, "not_found")
    assert (problem["expected"], problem["got"]) == ("an incident of this model; it has none yet", "abc")
    assert problem_of(client.get("/v1/models/shop/features/nope"), 404, "not_found")["got"] == "nope"


def test_a_plus_that_came_as_a_space_is_understood() -> None:
    assert time_of_text("2023-11-14T23:13:20 01:00", "from") == NOW


def test_the_report_is_a_page(client: Client, engine: Engine) -> None:
    answer = client.get("/v1/models/shop/report")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


def test_json_answers_are_json(client: Client) -> None:
    for path in ("/v1/models", "/v1/models/shop/verdict", "/v1/models/shop/profile", "/healthz", "/readyz"):
        answer = client.get(path)
        assert answer.headers["content-type"] == "application/json"
        json.loads(answer.content)


def test_an_incident_of_a_former_profile_can_still_be_acknowledged(
    client: Client, clock: Clock, engine: Engine, profile: Profile
) -> None:
    drift(client, clock)
    (incident,) = client.get("/v1/models/shop/incidents").json()["incidents"]
    other = Profile.fit(pl.DataFrame({"amount": [1.0, 2.0, 3.0]}), model="shop")
    engine.register(other)
    for _ in range(4):
        client.rows({"rows": [{"amount": 1.0}] * 3})
        client.pass_time(clock, 1_000)
    assert engine.store.model("shop").digest == other.digest
    answer = client.post(f"/v1/models/shop/incidents/{incident['id']}/acknowledge", json={"note": "on it"})
    assert answer.json()["acknowledged"]["note"] == "on it"
    former = client.get("/v1/models/shop/incidents", params={"profile": profile.digest}).json()["incidents"]
    assert [each["acknowledged"]["note"] for each in former] == ["on it"]
    problem = problem_of(client.post("/v1/models/shop/incidents/1/acknowledge"), 404, "not_found")
    assert problem["expected"] == f"one of {incident['id']}"
