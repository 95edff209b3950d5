from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from driftmeter.cli.app import app
from driftmeter.engine.engine import Engine
from driftmeter.profile.profile import Profile
from driftmeter.store import open_store
from driftmeter.timestamps import HOUR, iso, parse_time
from driftmeter.types import JSON
from tests.support.metric_server import metric_server

NAMES = ("amount", "city", "code", "count", "member")
OPEN: JSON = {
    "id": "1700000012000",
    "state": "open",
    "opened": iso(1_700_000_012_000),
    "since": iso(1_700_000_000_000),
    "closed": None,
    "reopened": None,
    "severity": "minor",
    "features": [
        {"feature": name, "since": iso(1_700_000_000_000), "over": None, "ended": None, "changed_again": None}
        for name in NAMES
    ],
}
CLOSED: JSON = {**OPEN, "id": "1600000000000", "state": "closed", "closed": iso(1_600_000_000_000), "features": []}
AMOUNT, CITY, CODE = OPEN["features"][:3]
BACK: JSON = {
    **OPEN,
    "reopened": iso(1_700_090_000_000),
    "features": [
        AMOUNT,
        {**CITY, "over": iso(1_700_095_000_000), "ended": "returned"},
        {**CODE, "changed_again": iso(1_700_096_000_000)},
    ],
}


class Drifted(Engine):
    """An engine that has seen two incidents."""

    def incidents(self, model: str, digest: str | None = None) -> list[JSON]:
        self.record(model)
        seen = self.store.acknowledged(model)
        incidents = {"shop": [OPEN, CLOSED], "again": [BACK, CLOSED]}.get(model, [])
        return [
            {**incident, "acknowledged": {"at": iso(seen[id_][0]), "note": seen[id_][1]} if id_ in seen else None}
            for incident in incidents
            for id_ in [incident["id"]]
        ]


@pytest.fixture(scope="module")
def served(profile: Profile) -> Iterator[tuple[Engine, str]]:
    store = open_store("memory://")
    engine = Drifted(store)
    with metric_server(engine) as url:
        yield engine, url
    store.close()


@pytest.fixture
def engine(served: tuple[Engine, str], profile: Profile) -> Iterator[Engine]:
    engine = served[0]
    engine.register(profile)
    yield engine
    engine.delete("shop")


@pytest.fixture
def url(served: tuple[Engine, str], engine: Engine) -> str:
    return served[1]


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


# --- incidents


def test_incidents_are_listed_the_newest_first(url: str, engine: Engine) -> None:
    result = run("incidents", "shop", "--url", url)
    assert result.exit_code == 0
    _, first, second = result.stdout.splitlines()
    assert first.split(maxsplit=3)[:3] == ["1700000012000", "open", "minor"]
    assert "2023-11-14 22:13:20" in first
    assert "amount, city, code, count and 1 more" in first
    assert second.split()[:2] == ["1600000000000", "closed"]
    assert json.loads(run("incidents", "shop", "--url", url, "--json").stdout) == {
        "model": "shop",
        "incidents": engine.incidents("shop"),
    }


def test_of_an_incident_it_is_said_when_it_was_reopened_and_what_of_it_is_over_or_changed_again(
    url: str, engine: Engine, profile: Profile
) -> None:
    engine.register(Profile("again", profile.rows, profile.features, profile.left_out, profile.independent))
    head, first, *rest = run("incidents", "again", "--url", url).stdout.splitlines()
    assert "reopened" in head
    assert "2023-11-15 23:13:20" in first
    assert "amount, city (over), code" in first
    assert rest[0].strip() == "(changed again)"
    assert "reopened" not in run("incidents", "shop", "--url", url).stdout


def test_a_model_without_incidents_says_so(url: str, engine: Engine, profile: Profile) -> None:
    other = Profile("calm", profile.rows, profile.features, profile.left_out, profile.independent)
    engine.register(other)
    assert run("incidents", "calm", "--url", url).stdout == "calm: no incidents\n"


def test_an_incident_is_acknowledged_and_the_first_to_say_so_is_kept(url: str) -> None:
    result = run("acknowledge", "shop", "1700000012000", "--note", "the sensor was swapped", "--url", url)
    assert result.exit_code == 0
    assert result.stdout.startswith("shop: incident 1700000012000 acknowledged at 20")
    assert result.stdout.endswith(": the sensor was swapped\n")
    assert run("acknowledge", "shop", "1700000012000", "--note", "again", "--url", url).stdout == result.stdout
    assert "sensor" in run("incidents", "shop", "--url", url).stdout
    as_json = run("acknowledge", "shop", "1600000000000", "--url", url, "--json")
    assert json.loads(as_json.stdout)["acknowledged"]["note"] == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["incidents", "shpo"], "status 404: unknown model 'shpo'"),
        (["acknowledge", "shop", "17"], "status 404: incident: expected one of 1700000012000, 1600000000000, got 17"),
        (["expect", "shop", "amuont", "--for", "1h"], "status 400: feature: expected null, or one of amount"),
        (["expect", "shop", "amount", "--until", "2001-01-01"], "until: expected a time after now"),
        (["expect", "shop", "amount", "--until", "soon"], "until: expected seconds since the epoch or ISO 8601"),
        (["expect", "shop", "amount", "--for", "6"], "expected a number with ms, s, m, h or d"),
        (["expect", "shop", "amount"], "Give one of --until, --for and --over."),
        (["expect", "shop", "--for", "1h", "--over"], "Give one of --until, --for and --over."),
        (["expect", "shop", "amount", "--over"], "status 404: feature: expected one that has a mark; none has"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(url: str, arguments: list[str], message: str) -> None:
    result = run(*arguments, "--url", url)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


# --- what is expected


def test_a_feature_is_expected_to_drift_for_a_while(url: str, engine: Engine) -> None:
    result = run("expect", "shop", "amount", "--for", "1.5h", "--note", "new currency", "--url", url)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split()[0] == "amount"
    assert result.stdout.splitlines()[1].endswith("new currency")
    (found,) = engine.expected("shop")
    assert (found["feature"], found["note"]) == ("amount", "new currency")
    assert parse_time(found["until"]) - parse_time(found["since"]) == pytest.approx(1.5 * HOUR, abs=1)


@pytest.mark.parametrize("until", ["2100-01-01", "4102444800", "2100-01-01T01:00:00+01:00"])
def test_a_model_is_expected_to_drift_until_a_time(url: str, engine: Engine, until: str) -> None:
    result = run("expect", "shop", "--until", until, "--url", url)
    assert "(the whole model)" in result.stdout
    (found,) = engine.expected("shop")
    assert (found["feature"], found["until"]) == (None, "2100-01-01T00:00:00.000Z")


def test_marks_are_listed_and_ended(url: str, engine: Engine) -> None:
    assert run("expect", "shop", "--url", url).stdout == "shop: no drift is expected\n"
    run("expect", "shop", "--for", "1h", "--url", url)
    run("expect", "shop", "city", "--for", "1h", "--url", url)
    listed = json.loads(run("expect", "shop", "--url", url, "--json").stdout)
    assert listed == {"model": "shop", "expected": engine.expected("shop")}
    assert [expected["feature"] for expected in listed["expected"]] == [None, "city"]
    assert "city" not in run("expect", "shop", "city", "--over", "--url", url).stdout
    assert run("expect", "shop", "--over", "--url", url).stdout == "shop: no drift is expected\n"
