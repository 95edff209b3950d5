"""One window judged by itself: significance over the features, and an effect beyond tolerance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from driftmeter.settings.model import FeatureSettings, ModelSettings
from driftmeter.verdict.scorer import scorer_of
from driftmeter.verdict.window_judge import significant
from tests.verdict.samples import LOUD, QUIET, judged, profile_of, states


def test_a_window_that_is_significant_and_has_an_effect_drifts() -> None:
    verdict = judged(LOUD, QUIET)
    assert states(verdict) == ["drifting", "ok"]
    assert verdict.state == "drifting"
    assert [feature.severity for feature in verdict.features] == ["major", "none"]
    assert [feature.since for feature in verdict.features] == [None, None]
    assert verdict.features[0].why == "It drifts."


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


def test_no_p_values_are_never_significant() -> None:
    assert significant(np.array([]), 0.01).tolist() == []


@pytest.mark.parametrize(
    ("effect_low", "excess_low", "severity"),
    [(0.05, 0.0, "slight"), (0.15, 0.0, "minor"), (0.0, 0.009, "slight"), (0.0, 0.049, "minor"), (0.0, 0.05, "major")],
)
def test_severity_is_graded_by_the_lower_bounds_of_the_effect_and_of_rates_that_have_grown(
    effect_low: float, excess_low: float, severity: str
) -> None:
    scores = replace(LOUD, effect_low=effect_low, excess_low=excess_low)
    assert [feature.severity for feature in judged(scores, QUIET).features] == [severity, "none"]


def test_the_effect_that_is_shown_is_the_one_that_is_beyond_the_tolerance() -> None:
    lost = replace(LOUD, effect=0.0, effect_low=0.0, vanished=0.02, excess_low=0.02)
    (feature,) = judged(lost).features
    assert (feature.state, feature.severity, feature.effect, feature.to_json()["effect"]) == (
        "drifting",
        "minor",
        0.02,
        0.02,
    )
    assert judged(LOUD).features[0].effect == LOUD.effect


def test_the_scorer_of_a_profile_shows_the_tests_that_the_settings_name() -> None:
    settings = ModelSettings(tests=("psi", "missing"), features={"b": FeatureSettings(tests=())})
    shown = scorer_of(profile_of("a", "b"), settings).scores(np.array([5, 0, 0, 0, 0, 5, 0, 0, 0, 0]))
    assert [list(scores.tests) for scores in shown] == [["psi", "missing"], []]
    everything = scorer_of(profile_of("a", "b"), ModelSettings()).scores(np.array([5, 0, 0, 0, 0, 5, 0, 0, 0, 0]))
    assert len(everything[0].tests) > 5
