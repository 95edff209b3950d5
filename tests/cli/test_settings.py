from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from driftmeter.cli.app import app
from driftmeter.engine.engine import Engine
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import FeatureSettings, ModelSettings
from driftmeter.store import open_store
from driftmeter.timestamps import DAY
from tests.support.metric_server import metric_server

OWN = ModelSettings(budget=7 * DAY, pane_rows=10, features={"amount": FeatureSettings(tests=("ks",), pages=False)})


@pytest.fixture(scope="module")
def served(profile: Profile) -> Iterator[tuple[Engine, str]]:
    store = open_store("memory://")
    engine = Engine(store)
    engine.register(profile)
    with metric_server(engine) as url:
        yield engine, url
    store.close()


@pytest.fixture
def engine(served: tuple[Engine, str]) -> Engine:
    served[0].configure("shop", None)
    return served[0]


@pytest.fixture
def url(served: tuple[Engine, str], engine: Engine) -> str:
    return served[1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "drift.toml"
    path.write_text(
        '["*"]\nladder.pane_rows = 10\n[shop]\nbudget = "7d"\n[shop.features.amount]\ntests = ["ks"]\npages = false\n'
    )
    return path


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["settings", *map(str, arguments)])


def test_settings_are_shown_as_a_table(url: str, engine: Engine) -> None:
    engine.configure("shop", OWN)
    result = run("shop", "--url", url)
    assert result.exit_code == 0
    rows = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert rows["budget"].strip() == '"7d"'
    assert rows["tests"].strip() == "all"
    assert rows["ladder.pane_rows"].strip() == "10"
    assert rows["features.amount.pages"].strip() == "false"
    assert rows["features.amount.tests"].strip() == '["ks"]'


def test_settings_are_shown_as_json_that_can_be_set(url: str, engine: Engine, tmp_path: Path) -> None:
    engine.configure("shop", OWN)
    shown = run("shop", "--url", url, "--json").stdout
    assert json.loads(shown) == OWN.to_json()
    engine.configure("shop", None)
    (tmp_path / "own.json").write_text(shown)
    assert run("shop", "--url", url, "--set", tmp_path / "own.json").exit_code == 0
    assert engine.settings_of("shop") == OWN


def test_settings_are_set_from_the_models_table_of_a_file_and_reset(url: str, engine: Engine, path: Path) -> None:
    result = run("shop", "--url", url, "--set", path, "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, OWN.to_json())
    assert engine.settings_of("shop") == OWN
    assert '"30d"' in run("shop", "--url", url, "--reset").stdout
    assert engine.settings_of("shop") == ModelSettings()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.toml", '[shop]\nbudgt = "1d"', "shop.budgt: expected one of budget, "),
        ("a.toml", "[other]", 'settings: expected a table [shop] or ["*"], got [other]'),
        ("a.toml", "[shop", "a.toml: expected a TOML file"),
        ("a.json", "{", "a.json: expected JSON"),
        ("a.json", '{"tolerance": "high"}', "shop.tolerance: expected a number, got 'high'"),
        ("a.yaml", "", "set: expected a .toml or .json file"),
        ("a.toml", "[shop.features.amuont]", "shop.features.amuont: expected one of amount"),
    ],
)
def test_a_file_that_cannot_be_set_is_said_and_changes_nothing(
    url: str, engine: Engine, tmp_path: Path, name: str, text: str, message: str
) -> None:
    engine.configure("shop", OWN)
    (tmp_path / name).write_text(text)
    result = run("shop", "--url", url, "--set", tmp_path / name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert engine.settings_of("shop") == OWN


def test_what_cannot_be_asked_is_said(url: str, path: Path) -> None:
    result = run("shpo", "--url", url)
    assert (result.exit_code, result.stderr) == (
        2,
        f"driftmeter: {url}: status 404: unknown model 'shpo'; known: shop\n",
    )
    assert "exclude each other" in run("shop", "--url", url, "--set", path, "--reset").stderr
    away = run("shop", "--url", "http://127.0.0.1:9")
    assert (away.exit_code, away.stderr) == (2, "driftmeter: cannot reach http://127.0.0.1:9: connection refused\n")
    assert "url: expected http://host" in run("shop", "--url", "localhost:8001").stderr
    assert "nothing.toml: No such file" in run("shop", "--url", url, "--set", "nothing.toml").stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gains.json", '{"amount": 30, "seen": 4.5, "city": -0.1, "row": 9}'),
        ("gains.csv", "feature,gain\namount,30\nseen,4.5\ncity,-0.1\nrow,9\n"),
    ],
)
def test_importances_are_set_and_everything_else_stays(
    url: str, engine: Engine, tmp_path: Path, name: str, text: str
) -> None:
    engine.configure("shop", OWN)
    (tmp_path / name).write_text(text)
    result = run("shop", "--importance", tmp_path / name, "--url", url)
    assert result.exit_code == 0, result.output
    assert "shop does not monitor row" in result.stderr
    importances = {"amount": 30.0, "seen hour": 4.5, "city": 0.0}
    features = {feature: FeatureSettings(importance=value) for feature, value in importances.items()}
    features["amount"] = replace(OWN.features["amount"], importance=30.0)
    assert engine.settings_of("shop") == replace(OWN, features=features)


def test_a_file_of_importances_that_cannot_be_read_changes_nothing(url: str, engine: Engine, tmp_path: Path) -> None:
    for name, text, message in (
        ("a.json", "[1]", "a JSON object with a number for each name"),
        ("a.json", "{", "expected JSON"),
        ("a.csv", "feature,gain\namount,much\n", "line 2: expected a number"),
        ("a.csv", "amount,inf\n", "a finite number"),
        ("a.csv", "amount,1,2\n", "line 1: expected a name and a number"),
        ("a.csv", "feature,gain\n", "a number for each"),
    ):
        (tmp_path / name).write_text(text)
        result = run("shop", "--importance", tmp_path / name, "--url", url)
        assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
    assert engine.settings_of("shop") == ModelSettings()
