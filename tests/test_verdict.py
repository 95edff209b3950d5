from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from driftmeter.drift import FeatureScores, Score
from driftmeter.errors import InputError
from driftmeter.grid import CategoryGrid
from driftmeter.panes import Window, WindowSetting
from driftmeter.profile import Feature, Profile
from driftmeter.summary import Summary
from driftmeter.verdict import JudgeSettings, JudgeState, Verdict, grade, judge, worst

PANE = 10_000
SETTINGS = JudgeSettings(window=WindowSetting(5 * PANE, 0))
QUIET = FeatureScores({"chi_square": Score(1.0, 0.5)}, 0.5, 0.0, 0.0, {"missing": (0.0, 0.0)}, 1000)
LOUD = replace(QUIET, p_value=1e-9, effect=0.3, effect_low=0.26)


def profile_of(*names: str, roles: dict[str, str] | None = None) -> Profile:
    grid = CategoryGrid(("a",), ())
    features = [
        Feature(name, "categorical", (roles or {}).get(name, "feature"), grid, (1, 0, 0, 0), name)  # type: ignore[arg-type]
        for name in names
    ]
    return Profile("m", 1, tuple(features))


def window_at(end: int, rows: int = 1000) -> Window:
    return Window(end - 5 * PANE, end, 5, Summary(rows, np.zeros(8, np.int64)))


class Judge:
    """Judges pane after pane."""

    def __init__(self, profile: Profile, settings: JudgeSettings = SETTINGS) -> None:
        self.profile, self.settings = profile, settings
        self.state = JudgeState()
        self.end = 100 * PANE

    def pane(self, *scores: FeatureScores, rows: int = 1000) -> Verdict:
        self.end += PANE
        window = window_at(self.end, rows)
        verdict, self.state = judge(self.profile, scores, window, self.end - PANE, self.state, self.settings)
        return verdict


def states(verdict: Verdict) -> list[str]:
    return [each.state for each in verdict.features]


def test_a_feature_flagged_once_is_pending_and_flagged_twice_drifting_since_the_first_pane() -> None:
    judged = Judge(profile_of("x", "y"))
    first = judged.pane(LOUD, QUIET)
    assert states(first) == ["pending", "ok"]
    assert first.state == "pending"
    assert not first.features[0].drifting
    second = judged.pane(LOUD, QUIET)
    assert states(second) == ["drifting", "ok"]
    assert second.features[0].since == judged.end - 2 * PANE == first.features[0].since


def test_a_pane_without_a_flag_ends_the_run() -> None:
    judged = Judge(profile_of("x"))
    judged.pane(LOUD)
    assert states(judged.pane(QUIET)) == ["ok"]
    assert states(judged.pane(LOUD)) == ["pending"]


def test_below_the_least_rows_nothing_is_judged() -> None:
    judged = Judge(profile_of("x"))
    assert states(judged.pane(LOUD, rows=199)) == ["insufficient"]
    assert states(judged.pane(LOUD, rows=200)) == ["pending"]


def test_significance_without_an_effect_is_no_drift() -> None:
    judged = Judge(profile_of("x"))
    assert states(judged.pane(replace(LOUD, effect=0.0099))) == ["ok"]
    assert states(judged.pane(replace(LOUD, effect=0.01))) == ["pending"]


def test_an_effect_without_significance_is_no_drift() -> None:
    assert states(Judge(profile_of("x")).pane(replace(LOUD, p_value=0.02))) == ["ok"]


def test_the_p_values_are_held_against_benjamini_and_hochberg() -> None:
    # five features at 0.01: the k-th smallest may be k · 0.002
    judged = Judge(profile_of(*"abcde"))
    p_values = (0.0019, 0.0059, 0.0061, 0.5, 0.9)
    flagged = judged.pane(*(replace(LOUD, p_value=p) for p in p_values))
    assert states(flagged) == ["pending", "ok", "ok", "ok", "ok"]
    p_values = (0.0059, 0.0019, 0.0059, 0.5, 0.9)  # the third is within, and takes the second along
    flagged = Judge(profile_of(*"abcde")).pane(*(replace(LOUD, p_value=p) for p in p_values))
    assert states(flagged) == ["pending", "pending", "pending", "ok", "ok"]


