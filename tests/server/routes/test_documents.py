from __future__ import annotations

from urllib.parse import quote

import numpy as np
import polars as pl
import pytest

from driftmeter.profile.profile import Profile
from tests.server.harness import NOW, Client
from tests.server.samples import problem_of
from tests.server.traffic import drift
from tests.support.clocks import SetClock

MODEL = "/v1/models/shop"
ODD_NAMES = ("</script><script>alert(1)</script>", "a/b", "x?y#z", 'quo"te', "${7*7}{{7*7}}", "タイム", "a/timeline")


def test_what_drifts_comes_first_with_its_density(client: Client, clock: SetClock, profile: Profile) -> None:
    drift(client, clock)
    overview = client.get(f"{MODEL}/overview").json()
    drifting = [feature["feature"] for feature in overview["features"] if feature["state"] == "drifting"]
    assert drifting
    assert drifting == [feature["feature"] for feature in overview["features"]][: len(drifting)]
    amount = next(feature for feature in overview["features"] if feature["feature"] == "amount")
    assert (sum(amount["density"]["now"][:-1]), amount["density"]["now"][-1]) == (0, 255)
    assert (overview["sources"], overview["pane_seconds"]) == ({"live": 1, "silent": 0, "closed": 0}, 1.0)
    assert overview["hours"]["states"][-1] == "drifting"
    assert sum(overview["hours"]["rows"]) == 2_000
    assert [one["opened"] for one in overview["incidents"]] == [
        one["opened"] for one in client.get(f"{MODEL}/incidents").json()["incidents"]
    ]


def test_a_feature_has_the_counts_of_its_window(client: Client, clock: SetClock) -> None:
    drift(client, clock)
    answer = client.get(f"{MODEL}/features/amount").json()
    shape, counts = answer["shape"], answer["windows"]["judging"]["counts"]
    assert shape["now_rows"] == sum(counts) == 2_000
    assert {one["name"]: one["now"] for one in shape["apart"]}["far above"] == counts[answer["bins"].index("far above")]
    assert client.get(f"{MODEL}/verdict").json()["features"][0]["evidence"] == answer["evidence"]


def test_settings_say_what_is_important_and_what_pages(client: Client) -> None:
    settings = {"least_importance": 0.5, "features": {"amount": {"importance": 8}, "city": {"importance": 2}}}
    assert client.put(f"{MODEL}/settings", json=settings).status_code == 200
    features = {one["feature"]: one for one in client.get(f"{MODEL}/overview").json()["features"]}
    assert [(features[name]["importance"], features[name]["pages"]) for name in ("amount", "city", "count")] == [
        (1.0, True),
        (0.25, False),
        (None, True),
    ]


@pytest.mark.parametrize("document", ["trends", "features/amount/timeline"])
def test_times_that_cannot_be_read_are_refused(client: Client, document: str) -> None:
    for query, status, slug, where in (
        ("from=yesterday", 400, "unreadable", "from"),
        ("from=20&to=10", 400, "unreadable", "to"),
        ("points=0", 422, "bad_parameter", "query points"),
        ("points=501", 422, "bad_parameter", "query points"),
    ):
        problem = problem_of(client.get(f"{MODEL}/{document}?{query}"), status, slug)
        assert problem["where"] == where
    assert client.get(f"{MODEL}/{document}?from=0&to={NOW // 1000}&points=7").status_code == 200


def test_unknown_models_features_profiles_and_times_are_not_found(client: Client) -> None:
    for path in ("overview", "trends", "profile/summary", "features/amount/timeline", "features/amount?at=5"):
        problem_of(client.get(f"/v1/models/none/{path}"), 404, "unknown_model")
        mark = "&" if "?" in path else "?"
        problem_of(client.get(f"{MODEL}/{path}{mark}profile=none"), 404, "unknown_profile")
    for path in ("features/none", "features/none/timeline", "features/amount?at=5"):
        problem_of(client.get(f"{MODEL}/{path}"), 404, "not_found")
    problem_of(client.get(f"{MODEL}/features/amount?at=now"), 400, "unreadable")


def test_names_are_returned_as_they_are_whatever_they_hold(client: Client) -> None:
    chance = np.random.default_rng(1)
    frame = pl.DataFrame({name: chance.normal(size=300) for name in (*ODD_NAMES, "a")})
    odd = Profile.fit(frame, model="<odd>", independent=True, residuals=False)
    assert client.put("/v1/models/%3Codd%3E/profile", content=odd.dumps()).status_code == 201
    overview = client.get("/v1/models/%3Codd%3E/overview").json()
    assert {feature["feature"] for feature in overview["features"]} == {*ODD_NAMES, "a"}
    for name in ODD_NAMES:
        path = f"/v1/models/%3Codd%3E/features/{quote(name, safe='')}"
        assert client.get(f"{path}/timeline").json()["feature"] == name
        if name != "a/timeline":
            assert client.get(path).json()["feature"] == name


def test_a_slash_that_is_escaped_belongs_to_the_name(client: Client) -> None:
    frame = pl.DataFrame({name: np.arange(100.0) ** 2 for name in ("a", "a/timeline")})
    profile = Profile.fit(frame, model="two", independent=True, residuals=False, include=["a", "a/timeline"])
    assert client.put("/v1/models/two/profile", content=profile.dumps()).status_code == 201
    assert client.get("/v1/models/two/features/a/timeline").json()["feature"] == "a"
    assert client.unchecked("/v1/models/two/features/a%2Ftimeline").json()["shape"]["kind"] == "numeric"


def test_a_model_that_is_made_again_has_no_past(client: Client, clock: SetClock, profile: Profile) -> None:
    drift(client, clock)
    assert sum(client.get(f"{MODEL}/overview").json()["hours"]["rows"]) == 2_000
    client.delete(MODEL)
    client.put(f"{MODEL}/profile", content=profile.dumps())
    client.rows({"rows": [{"amount": 1.0}] * 3})
    client.pass_time(clock, 3_000)
    hours = client.get(f"{MODEL}/overview").json()["hours"]
    assert (sum(hours["rows"]), "drifting" in hours["states"]) == (3, False)
