from __future__ import annotations

from driftmeter.types import JSON
from driftmeter.verdict.sentences import returning
from driftmeter.verdict.summary import blame_order, causes_of, lasting_of, summary_of


def drifting(name: str, severity: str = "major", effect: float = 1.0, **other: object) -> JSON:
    return {"feature": name, "role": "feature", "severity": severity, "effect": effect, "why": "It rose.", **other}


def test_nothing_that_drifts_has_no_summary() -> None:
    assert summary_of([]) is None
    assert causes_of([]) == []


def test_causes_come_first_and_worst_first_and_followers_behind_them() -> None:
    features = [
        drifting("b", "minor"),
        drifting("a", "major", 0.5),
        drifting("f", "major", 9.0, follows="a"),
        drifting("c", "major", 0.7),
    ]
    assert [one["feature"] for one in sorted(features, key=blame_order)] == ["c", "a", "b", "f"]
    assert [one["feature"] for one in causes_of(features)] == ["c", "a", "b"]


def test_a_follower_whose_cause_is_over_is_to_blame_itself() -> None:
    alone = [drifting("humid given the rest", role="derived", follows="temp")]
    assert [one["feature"] for one in causes_of(alone)] == ["humid given the rest"]
    assert summary_of(alone) == "humid given the rest: it rose."


def test_a_change_is_told_instead_of_why_and_each_column_once() -> None:
    temp = drifting("temp", change={"kind": "unit", "text": "looks like °F → °C (×0.556 − 17.8)"}, follows=None)
    derived = [drifting(f"{name} given the rest", role="derived", follows="temp") for name in ("temp", "humid", "dewp")]
    assert (
        summary_of([*derived, temp]) == "temp looks like °F → °C (×0.556 − 17.8); dewp and humid given the rest follow."
    )


def test_followers_are_named_as_they_are_listed() -> None:
    temp = drifting("temp", why="It rose.", follows=None)
    derived = [drifting(f"{name} given the rest", role="derived", follows="temp") for name in ("dewp", "humid")]
    visib = drifting("visib", "slight", follows="temp")
    assert summary_of([*derived, visib, temp]) == "temp: it rose; visib, and dewp and humid given the rest, follow."
    dewp = drifting("dewp", "slight", follows="temp")
    assert summary_of([*derived, dewp, temp]) == "temp: it rose; dewp, and humid given the rest, follow."


def test_of_many_causes_and_followers_the_first_are_told() -> None:
    causes = [drifting(name, effect=effect) for name, effect in (("a", 5), ("b", 4), ("c", 3), ("d", 2), ("e", 1))]
    followers = [drifting(f"f{number}", effect=9 - number, follows="a") for number in range(7)]
    assert summary_of([*causes, *followers]) == (
        "a: it rose; b: it rose; c: it rose; 2 more drift; f0, f1, f2, f3 and 3 more follow."
    )


def test_one_further_cause_drifts_and_several_drift() -> None:
    four = [drifting(name) for name in "abcd"]
    assert summary_of(four) == "a: it rose; b: it rose; c: it rose; 1 more drifts."


def test_a_cause_that_returns_is_told_by_what_changed_alone() -> None:
    temp = drifting("temp", why=returning("Fell from 55 to 13 on average."))
    assert summary_of([temp, drifting("x", follows="temp")]) == "temp: fell from 55 to 13 on average; x follows."


def test_an_incident_is_told_of_what_is_not_over_and_a_closed_one_of_all() -> None:
    over, lasting = drifting("a", over="2026-01-01T00:00:00.000Z"), drifting("b", over=None)
    assert lasting_of([over, lasting]) == [lasting]
    assert lasting_of([over]) == [over]
