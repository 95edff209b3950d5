from __future__ import annotations

from typing import Any

import pytest

from driftmeter.engine.engine import Engine
from driftmeter.profile.profile import Profile
from driftmeter.server.options import Settings
from driftmeter.settings.model import FeatureSettings, ModelSettings
from driftmeter.timestamps import DAY
from tests.server.harness import Client, running
from tests.server.samples import problem_of

SETTINGS, EXPECTED = "/v1/models/shop/settings", "/v1/models/shop/expected"


def test_settings_are_put_read_and_taken_away(client: Client) -> None:
    assert client.get(SETTINGS).json() == ModelSettings().to_json()
    settings = ModelSettings(budget=7 * DAY, features={"amount": FeatureSettings(tolerance=0.5)})
    body = {"budget": "7d", "features": {"amount": {"tolerance": 0.5}}}
    answer = client.put(SETTINGS, json=body)
    assert (answer.status_code, answer.json()) == (200, settings.to_json())
    assert client.get(SETTINGS).json() == settings.to_json()
    assert client.engine.settings_of("shop") == settings
    assert client.put(SETTINGS, json=client.get(SETTINGS).json()).json() == settings.to_json()
    assert client.delete(SETTINGS).status_code == 204
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
    problem_of(client.delete(path), 404, "unknown_model")
    write = client.put if path.endswith("settings") else client.post
    problem_of(write(path, json={"budget": "7d"}), 404, "unknown_model")


def test_a_model_that_the_server_was_started_with_settings_for_gets_them_with_its_first_profile(
    engine: Engine, profile: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    settings = ModelSettings(budget=7 * DAY, features={"colour": FeatureSettings(pages=False)})
    engine.delete("shop")
    with running(engine, Settings(models={"shop": settings})) as client:
        assert client.put("/v1/models/shop/profile", content=profile.dumps()).status_code == 201
        assert client.get(SETTINGS).json() == settings.to_json()
        assert "shop.features.colour: expected one of amount" in caplog.text
        client.delete(SETTINGS)
        assert client.put("/v1/models/shop/profile", content=profile.dumps()).status_code == 200
        assert client.get(SETTINGS).json() == ModelSettings().to_json()
