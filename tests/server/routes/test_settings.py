from __future__ import annotations

from typing import Any

import pytest

from driftmeter.engine.engine import Engine
from driftmeter.profile.profile import Profile
from driftmeter.server.options import Settings
from driftmeter.settings.model import FeatureSettings, ModelSettings
from driftmeter.timestamps import DAY, HOUR, iso
from tests.server.harness import NOW, Client, Clock, running
from tests.server.routes.test_write import problem_of

SETTINGS = "/v1/models/shop/settings"
EXPECTED = "/v1/models/shop/expected"


# --- settings


def test_settings_are_put_read_and_taken_away(client: Client) -> None:
    assert client.get(SETTINGS).json() == ModelSettings().to_json()
    own = ModelSettings(budget=7 * DAY, features={"amount": FeatureSettings(tolerance=0.5)})
    body = {"budget": "7d", "features": {"amount": {"tolerance": 0.5}}}
    answer = client.put(SETTINGS, json=body)
    assert (answer.status_code, answer.json()) == (200, own.to_json())
    assert client.get(SETTINGS).json() == own.to_json()
    assert client.engine.settings_of("shop") == own
    assert client.put(SETTINGS, json=client.get(SETTINGS).json()).json() == own.to_json()
    assert client.request("DELETE", SETTINGS).status_code == 204
    assert client.get(SETTINGS).json() == ModelSettings().to_json()


def test_what_is_not_said_is_as_the_servers_default_not_as_before(engine: Engine) -> None:
    with running(engine, Settings(model=ModelSettings(min_rows=7))) as client:
        client.put(SETTINGS, json={"budget": "7d"})
        assert client.put(SETTINGS, json={"tolerance": 1}).json() == ModelSettings(min_rows=7, tolerance=1.0).to_json()


@pytest.mark.parametrize(
    ("body", "where", "got"),
    [
        ({"budgt": "7d"}, "shop.budgt", "'budgt' (did you mean 'budget'?)"),
        ({"features": {"amuont": {}}}, "shop.features.amuont", "'amuont' (did you mean 'amount'?)"),
        ({"features": {"amount": {"tolerance": 99}}}, "shop.features.amount.tolerance", "99.0"),
        ({"tests": ["kss"]}, "shop.tests", "'kss' (did you mean 'ks'?)"),
        ([], "body", "list"),
    ],
)
def test_settings_that_cannot_be_are_refused_and_nothing_changes(
    client: Client, body: Any, where: str, got: str
) -> None:
    client.put(SETTINGS, json={"budget": "7d"})
    problem = problem_of(client.put(SETTINGS, json=body), 400, "unreadable")
    assert (problem["where"], problem["got"]) == (where, got)
    assert client.get(SETTINGS).json()["budget"] == "7d"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 9_000, b'{"tolerance": NaN}', b'{"min_rows": 1' + b"0" * 9_000 + b"}"]
)
def test_a_body_that_is_no_json_is_unreadable(client: Client, body: bytes) -> None:
    problem_of(client.put(SETTINGS, content=body), 400, "unreadable")
    problem_of(client.post(EXPECTED, content=body), 400, "unreadable")


def test_bodies_are_bounded(client: Client) -> None:
    problem_of(client.put(SETTINGS, content=b" " * 1_000_001), 413, "too_large")
    problem_of(client.post(EXPECTED, content=b" " * 10_001), 413, "too_large")


@pytest.mark.parametrize("path", ["/v1/models/nope/settings", "/v1/models/nope/expected"])
def test_an_unknown_model_is_404(client: Client, path: str) -> None:
    problem_of(client.get(path), 404, "unknown_model")
    problem_of(client.request("DELETE", path), 404, "unknown_model")
    write = client.put if path.endswith("settings") else client.post
    problem_of(write(path, json={"budget": "7d"}), 404, "unknown_model")