def test_a_derived_feature_does_not_decide_the_models_state() -> None:
    judged = Judge(profile_of("x", "y", roles={"y": "derived"}))
    judged.pane(QUIET, LOUD)
    verdict = judged.pane(QUIET, LOUD)
    assert states(verdict) == ["ok", "drifting"]
    assert verdict.state == "ok"
    assert verdict.incident is None
    assert verdict.last_drift is None


def test_severity_is_graded_by_the_lower_bound_and_by_excess_rates() -> None:
    assert grade(replace(QUIET, effect=0.9, effect_low=0.09)) == "none"
    assert grade(replace(QUIET, effect_low=0.1)) == "minor"
    assert grade(replace(QUIET, effect_low=0.25)) == "major"
    assert grade(replace(QUIET, rates={"missing": (0.2, 0.249)})) == "minor"
    assert grade(replace(QUIET, rates={"unseen": (0.0, 0.05)})) == "major"
    assert grade(replace(QUIET, rates={"missing": (0.3, 0.0)})) == "none"


def test_one_incident_gathers_the_features_that_go_together_and_closes_after_a_quiet_window() -> None:
    judged = Judge(profile_of("x", "y"))
    judged.pane(LOUD, QUIET)
    opened = judged.pane(LOUD, QUIET).incident
    assert opened is not None
    judged.pane(LOUD, LOUD)
    grown = judged.pane(LOUD, LOUD).incident
    assert grown is not None
    assert grown.id == opened.id
    assert set(grown.features) == {"x", "y"}
    for _ in range(4):
        assert judged.pane(QUIET, QUIET).incident is not None
    assert judged.pane(QUIET, QUIET).incident is None
    assert [each.closed for each in judged.state.incidents] == [judged.end]


def test_the_last_drift_is_the_end_of_the_last_window_that_drifted() -> None:
    judged = Judge(profile_of("x"))
    judged.pane(LOUD)
    judged.pane(LOUD)
    drifted_at = judged.end
    assert judged.pane(QUIET).last_drift == drifted_at


def test_a_state_goes_through_bytes_unchanged() -> None:
    judged = Judge(profile_of("x", "y"))
    for _ in range(3):
        judged.pane(LOUD, LOUD)
    restored = JudgeState.loads(judged.state.dumps())
    assert restored.dumps() == judged.state.dumps()
    assert restored == replace(judged.state, flags=dict(judged.state.flags))
    assert JudgeState.loads(b"") == JudgeState()


def test_the_verdict_uses_the_public_words() -> None:
    judged = Judge(profile_of("x"))
    judged.pane(LOUD)
    verdict = json.loads(judged.pane(LOUD).dumps())
    assert {"model", "state", "rows", "window", "features"} <= verdict.keys()
    (feature,) = verdict["features"]
    assert {
        "feature": "x",
        "role": "feature",
        "state": "drifting",
        "drifting": True,
        "severity": "major",
        "since": "1970-01-01T00:16:40.000Z",
        "effect": 0.3,
        "p_value": 1e-9,
        "evidence": None,
        "tests": {"chi_square": {"statistic": 1.0, "p_value": 0.5}},
    }.items() <= feature.items()


def test_the_worst_state_wins() -> None:
    assert worst(["ok", "drifting", "pending"]) == "drifting"
    assert worst(["ok", "insufficient"]) == "insufficient"
    assert worst([]) == "ok"


@pytest.mark.parametrize("wrong", [{"false_discovery_rate": 0.0}, {"false_discovery_rate": 1.0}, {"tolerance": -1.0}])
def test_settings_that_cannot_work_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        JudgeSettings(**wrong)  # type: ignore[arg-type]
