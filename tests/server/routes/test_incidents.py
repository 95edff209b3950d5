from __future__ import annotations

import polars as pl

from driftmeter.engine.engine import Engine
from driftmeter.profile.profile import Profile
from tests.server.harness import Client
from tests.server.samples import problem_of
from tests.server.traffic import drift
from tests.support.clocks import SetClock


def test_an_incident_is_acknowledged_with_a_note(client: Client, clock: SetClock) -> None:
    drift(client, clock)
    (incident,) = client.get("/v1/models/shop/incidents").json()["incidents"]
    path = f"/v1/models/shop/incidents/{incident['id']}/acknowledge"
    assert client.post(path, json={"note": "the sensor was swapped"}).json()["acknowledged"]["note"]
    (acknowledged,) = client.get("/v1/models/shop/incidents").json()["incidents"]
    assert acknowledged["acknowledged"]["note"] == "the sensor was swapped"
    problem_of(client.post(path, content=b"{"), 400, "unreadable")
    problem_of(client.post(path, content=b"[" * 9_000), 400, "unreadable")
    problem_of(client.post(path, json={"note": 5}), 400, "unreadable")
    problem_of(client.post(path, json={"note": "x" * 20_000}), 413, "too_large")
    problem_of(client.post("/v1/models/shop/incidents/1/acknowledge"), 404, "not_found")


def test_an_acknowledgement_needs_no_body(client: Client, clock: SetClock) -> None:
    drift(client, clock)
    (incident,) = client.get("/v1/models/shop/incidents").json()["incidents"]
    assert client.post(f"/v1/models/shop/incidents/{incident['id']}/acknowledge").status_code == 200


def test_problems_quote_what_came_once(client: Client) -> None:
    problem = problem_of(client.post("/v1/models/shop/incidents/abc/acknowledge"), 404, "not_found")
    assert (problem["expected"], problem["got"]) == ("an incident of this model; it has none yet", "abc")
    assert problem_of(client.get("/v1/models/shop/features/nope"), 404, "not_found")["got"] == "nope"


def test_an_incident_of_a_former_profile_can_still_be_acknowledged(
    client: Client, clock: SetClock, engine: Engine, profile: Profile
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
    assert [incident["acknowledged"]["note"] for incident in former] == ["on it"]
    problem = problem_of(client.post("/v1/models/shop/incidents/1/acknowledge"), 404, "not_found")
    assert problem["expected"] == f"one of {incident['id']}"