def test_a_model_that_the_server_was_started_with_settings_for_gets_them_with_its_first_profile(
    engine: Engine, profile: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    own = ModelSettings(budget=7 * DAY, features={"colour": FeatureSettings(pages=False)})
    engine.delete("shop")
    with running(engine, Settings(models={"shop": own})) as client:
        assert client.put("/v1/models/shop/profile", content=profile.dumps()).status_code == 201
        assert client.get(SETTINGS).json() == own.to_json()
        assert "shop.features.colour: expected one of amount" in caplog.text
        client.request("DELETE", SETTINGS)
        assert client.put("/v1/models/shop/profile", content=profile.dumps()).status_code == 200
        assert client.get(SETTINGS).json() == ModelSettings().to_json()


# --- what is expected


def mark(feature: str | None, until: int, note: str = "") -> dict[str, Any]:
    return {"feature": feature, "since": iso(NOW), "until": iso(until), "note": note}


@pytest.mark.parametrize(
    "when", [{"for": "6h"}, {"until": iso(NOW + 6 * HOUR)}, {"until": (NOW + 6 * HOUR) / 1000}, {"until": "1700021600"}]
)
def test_a_feature_is_expected_to_drift_until_a_time(client: Client, when: dict[str, Any]) -> None:
    answer = client.post(EXPECTED, json={"feature": "amount", "note": "new currency", **when})
    assert answer.status_code == 200
    assert answer.json() == {"model": "shop", "expected": [mark("amount", NOW + 6 * HOUR, "new currency")]}
    assert client.get(EXPECTED).json() == answer.json()


def test_a_model_is_expected_to_drift_where_no_feature_is_named(client: Client) -> None:
    client.post(EXPECTED, json={"for": "1h"})
    assert client.post(EXPECTED, json={"feature": None, "for": "2h"}).json()["expected"] == [mark(None, NOW + 2 * HOUR)]


def test_marks_are_taken_away_one_by_one(client: Client) -> None:
    for feature in (None, "amount", "city"):
        client.post(EXPECTED, json={"feature": feature, "for": "1h"})
    assert client.request("DELETE", EXPECTED, params={"feature": "amount"}).status_code == 204
    assert [each["feature"] for each in client.get(EXPECTED).json()["expected"]] == [None, "city"]
    problem = problem_of(client.request("DELETE", EXPECTED, params={"feature": "amount"}), 404, "not_found")
    assert (problem["expected"], problem["got"]) == ("one of the whole model, city", "amount")
    assert client.request("DELETE", EXPECTED).status_code == 204
    assert client.request("DELETE", EXPECTED, params={"feature": "city"}).status_code == 204
    assert problem_of(client.request("DELETE", EXPECTED), 404, "not_found")["got"] == "the whole model"


@pytest.mark.parametrize(
    ("body", "where", "got"),
    [
        ({}, "until", "neither"),
        ({"for": "1h", "until": 1}, "until", "both"),
        ({"until": None}, "until", "None"),
        ({"until": "soon"}, "until", "'soon'"),
        ({"until": NOW // 1000}, "until", iso(NOW)),
        ({"for": 60}, "for", "60"),
        ({"for": "0s"}, "for", iso(NOW)),
        ({"for": "999999999999999d"}, "for", "'999999999999999d'"),
        ({"for": "1h", "feature": "amuont"}, "feature", "'amuont'"),
        ({"for": "1h", "feature": ["amount"]}, "feature", "['amount']"),
        ({"for": "1h", "note": 5}, "note", "int"),
        ({"for": "1h", "fetaure": "amount"}, "fetaure", "'fetaure'"),
    ],
)
def test_a_mark_that_cannot_be_is_refused_by_name(client: Client, body: Any, where: str, got: str) -> None:
    problem = problem_of(client.post(EXPECTED, json=body), 400, "unreadable")
    assert (problem["where"], problem["got"]) == (where, got)
    assert client.get(EXPECTED).json()["expected"] == []


def test_a_mark_that_has_ended_is_still_listed(client: Client, clock: Clock) -> None:
    client.post(EXPECTED, json={"for": "1s"})
    clock.now += 2_000
    assert client.get(EXPECTED).json()["expected"] == [mark(None, NOW + 1_000)]
