"""When a change is over: on evidence, with a chance of error that is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from driftmeter.profile.profile import Profile
from driftmeter.timestamps import HOUR
from driftmeter.types import Counts, Milliseconds
from driftmeter.verdict.contrast import Contrast
from driftmeter.verdict.recovery import SHORTEST, LastingChange, Outcome, after_pane, threshold

ROWS = 100


@pytest.fixture(scope="module")
def missing(profile: Profile) -> Contrast:
    (feature,) = (feature for feature in profile.features if feature.name == "amount")
    return Contrast(feature, "missing", category=False)


def found(lost: int, rows: int = 1_000) -> LastingChange:
    return LastingChange.of("missing", False, np.array([rows - lost, lost]), 0)


def go_on(
    contrast: Contrast,
    change: LastingChange,
    panes: Iterable[int],
    *,
    worth: float = 1.0,
    least: float = threshold(HOUR),
    alarms: bool = False,
    explained: bool = False,
) -> tuple[LastingChange, list[Outcome]]:
    """Give hourly panes with so many missing rows each; stop when the change is over."""
    outcomes: list[Outcome] = []
    for number, lost in enumerate(panes, start=1):
        rows: Counts = np.array([ROWS - lost, lost])
        change, outcome = after_pane(
            change.with_rows(rows),
            contrast,
            number * HOUR,
            worth=lambda rows, length: rows * worth,
            least=least,
            tolerance=0.1,
            reference_rows=10_000,
            alarming=lambda passed: alarms,
            explained=explained,
        )
        outcomes.append(outcome)
        if outcome != "lasting":
            break
    return change, outcomes


def test_a_repaired_change_is_over_after_a_day(missing: Contrast) -> None:
    change, outcomes = go_on(missing, found(100), [0] * 100)
    assert outcomes == ["lasting"] * (SHORTEST // HOUR - 1) + ["over"]
    assert change.back == ()


def test_a_small_change_is_over_after_the_rows_that_its_size_needs(missing: Contrast) -> None:
    _, outcomes = go_on(missing, found(5), [0] * 1_000)
    needed = threshold(HOUR) / -np.log1p(-0.5 * 5.5 / 1_001) / ROWS
    assert outcomes[-1] == "over"
    assert len(outcomes) == pytest.approx(needed, abs=2)
    _, outcomes = go_on(missing, found(5), [0] * 1_000, worth=0.5)
    assert len(outcomes) == pytest.approx(2 * needed, abs=3)


def test_a_change_that_lasts_is_never_over_also_where_it_was_found_larger_than_it_is(missing: Contrast) -> None:
    rng = np.random.default_rng(0)
    for seen, true in ((30, 0.03), (45, 0.03), (10, 0.007)):
        change, outcomes = go_on(missing, found(seen), rng.binomial(ROWS, true, 5_000).tolist())
        assert set(outcomes) == {"lasting"}
        assert change.changed[1] / sum(change.changed) == pytest.approx(true, rel=0.1)


def test_a_change_of_half_the_size_is_taken_for_over_as_rarely_as_the_threshold_says(missing: Contrast) -> None:
    """At a low threshold, so that errors are seen: on average they come e^h panes apart or more."""
    rng, least, ends, panes = np.random.default_rng(0), 4.0, 0, 0
    for _ in range(40):
        change = replace(found(60, 2_000), changed=(194_000, 6_000))
        _, outcomes = go_on(missing, change, rng.binomial(ROWS, 0.016, 1_500).tolist(), least=least)
        ends += outcomes[-1] == "over"
        panes += len(outcomes)
    assert ends <= 1.5 * panes / np.exp(least)


def test_while_rows_look_changed_they_are_added_to_the_changed_ones(missing: Contrast) -> None:
    change, _ = go_on(missing, found(100), [10, 12, 0])
    assert (change.changed, change.back, change.since) == ((1_078, 122), (100, 0), 2 * HOUR)


def test_a_third_state_is_another_change(missing: Contrast) -> None:
    change, outcomes = go_on(missing, found(500), [2] * 50, alarms=True)
    assert outcomes[-1] == "another"
    assert len(outcomes) < 10
    assert change.changed[1] / sum(change.changed) == pytest.approx(0.02)
    assert sum(change.back) == 0


def test_rows_that_still_lean_to_the_changes_side_are_not_over(missing: Contrast) -> None:
    _, outcomes = go_on(missing, found(500), [2] * 200)
    assert set(outcomes) == {"lasting"}
    _, outcomes = go_on(missing, found(500), [0] * 200)
    assert outcomes[-1] == "over"


def test_what_only_explained_a_change_is_over_after_a_day_without_alarms(missing: Contrast) -> None:
    # 0.5 % missing for three days, at a thousandth of the rows' worth: no evidence that they are all over
    assert set(go_on(missing, found(5), [0] * 72, worth=0.001)[1]) == {"lasting"}
    _, outcomes = go_on(missing, found(5), [0] * 72, worth=0.001, explained=True)
    assert outcomes == ["lasting"] * (SHORTEST // HOUR - 1) + ["over"]
    assert set(go_on(missing, found(5), [0] * 72, worth=0.001, explained=True, alarms=True)[1]) == {"lasting"}
    assert set(go_on(missing, found(5), [5] * 72, worth=0.001, explained=True)[1]) == {"lasting"}


def test_no_rows_are_no_evidence(missing: Contrast) -> None:
    change = found(100)
    for hour in range(1, 100):
        change, outcome = after_pane(
            change,
            missing,
            hour * HOUR,
            worth=lambda rows, length: rows,
            least=1.0,
            tolerance=0.1,
            reference_rows=10_000,
            alarming=lambda passed: False,
        )
        assert outcome == "lasting"


def test_the_threshold_grows_with_the_panes_of_a_year() -> None:
    lengths: list[Milliseconds] = [HOUR, HOUR // 60, 10_000]
    assert [round(threshold(length), 1) for length in lengths] == [13.7, 17.8, 19.6]
