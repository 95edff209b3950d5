from __future__ import annotations

import io

import pytest
from rich.console import Console

from driftmeter.demo import view
from driftmeter.demo.traffic import TrafficProgress
from driftmeter.types import JSON
from tests.demo.verdicts import drifting, feature, verdict


def shown(verdict: JSON | None, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(view.screen({}, verdict, TrafficProgress(), "no drift"))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def names(verdict: JSON) -> list[str]:
    lines = shown(verdict)
    table = next(place for place, line in enumerate(lines) if line.startswith("feature "))
    return [line[: lines[table].index("state")].strip() for line in lines[table + 1 :]]


def test_the_worst_come_first_and_derived_features_after_the_others() -> None:
    derived = drifting("temp given the rest", role="derived", effect=2.0)
    features = feature("dest"), derived, feature("seats", state="pending"), drifting("temp")
    assert names(verdict(*features)) == ["temp", "seats", "dest", "temp given the rest"]


def test_a_feature_is_shown_with_how_far_its_evidence_is_past_the_alarm() -> None:
    lines = shown(verdict(drifting("temp"), feature("dest"), feature("hour", evidence=None)))
    (temp,) = (line for line in lines if line.startswith("temp"))
    (dest,) = (line for line in lines if line.startswith("dest"))
    assert "+12.2" in temp
    assert "10:00:20" in temp
    assert "-8.5" in dest


@pytest.mark.parametrize("state", ["uncalibrated", "calibrating", "insufficient", "ok", "pending", "drifting"])
def test_every_state_is_shown(state: str) -> None:
    lines = shown(verdict(feature("temp", state=state), state=state))
    assert any(line.startswith(f" {state} ") for line in lines)
    assert any(line.startswith("temp") and state in line for line in lines)


def test_an_open_incident_names_its_features_and_counts_the_derived_ones() -> None:
    derived = [drifting(f"{name} given the rest", role="derived") for name in ("temp", "dewp")]
    lines = shown(verdict(drifting("temp"), drifting("carrier"), *derived))
    assert "incident since 10:00:20 UTC: temp, carrier, 2 derived" in lines
    assert not any(line.startswith("incident") for line in shown(verdict(feature("temp"))))


def test_an_incident_of_many_features_is_still_a_line() -> None:
    lines = shown(verdict(*(drifting(f"f{place}") for place in range(50))))
    assert "incident since 10:00:20 UTC: f0, f1, f2, f3, f4, f5, 44 more" in lines


def test_the_longest_name_of_the_demo_does_not_break_its_row() -> None:
    lines = shown(verdict(drifting("distance given the rest", role="derived")))
    (row,) = (line for line in lines if line.startswith("distance given the rest"))
    assert row.endswith("10:00:20")


def test_before_the_first_verdict_there_is_a_table_without_rows() -> None:
    assert any("waiting for the first pane" in line for line in shown(None))
