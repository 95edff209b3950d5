from __future__ import annotations

from driftmeter.profile.profile import Profile
from tests.server.harness import Client
from tests.server.samples import ROWS, problem_of
from tests.server.traffic import drift
from tests.support.clocks import SetClock


def test_models_are_listed_with_their_timing_and_state(client: Client, clock: SetClock, profile: Profile) -> None:
    (entry,) = client.get("/v1/models").json()["models"]
    assert entry == {
        "model": "shop",
        "digest": profile.digest,
        "newest": profile.digest,
        "pane_ms": 1_000,
        "lateness_ms": 0,
        "state": "insufficient",
        "since": None,
        "severity": "none",
        "summary": None,
        "causes": [],
        "rows": 0,
        "rows_per_second": None,
        "coverage": None,
        "sources": 0,
        "silent": [],
        "frozen": None,
    }
    client.rows(ROWS)
    client.pass_time(clock, 2_000)
    (entry,) = client.get("/v1/models").json()["models"]
    assert (entry["rows"], entry["coverage"], entry["frozen"]) == (2, 1.0, "2023-11-14T22:13:22.000Z")
    assert entry["rows_per_second"] == 1.0


def test_a_list_of_models_says_since_when_and_how_badly_one_drifts(client: Client, clock: SetClock) -> None:
    drift(client, clock)
    (entry,) = client.get("/v1/models").json()["models"]
    verdict, overview = client.get("/v1/models/shop/verdict").json(), client.get("/v1/models/shop/overview").json()
    assert (entry["state"], entry["severity"]) == ("drifting", "major")
    assert entry["since"] == min(one["since"] for one in verdict["features"] if one["since"])
    assert {key: entry[key] for key in ("since", "severity", "summary", "causes", "rows", "rows_per_second")} == {
        key: overview[key] for key in ("since", "severity", "summary", "causes", "rows", "rows_per_second")
    }


def test_a_deleted_model_is_gone_with_its_metrics(client: Client) -> None:
    client.rows(ROWS)
    assert client.delete("/v1/models/shop").status_code == 204
    problem_of(client.rows(ROWS), 404, "unknown_model")
    problem_of(client.delete("/v1/models/shop"), 404, "unknown_model")
    assert client.metric("driftmeter_rows_total") == {}
