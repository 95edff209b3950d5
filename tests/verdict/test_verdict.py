from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.drift import FeatureScores, Score
from driftmeter.panes.windows import Window
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import FeatureSettings, ModelSettings
from driftmeter.verdict.incidents import Flag, turn
from driftmeter.verdict.verdict import FeatureVerdict, Severity, State, Verdict, grade, judge_window, scorer_of, worst

END = 1_700_000_000_000
QUIET = FeatureScores({"chi_square": Score(1.0, 0.5)}, 0.5, 0.0, 0.0, {"missing": (0.0, 0.0)}, 1000)
LOUD = replace(QUIET, p_value=1e-9, effect=0.3, effect_low=0.26)


def profile_of(*names: str, roles: dict[str, str] | None = None) -> Profile:
    grid = CategoryGrid(("a",), ())
    features = [
        Feature(name, "categorical", (roles or {}).get(name, "feature"), grid, (1, 0, 0, 0, 0), name)  # type: ignore[arg-type]
        for name in names
    ]
    return Profile("m", 1, tuple(features))


def window_of(rows: int = 1000) -> Window:
    return Window(END - 50_000, END, 5, Summary(rows, np.zeros(10, np.int64)))


def judged(
    *scores: FeatureScores, rows: int = 1000, settings: ModelSettings | None = None, roles: dict[str, str] | None = None
) -> Verdict:
    """Judge one window of the features a, b, c …"""
    profile = profile_of(*"abcdef"[: len(scores)], roles=roles)
    return judge_window(profile, scores, window_of(rows), settings or ModelSettings())


def states(verdict: Verdict) -> list[str]:
    return [each.state for each in verdict.features]


def feature_of(state: State, role: str = "feature", severity: Severity = "none") -> FeatureVerdict:
    return FeatureVerdict("x", role, state, severity, None, QUIET, "Nothing beyond chance and tolerance.")  # type: ignore[arg-type]


# --- one window by itself


def test_a_window_that_is_significant_and_has_an_effect_drifts() -> None:
    verdict = judged(LOUD, QUIET)
    assert states(verdict) == ["drifting", "ok"]
    assert verdict.state == "drifting"
    assert [each.severity for each in verdict.features] == ["major", "none"]
    assert [each.since for each in verdict.features] == [None, None]
    assert verdict.features[0].why == "The window differs beyond chance and tolerance: effect 0.3, p-value 1e-09."


def test_below_the_least_rows_nothing_is_judged() -> None:
    assert states(judged(LOUD, rows=199)) == ["insufficient"]
    assert judged(LOUD, rows=199).features[0].severity == "none"
    assert states(judged(LOUD, rows=200)) == ["drifting"]
    assert states(judged(LOUD, rows=0, settings=ModelSettings(min_rows=0))) == ["insufficient"]


def test_significance_without_an_effect_is_no_drift() -> None:
    assert states(judged(replace(LOUD, effect=0.0099))) == ["ok"]
    assert states(judged(replace(LOUD, effect=0.01))) == ["drifting"]


def test_an_effect_without_significance_is_no_drift() -> None:
    assert states(judged(replace(LOUD, p_value=0.02))) == ["ok"]


def test_a_feature_may_have_a_tolerance_of_its_own() -> None:
    settings = ModelSettings(tolerance=0.5, features={"b": FeatureSettings(tolerance=0.2)})
    assert states(judged(LOUD, LOUD, settings=settings)) == ["ok", "drifting"]


@pytest.mark.parametrize(
    ("p_values", "expected"),
    [  # five features at 0.01: the k-th smallest may be k · 0.002
        ((0.0019, 0.0059, 0.0061, 0.5, 0.9), ["drifting", "ok", "ok", "ok", "ok"]),
        ((0.0059, 0.0019, 0.0059, 0.5, 0.9), ["drifting", "drifting", "drifting", "ok", "ok"]),
    ],
    ids=["only the first", "the third takes the second along"],
)
def test_the_p_values_are_held_against_benjamini_and_hochberg(p_values: list[float], expected: list[str]) -> None:
    assert states(judged(*(replace(LOUD, p_value=p) for p in p_values))) == expected


# --- the model's state


def test_a_derived_feature_does_not_decide_the_models_state() -> None:
    verdict = judged(QUIET, LOUD, roles={"b": "derived"})
    assert states(verdict) == ["ok", "drifting"]
    assert verdict.state == "ok"
    assert judged(QUIET, LOUD, roles={"b": "prediction"}).state == "drifting"


