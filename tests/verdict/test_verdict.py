"""The verdict: the model's state, and the public JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.panes.windows import Window
from driftmeter.types import Role
from driftmeter.verdict.incidents import turn
from driftmeter.verdict.member import Flag
from driftmeter.verdict.onset import Onset
from driftmeter.verdict.severity import Severity
from driftmeter.verdict.verdict import FeatureVerdict, State, Verdict, worst
from tests.verdict.samples import END, LOUD, QUIET, judged, states, window_of


def feature_of(state: State, role: Role = "feature", severity: Severity = "none") -> FeatureVerdict:
    return FeatureVerdict("x", role, state, severity, None, QUIET, "Nothing beyond chance and tolerance.")


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


# --- the public words


def test_the_verdict_uses_the_public_words() -> None:
    first = replace(feature_of("drifting", severity="major"), since=END - 10_000, evidence=3.14159, smallest_shift=0.25)
    verdict = Verdict("m", "d1gest", window_of(), (first, feature_of("ok")), END)
    content = json.loads(verdict.dumps())
    features = content.pop("features")
    assert content == {
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
        "incident_ids": [],
        "incident_oldest": None,
        "causes": ["x"],
        "summary": "x: nothing beyond chance and tolerance.",
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
        "follows": None,
        "change": None,
        "tests": {"chi_square": {"statistic": 1.0, "p_value": 0.5}},
        "rates": {"missing": {"reference": 0.0, "window": 0.0}},
    }
    assert (features[1]["drifting"], features[1]["since"], features[1]["evidence"]) == (False, None, None)


def test_of_the_open_incidents_the_newest_is_shown_and_all_are_counted() -> None:
    onsets = (Onset(at, at, at, np.ones(2, np.int64)) for at in (END, END + 90_000_000))
    flags = [
        Flag(name, "feature", onset, 0, 1, 1.0, "major", "It drifts.", "mean")
        for name, onset in zip("xy", onsets, strict=True)
    ]
    one = turn((), flags[:1], END).incidents
    both = turn(one, flags[1:], END + 90_000_000).incidents
    content = Verdict("m", "0", window_of(), (), None, both).to_json()
    assert (content["incidents_open"], content["incident_oldest"]) == (2, "2023-11-14T22:13:20.000Z")
    assert content["incident_ids"] == [str(END), str(END + 90_000_000)]
    assert [member["feature"] for member in content["incident"]["features"]] == ["y"]
    again = (replace(both[0], reopened=END + 180_000_000), both[1])
    content = Verdict("m", "0", window_of(), (), None, again).to_json()
    assert content["incident_oldest"] == "2023-11-15T23:13:20.000Z"


def test_a_window_without_slices_has_no_times() -> None:
    empty = Window(0, 0, 0, Summary(0, np.zeros(10, np.int64)))
    assert Verdict("m", "0", empty, ()).to_json()["window"] == {"start": None, "end": None, "panes": 0}


def test_equal_verdicts_give_equal_bytes_and_no_bit_beyond_ten_digits() -> None:
    assert judged(LOUD, QUIET).dumps() == judged(LOUD, QUIET).dumps()
    nearly = replace(LOUD, effect=0.3 * (1 + 1e-14))
    assert nearly != LOUD
    assert judged(nearly, QUIET).dumps() == judged(LOUD, QUIET).dumps()
