"""From the evidence on one feature to its state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from driftmeter.detectors import Cause, Evidence
from driftmeter.timestamps import DAY, HOUR
from driftmeter.verdict.feature_state import decide, evidence_now, mask_of, severity_of
from driftmeter.verdict.incidents import Incident, Member

INF = float("inf")
FEATURES = ["fare", "tip"]


def cause(what: str, *, category: bool = False) -> Cause:
    return Cause(what, category, 0.3, 0.1, HOUR, 1_000)


@pytest.mark.parametrize(
    ("evidence", "smallest_visible", "latched", "state"),
    [
        (0.0, 0.1, False, "drifting"),
        (0.0, INF, True, "drifting"),
        (-0.001, 0.1, True, "pending"),
        (-1.0, 0.1, False, "pending"),
        (-1.001, 0.1, False, "ok"),
        (-0.5, 1.001, True, "insufficient"),
        (-0.5, 1.0, False, "pending"),
        (-INF, INF, False, "insufficient"),
        (-INF, 0.1, True, "ok"),
    ],
)
def test_the_state_follows_evidence_and_what_could_have_been_seen(
    evidence: float, smallest_visible: float, latched: bool, state: str
) -> None:
    assert decide(evidence, smallest_visible, significant=False, latched=latched, cause=cause("mean"))[0] == state


def test_a_feature_that_an_open_incident_holds_says_so_and_one_inside_the_tolerance_too() -> None:
    assert "incident stays open" in decide(-9.0, 0.1, significant=True, latched=True, cause=None)[1]
    assert "less than the tolerance" in decide(-9.0, 0.1, significant=True, latched=False, cause=None)[1]


def test_what_drifts_is_graded_by_the_bounds_of_the_window_that_its_cause_is_of() -> None:
    assert severity_of(replace(cause("mean"), effect=0.9, effect_low=0.1)) == "minor"
    assert severity_of(replace(cause("missing"), effect=0.02, effect_low=0.01, excess_low=0.05)) == "major"
    assert severity_of(cause("mean")) == severity_of(None) == "slight"


def test_a_mask_marks_the_features_that_are_named() -> None:
    assert mask_of({"tip", "gone"}, FEATURES).tolist() == [False, True]


def test_during_an_incident_windows_that_are_much_longer_than_its_own_do_not_count() -> None:
    levels = 6
    strengths = np.full((levels, 2), -5.0)
    strengths[5] = 3.0  # the longest window of both features still holds the fault
    evidence = Evidence(
        0,
        HOUR,
        strengths,
        np.ones(levels, bool),
        np.full(levels, HOUR),
        np.zeros(2, bool),
        np.ones(2),
        HOUR,
    )
    member = Member("feature", 0, HOUR, 2, HOUR, HOUR, 3.0, "major", "It drifts.")
    incident = Incident(HOUR, {"fare": member})
    assert evidence_now(evidence, [], FEATURES).tolist() == [3.0, 3.0]
    assert evidence_now(evidence, [incident], FEATURES).tolist() == [-5.0, 3.0]
    one_level_more = Incident(HOUR, {"fare": Member("feature", 0, HOUR, 3, DAY, HOUR, 3.0, "major", "It drifts.")})
    assert evidence_now(evidence, [one_level_more], FEATURES).tolist() == [3.0, 3.0]