@pytest.mark.parametrize(
    ("of_features", "expected"),
    [
        (["ok", "drifting", "pending"], "drifting"),
        (["uncalibrated", "pending"], "pending"),
        (["calibrating", "uncalibrated"], "uncalibrated"),
        (["insufficient", "calibrating"], "calibrating"),
        (["ok", "insufficient"], "insufficient"),
        ([], "ok"),
    ],
)
def test_the_worst_state_wins(of_features: list[State], expected: State) -> None:
    assert worst(of_features) == expected
    assert Verdict("m", "0", window_of(), tuple(map(feature_of, of_features))).state == expected


def test_severity_is_graded_by_the_lower_bound_and_by_excess_rates() -> None:
    assert grade(replace(QUIET, effect=0.9), 0.09) == "none"
    assert grade(QUIET, 0.1) == "minor"
    assert grade(QUIET, 0.25) == "major"
    assert grade(replace(QUIET, rates={"missing": (0.2, 0.209)}), 0.0) == "none"
    assert grade(replace(QUIET, rates={"missing": (0.2, 0.249)}), 0.0) == "minor"
    assert grade(replace(QUIET, rates={"unseen": (0.0, 0.05)}), 0.0) == "major"
    assert grade(replace(QUIET, rates={"missing": (0.3, 0.0)}), 0.0) == "none"


# --- what is shown beside


def test_the_scorer_of_a_profile_shows_the_tests_that_the_settings_name() -> None:
    settings = ModelSettings(tests=("psi", "missing"), features={"b": FeatureSettings(tests=())})
    found = scorer_of(profile_of("a", "b"), settings).scores(np.array([5, 0, 0, 0, 0, 5, 0, 0, 0, 0]))
    assert [list(each.tests) for each in found] == [["psi", "missing"], []]
    everything = scorer_of(profile_of("a", "b"), ModelSettings()).scores(np.array([5, 0, 0, 0, 0, 5, 0, 0, 0, 0]))
    assert len(everything[0].tests) > 5


# --- the public words


def test_the_verdict_uses_the_public_words() -> None:
    first = replace(feature_of("drifting", severity="major"), since=END - 10_000, evidence=3.14159, smallest_shift=0.25)
    verdict = Verdict("m", "d1gest", window_of(), (first, feature_of("ok")), END)
    found = json.loads(verdict.dumps())
    features = found.pop("features")
    assert found == {
        "model": "m",
        "profile": "d1gest",
        "state": "drifting",
        "rows": 1000,
        "window": {"start": "2023-11-14T22:12:30.000Z", "end": "2023-11-14T22:13:20.000Z", "panes": 5},
        "features_drifting": 1,
        "features_monitored": 2,
        "last_drift": "2023-11-14T22:13:20.000Z",
        "incident": None,
        "incidents_open": 0,
    }
    assert features[0] == {
        "feature": "x",
        "role": "feature",
        "state": "drifting",
        "drifting": True,
        "severity": "major",
        "since": "2023-11-14T22:13:10.000Z",
        "effect": 0.0,
        "p_value": 0.5,
        "evidence": 3.142,
        "smallest_shift": 0.25,
        "expected_until": None,
        "why": "Nothing beyond chance and tolerance.",
        "tests": {"chi_square": {"statistic": 1.0, "p_value": 0.5}},
        "rates": {"missing": {"reference": 0.0, "window": 0.0}},
    }
    assert (features[1]["drifting"], features[1]["since"], features[1]["evidence"]) == (False, None, None)


def test_of_the_open_incidents_the_newest_is_shown_and_all_are_counted() -> None:
    flags = [Flag(name, "feature", END, 0, 1, 1.0, "major", "It drifts.") for name in "xy"]
    one = turn((), flags[:1], END).incidents
    both = turn(one, flags[1:], END + 90_000_000, END).incidents
    found = Verdict("m", "0", window_of(), (), None, both).to_json()
    assert found["incidents_open"] == 2
    assert [each["feature"] for each in found["incident"]["features"]] == ["y"]


def test_a_window_without_slices_has_no_times() -> None:
    empty = Window(0, 0, 0, Summary(0, np.zeros(10, np.int64)))
    assert Verdict("m", "0", empty, ()).to_json()["window"] == {"start": None, "end": None, "panes": 0}


def test_equal_verdicts_give_equal_bytes_and_no_bit_beyond_ten_digits() -> None:
    assert judged(LOUD, QUIET).dumps() == judged(LOUD, QUIET).dumps()
    nearly = replace(LOUD, effect=0.3 * (1 + 1e-14))
    assert nearly != LOUD
    assert judged(nearly, QUIET).dumps() == judged(LOUD, QUIET).dumps()
