from __future__ import annotations

import polars as pl
import pytest

from driftmeter.profile.profile import Profile
from driftmeter.server import usable
from tests.server.harness import NOW, Client
from tests.server.samples import altered_profile, counted, pane_of, problem_of, put_pane
from tests.support.clocks import SetClock
from tests.support.waiting import eventually


def test_rows_and_panes_of_a_retired_profile_stay_apart(client: Client, clock: SetClock, profile: Profile) -> None:
    put_pane(client, pane_of(profile, 5))
    other = Profile.fit(pl.DataFrame({"amount": [1.0, 2.0, 3.0]}), model="shop")
    assert client.put("/v1/models/shop/profile", content=other.dumps()).status_code == 201
    answer = put_pane(client, pane_of(profile, 6, sequence=2))
    assert answer.json()["digest"] == other.digest
    client.rows({"rows": [{"amount": 1.0}]})
    assert counted(client, clock, other.digest).rows == 1
    old = client.get("/v1/models/shop/verdict", params={"profile": profile.digest}).json()
    assert (old["profile"], old["rows"]) == (profile.digest, 6)


def test_a_new_profile_takes_over_when_it_has_held_most_rows_for_three_panes(
    client: Client, clock: SetClock, profile: Profile
) -> None:
    other = Profile.fit(pl.DataFrame({"amount": [1.0, 2.0, 3.0]}), model="shop")
    client.rows({"rows": [{"amount": 1.0}] * 3})
    client.pass_time(clock, 1_000)
    assert client.put("/v1/models/shop/profile", content=other.dumps()).status_code == 201
    served = []
    for _ in range(4):
        client.rows({"rows": [{"amount": 1.0}] * 3})
        served.append(client.get("/v1/models/shop/verdict").json()["profile"])
        both = [client.get("/v1/models/shop/verdict", params={"profile": active.digest}) for active in (profile, other)]
        assert [answer.json()["profile"] for answer in both] == [profile.digest, other.digest]
        client.pass_time(clock, 1_000)
    assert served == [profile.digest] * 3 + [other.digest]
    (listed,) = client.get("/v1/models").json()["models"]
    assert (listed["digest"], listed["newest"]) == (other.digest, other.digest)
    rows = {'{model="shop"}': 3.0 * 4}
    eventually(lambda: client.metric("driftmeter_window_rows") == rows, "the evaluator shows the other profile")


def test_a_profile_is_registered_once_and_read_back(client: Client) -> None:
    profile = Profile.fit(pl.DataFrame({"x": [1.0, 2.0]}), model="new one")
    path = "/v1/models/new%20one/profile"
    first, second = client.put(path, content=profile.dumps()), client.put(path, content=profile.dumps())
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == {
        "model": "new one",
        "digest": profile.digest,
        "pane_ms": 1_000,
        "lateness_ms": 0,
        "unseen_texts": True,
        "time_ms": NOW,
    }
    answer = client.get(path)
    assert Profile.loads(answer.content) == profile
    names = (
        "Driftmeter-Digest",
        "Driftmeter-Time",
        "Driftmeter-Pane",
        "Driftmeter-Lateness",
        "Driftmeter-Unseen-Texts",
    )
    assert [answer.headers[name] for name in names] == [profile.digest, str(NOW), "1000", "0", "true"]


def test_a_profile_of_another_model_version_or_content_is_refused(client: Client, profile: Profile) -> None:
    other = profile.dumps().replace(b'"version":3', b'"version":7')
    altered = profile.dumps().replace(b'"rows":600', b'"rows":601')
    assert "version 7" in problem_of(client.put("/v1/models/shop/profile", content=other), 422, "bad_profile")["detail"]
    problem_of(client.put("/v1/models/shop/profile", content=altered), 422, "bad_profile")
    problem_of(client.put("/v1/models/shop/profile", content=b"pickle"), 422, "bad_profile")
    problem_of(client.put("/v1/models/cafe/profile", content=profile.dumps()), 422, "mismatch")
    problem_of(client.get("/v1/models/cafe/profile"), 404, "unknown_model")
    assert client.get("/v1/models/shop/profile").headers["Driftmeter-Digest"] == profile.digest


def test_a_profile_that_could_not_be_judged_is_refused_and_the_active_one_stays(
    client: Client, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    surrogate = altered_profile(profile, name="half \ud800")
    problem_of(client.put("/v1/models/shop/profile", content=surrogate), 422, "bad_profile")
    for name in ("Reader", "Binner", "Judge"):
        with monkeypatch.context() as patch:
            patch.setattr(usable, name, lambda *_: 1 / 0)
            other = Profile.fit(pl.DataFrame({"x": [1.0, 2.0]}), model="shop")
            problem = problem_of(client.put("/v1/models/shop/profile", content=other.dumps()), 422, "bad_profile")
            assert "ZeroDivisionError" in problem["detail"]
    assert client.get("/v1/models/shop/profile").headers["Driftmeter-Digest"] == profile.digest
    assert client.engine.store.digests("shop") == [profile.digest]
