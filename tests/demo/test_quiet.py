from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest

from driftmeter.demo.quiet import main, unrest
from tests.demo.verdicts import drifting, feature, verdict


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the check on what the demo printed; return its exit code and its words."""

    def call(text: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        return main(), capsys.readouterr().out

    return call


def test_a_run_in_which_nothing_ever_drifted_was_quiet(say: Any) -> None:
    code, words = say(json.dumps(verdict(feature("temp", evidence=-7.25), feature("carrier"))))
    assert code == 0
    assert words.startswith("quiet: 2 features")
    assert "strongest evidence -7.25 (temp)" in words


def test_a_feature_that_is_quiet_again_was_a_drift_all_the_same() -> None:
    (found,) = unrest(verdict(feature("temp"), last_drift="2026-05-04T10:00:22.000Z"))
    assert "10:00:22" in found


def test_an_incident_of_a_derived_feature_alone_is_named_with_its_reason(say: Any) -> None:
    code, words = say(json.dumps(verdict(feature("temp"), drifting("temp given the rest", role="derived"))))
    assert code == 1
    assert "temp given the rest since 2026-05-04T10:00:20.000Z: It drifts." in words


@pytest.mark.parametrize("state", ["insufficient", "calibrating", "uncalibrated"])
def test_the_silence_of_what_is_not_judged_is_not_quiet(state: str) -> None:
    assert unrest(verdict(feature("temp", state=state, evidence=None))) == [f"temp is {state}"]


@pytest.mark.parametrize("text", ["", "\n", "null\n"])
def test_a_demo_that_ended_without_a_verdict_was_not_quiet(text: str, say: Any) -> None:
    code, words = say(text)
    assert code == 2
    assert "without a verdict" in words
