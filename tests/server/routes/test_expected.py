from __future__ import annotations

from typing import Any

import pytest

from driftmeter.timestamps import HOUR, iso
from tests.server.harness import NOW, Client
from tests.server.samples import problem_of
from tests.support.clocks import SetClock

EXPECTED = "/v1/models/shop/expected"


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
    assert client.delete(EXPECTED, params={"feature": "amount"}).status_code == 204
    assert [mark["feature"] for mark in client.get(EXPECTED).json()["expected"]] == [None, "city"]
    problem = problem_of(client.delete(EXPECTED, params={"feature": "amount"}), 404, "not_found")
    assert (problem["expected"], problem["got"]) == ("one of the whole model, city", "amount")
    assert client.delete(EXPECTED).status_code == 204
    assert client.delete(EXPECTED, params={"feature": "city"}).status_code == 204
    assert problem_of(client.delete(EXPECTED), 404, "not_found")["got"] == "the whole model"


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


def test_a_mark_that_has_ended_is_still_listed(client: Client, clock: SetClock) -> None:
    client.post(EXPECTED, json={"for": "1s"})
    clock.now += 2_000
    assert client.get(EXPECTED).json()["expected"] == [mark(None, NOW + 1_000)]
