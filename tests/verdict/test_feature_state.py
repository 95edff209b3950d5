"""From the evidence on one feature to its state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftmeter.detectors import Cause
from driftmeter.timestamps import HOUR
from driftmeter.verdict.feature_state import decide, lasting, mask_of, severity_of
from driftmeter.verdict.member import Member
from driftmeter.verdict.recovery import LastingChange

INF = float("inf")
FEATURES = ["fare", "tip"]


def cause(what: str, *, category: bool = False) -> Cause:
    return Cause(what, category, 0.3, 0.1, HOUR, 1_000)


@pytest.mark.parametrize(
    ("evidence", "smallest_visible", "state"),
    [
        (0.0, 0.1, "drifting"),
        (0.0, INF, "drifting"),
        (-0.001, 0.1, "pending"),
        (-1.0, 0.1, "pending"),
        (-1.001, 0.1, "ok"),
        (-0.5, 1.001, "insufficient"),
        (-0.5, 1.0, "pending"),
        (-INF, INF, "insufficient"),
    ],
)
def test_the_state_follows_evidence_and_what_could_have_been_seen(
    evidence: float, smallest_visible: float, state: str
) -> None:
    assert decide(evidence, smallest_visible, significant=False, cause=cause("mean"))[0] == state


def test_a_move_inside_the_tolerance_is_said() -> None:
    assert "less than the tolerance" in decide(-9.0, 0.1, significant=True, cause=None)[1]


def test_a_feature_in_an_open_incident_drifts_until_its_change_is_over() -> None:
    change = LastingChange("missing", False, (10, 90), (0, 0), 0)
    member = Member("feature", 0, 0, 0, HOUR, 2, HOUR, 3.0, "major", "It was missing.", 0.3, change)
    assert lasting(member, None) == ("drifting", "It was missing.")
    assert "missing values rose" in lasting(member, cause("missing"))[1].lower()
    returning = replace(member, change=replace(change, returning=True))
    decided, why = lasting(returning, None)
    assert decided == "drifting"
    assert why == "It was missing. The latest rows begin to look like the reference again."


def test_what_drifts_is_graded_by_the_bounds_of_the_window_that_its_cause_is_of() -> None:
    assert severity_of(replace(cause("mean"), effect=0.9, effect_low=0.1)) == "minor"
    assert severity_of(replace(cause("missing"), effect=0.02, effect_low=0.01, excess_low=0.05)) == "major"
    assert severity_of(cause("mean")) == severity_of(None) == "slight"


def test_a_mask_marks_the_features_that_are_named() -> None:
    assert mask_of({"tip", "gone"}, FEATURES).tolist() == [False, True]
