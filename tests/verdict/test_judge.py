"""Judging: from closed slices to alarms, incidents and verdicts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from driftmeter.panes.pane import Slice
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import FeatureSettings, ModelSettings
from driftmeter.timestamps import DAY, HOUR
from driftmeter.verdict.expectation import Expectation
from driftmeter.verdict.judge import Judge
from tests.verdict.streams import (
    PANE,
    START,
    feature_of,
    follow,
    orders,
    slices,
    state_of,
    summary_of,
    verdict_of,
)


def test_nothing_alarms_where_nothing_changes(profile: Profile) -> None:
    judge, given = Judge(profile), slices(profile, 30)
    state, steps = follow(judge, given)
    verdict = verdict_of(judge, state, given[-1])
    assert not any(step.alarms for step in steps)
    assert (verdict.state, verdict.incidents, verdict.last_drift) == ("ok", (), None)
    assert state_of(verdict) == ("ok", "Nothing beyond chance and tolerance.")


def test_a_feature_that_drifts_opens_one_incident_that_says_why(profile: Profile) -> None:
    judge = Judge(profile)
    given = [*slices(profile, 5), *slices(profile, 5, first=5, shift=1.0)]
    state, steps = follow(judge, given)
    alarms = [alarm for step in steps for alarm in step.alarms]
    assert [(alarm.feature, alarm.since) for alarm in alarms] == [("amount", given[5].start)]
    assert alarms[0].evidence >= 0
    assert alarms[0].why.startswith("Rose from ")
    assert [len(step.opened) for step in steps] == [0] * 5 + [1] + [0] * 4
    verdict = verdict_of(judge, state, given[-1]).to_json()
    assert (verdict["state"], verdict["features_drifting"], verdict["incidents_open"]) == ("drifting", 1, 1)
    assert verdict["incident"]["features"][0]["severity"] == "major"


def test_a_feature_whose_values_get_lost_is_told_by_its_share(profile: Profile) -> None:
    judge, given = Judge(profile), slices(profile, 6, lost=0.1)
    state, _ = follow(judge, given)
    decided, why = state_of(verdict_of(judge, state, given[-1]))
    assert decided == "drifting"
    assert why.startswith("Missing values rose from 0 % to ")


def test_before_enough_rows_the_smallest_shift_is_told(profile: Profile) -> None:
    judge, given = Judge(profile), slices(profile, 1, rows=20, length=HOUR)
    assert state_of(judge.before_first()) == ("insufficient", "Too few rows so far to judge anything.")
    state, _ = follow(judge, given)
    verdict = verdict_of(judge, state, given[-1])
    amount = feature_of(verdict, "amount")
    assert amount.state == "insufficient"
    assert amount.smallest_shift is not None
    assert amount.smallest_shift > 1
    assert f"{amount.smallest_shift:.2g} standard deviations" in amount.why


def test_without_an_order_of_time_scores_are_shown_and_nothing_pages(profile: Profile) -> None:
    judge = Judge(replace(profile, independent=False))
    given = slices(profile, 5, shift=3.0)
    state, steps = follow(judge, given)
    verdict = verdict_of(judge, state, given[-1])
    assert not any(step.alarms for step in steps)
    assert verdict.state == "uncalibrated"
    assert verdict.features[0].evidence is None
    assert verdict.features[0].scores.effect > 1


def test_a_reference_of_two_days_shows_evidence_and_does_not_page() -> None:
    times = pl.Series("at", START - 2 * DAY + np.arange(10_000) * 17_000).cast(pl.Datetime("ms"))
    short = Profile.fit(orders(10_000, 99).with_columns(times), model="shop", time="at")
    judge, given = Judge(short), slices(short, 30, shift=3.0, length=HOUR)
    state, steps = follow(judge, given)
    verdict = verdict_of(judge, state, given[-1])
    assert short.calibration is not None
    assert not any(step.alarms for step in steps)
    assert verdict.state == "calibrating"
    assert verdict.features[0].evidence is not None
    assert verdict.features[0].evidence >= 0


def test_a_shift_inside_the_tolerance_is_none_and_is_said(profile: Profile) -> None:
    judge = Judge(profile, ModelSettings(features={"amount": FeatureSettings(tolerance=0.5)}))
    given = slices(profile, 10, shift=0.4)
    state, steps = follow(judge, given)
    assert not any(step.alarms for step in steps)
    decided, why = state_of(verdict_of(judge, state, given[-1]))
    assert decided == "ok"
    assert "less than the tolerance" in why


def test_what_is_less_bad_than_what_pages_is_shown_and_pages_once_it_is_bad_enough(profile: Profile) -> None:
    judge = Judge(profile, ModelSettings(page_from="major"))
    given = [*slices(profile, 20, shift=0.25), *slices(profile, 4, first=20, shift=1.5)]
    state, steps = follow(judge, given[:20])
    amount = feature_of(verdict_of(judge, state, given[19]), "amount")
    assert (amount.state, amount.severity) == ("drifting", "slight")
    assert amount.effect > 0
    assert state.incidents == ()
    alarms = [alarm for step in steps for alarm in step.alarms]
    assert [(alarm.feature, alarm.severity, alarm.incident) for alarm in alarms] == [("amount", "slight", None)]
    assert alarms[0].effect > 0
    state, steps = follow(judge, given[20:], state)
    (incident,) = (incident for step in steps for incident in step.opened)
    assert (incident.severity, incident.members["amount"].severity) == ("major", "major")
    (alarm,) = (alarm for step in steps for alarm in step.alarms)
    assert (alarm.severity, alarm.incident) == ("major", incident.id)


def test_an_incident_goes_on_while_its_feature_is_less_bad_than_what_pages(profile: Profile) -> None:
    judge = Judge(profile, ModelSettings(page_from="major"))
    state, _ = follow(judge, slices(profile, 3, shift=1.5))
    state, steps = follow(judge, slices(profile, 60, first=40, shift=0.3), state)
    assert not any(step.opened or step.alarms for step in steps)
    assert [incident.closed for incident in state.incidents] == [None]


def test_a_gross_change_is_told_by_short_windows_not_by_long_ones_that_hold_much_from_before(profile: Profile) -> None:
    state, _ = follow(Judge(profile), [*slices(profile, 56), *slices(profile, 8, first=56, shift=3.0)])
    member = state.incidents[0].members["amount"]
    assert member.why.endswith("over 2,000 rows in 40 s.")  # four panes; it was found in the first
    assert member.effect > 2


def test_the_severity_of_a_member_is_that_of_its_strongest_flag_also_where_evidence_has_reached_its_limit(
    profile: Profile,
) -> None:
    judge = Judge(profile)
    state, _ = follow(judge, slices(profile, 1, shift=0.5))
    first = state.incidents[0].severity
    state, _ = follow(judge, slices(profile, 12, first=1, shift=3.0), state)
    assert (first, state.incidents[0].severity) == ("minor", "major")


def test_a_feature_that_does_not_page_is_judged_and_shown(profile: Profile) -> None:
    judge = Judge(profile, ModelSettings(features={"amount": FeatureSettings(pages=False)}))
    given = slices(profile, 5, shift=1.0)
    state, steps = follow(judge, given)
    assert not any(step.opened for step in steps)
    assert state_of(verdict_of(judge, state, given[-1]))[0] == "drifting"


@pytest.mark.parametrize(
    ("least", "importance", "pages"), [(0.1, 6.0, True), (0.1, 4.0, False), (0.1, None, True), (0.0, 0.0, True)]
)
def test_an_unimportant_feature_drifts_and_does_not_page(
    profile: Profile, least: float, importance: float | None, pages: bool
) -> None:
    other = next(feature.name for feature in profile.features if feature.name != "amount")
    features = {"amount": FeatureSettings(importance=importance), other: FeatureSettings(importance=50.0)}
    judge, given = Judge(profile, ModelSettings(features=features, least_importance=least)), slices(profile, 5, shift=1)
    state, steps = follow(judge, given)
    assert state_of(verdict_of(judge, state, given[-1]))[0] == "drifting"
    assert any(step.opened for step in steps) == pages


def test_a_feature_that_pages_no_more_leaves_its_incident(profile: Profile) -> None:
    given = slices(profile, 8, shift=1.0)
    state, _ = follow(Judge(profile), given[:5])
    assert len(state.open_incidents) == 1
    silenced = Judge(profile, ModelSettings(features={"amount": FeatureSettings(pages=False)}))
    state, after = follow(silenced, given[5:], state)
    assert [len(step.closed) for step in after] == [1, 0, 0]
    assert state.incidents[0].members["amount"].ended == "silenced"
    assert state_of(verdict_of(silenced, state, given[-1]))[0] == "drifting"


@pytest.mark.parametrize("feature", ["amount", None])
def test_what_is_expected_neither_pages_nor_is_held_against_what_comes_after(
    profile: Profile, feature: str | None
) -> None:
    judge = Judge(profile)
    expected = [Expectation(feature, START, START + 10 * PANE)]
    drifting, calm = slices(profile, 10, shift=1.0), slices(profile, 20, first=10)
    state, steps = follow(judge, drifting, expected=expected)
    verdict = verdict_of(judge, state, drifting[-1])
    amount = feature_of(verdict, "amount")
    assert (amount.state, amount.expected_until) == ("drifting", START + 10 * PANE)
    state, calm_steps = follow(judge, calm, state, expected)
    assert not any(step.opened for step in steps + calm_steps)
    assert state_of(verdict_of(judge, state, calm[-1]))[0] == "ok"


@pytest.mark.parametrize("strict", [False, True])
def test_rows_from_before_the_end_of_what_is_expected_do_not_page_with_those_from_after(
    profile: Profile, strict: bool
) -> None:
    judge = Judge(profile, ModelSettings(guarantee="strict" if strict else "measured"))
    # a pane of the detector is two slices, and the end lies within the first of the last two that drift
    expected = [Expectation("amount", START, START + 8 * PANE + 1)]
    drifting, calm = slices(profile, 9, shift=9.0, rows=60), slices(profile, 31, first=9, rows=60)
    state, steps = follow(judge, [*drifting, *calm], expected=expected)
    assert not any(step.opened for step in steps)
    assert state_of(verdict_of(judge, state, calm[-1]))[0] != "drifting"
    state, steps = follow(judge, slices(profile, 4, first=40, shift=9.0, rows=60), state, expected)
    assert sum(len(step.opened) for step in steps) == 1


def test_what_goes_on_after_it_was_expected_pages(profile: Profile) -> None:
    expected = [Expectation("amount", START, START + 3 * PANE)]
    _, steps = follow(Judge(profile), slices(profile, 5, shift=1.0), expected=expected)
    assert [len(step.opened) for step in steps] == [0, 0, 0, 1, 0]


def test_what_nearly_alarms_is_pending_and_does_not_page(profile: Profile) -> None:
    judge = Judge(profile)
    seen = []
    for size in np.arange(0.2, 0.6, 0.01):
        (given,) = slices(profile, 1, shift=float(size))
        state, (step,) = follow(judge, [given])
        amount = feature_of(verdict_of(judge, state, given), "amount")
        seen.append((amount.state, bool(step.opened)))
        assert amount.evidence is not None
        assert (amount.state == "pending") == (-1 <= amount.evidence < 0)
        assert amount.why.startswith("Not sure enough yet: ") == (amount.state == "pending")
    assert set(seen) == {("ok", False), ("pending", False), ("drifting", True)}


def test_an_incident_closes_a_day_after_a_repair_and_its_windows_begin_anew(profile: Profile) -> None:
    judge = Judge(profile)
    given = [*slices(profile, 3, shift=2.0, length=HOUR), *slices(profile, 40, first=3, length=HOUR)]
    state, steps = follow(judge, given)
    (closed,) = (incident for step in steps for incident in step.closed)
    assert closed.closed is not None
    assert closed.members["amount"].ended == "returned"
    assert DAY <= closed.closed - given[2].end <= 2 * DAY
    assert state.open_incidents == ()
    reading = judge.detector.standing(state.detector) if judge.detector else None
    assert reading is not None
    assert reading.strongest[0] < 0


def test_time_without_rows_is_no_sign_that_a_fault_is_over(profile: Profile) -> None:
    judge = Judge(profile)
    before = slices(profile, 3, shift=2.0, length=HOUR)
    after = slices(profile, 3, first=100, shift=2.0, length=HOUR)
    state, steps = follow(judge, [*before, *after])
    assert [len(step.opened) for step in steps] == [1, 0, 0, 0, 0, 0]
    assert len(state.open_incidents) == 1


def test_a_lasting_change_is_one_incident_although_its_evidence_comes_and_goes(profile: Profile) -> None:
    judge = Judge(profile)
    given = [
        *slices(profile, 20, rows=100, length=HOUR),
        *slices(profile, 300, first=20, rows=100, length=HOUR, shift=0.22),
        *slices(profile, 100, first=320, rows=100, length=HOUR),
    ]
    state, steps = follow(judge, given[:320])
    alarms = [alarm for step in steps for alarm in step.alarms]
    assert len(alarms) == 1
    assert abs(alarms[0].since - given[20].start) <= 6 * HOUR
    verdict = verdict_of(judge, state, given[319])
    amount = feature_of(verdict, "amount")
    assert (amount.state, amount.since) == ("drifting", alarms[0].since)
    assert verdict.incidents[0].since == alarms[0].since
    state, steps = follow(judge, given[320:], state)
    (closed,) = (incident for step in steps for incident in step.closed)
    assert DAY <= (closed.closed or 0) - given[320].start <= 2.5 * DAY
    assert state_of(verdict_of(judge, state, given[-1]))[0] == "ok"


def test_while_the_rows_look_like_the_reference_again_the_feature_drifts_and_that_is_said(profile: Profile) -> None:
    judge = Judge(profile)
    given = [*slices(profile, 3, shift=2.0, length=HOUR), *slices(profile, 12, first=3, length=HOUR)]
    state, _ = follow(judge, given)
    decided, why = state_of(verdict_of(judge, state, given[-1]))
    assert decided == "drifting"
    assert why.endswith("The latest rows begin to look like the reference again.")


def test_a_fault_that_returns_reopens_its_incident_and_another_one_opens_one(profile: Profile) -> None:
    judge = Judge(profile)
    calm = {"length": HOUR, "rows": 200}
    given = [
        *slices(profile, 4, shift=1.0, **calm),
        *slices(profile, 60, first=4, **calm),
        *slices(profile, 4, first=64, shift=1.0, **calm),
        *slices(profile, 60, first=68, **calm),
        *slices(profile, 4, first=128, shift=-1.0, **calm),
    ]
    state, steps = follow(judge, given)
    assert [len(step.opened) for step in steps if step.opened] == [1, 1]
    (reopened,) = (incident for step in steps for incident in step.reopened)
    assert reopened.id == state.incidents[0].id
    assert (reopened.reopened or 0) > given[64].start
    assert reopened.members["amount"].since == given[64].start
    assert len(state.open_incidents) == 1


def test_a_third_state_is_told_within_the_incident_and_does_not_page(profile: Profile) -> None:
    judge = Judge(profile)
    given = [
        *slices(profile, 10, rows=200, length=HOUR, shift=1.5),
        *slices(profile, 60, first=10, rows=200, length=HOUR, shift=-0.4),
    ]
    state, steps = follow(judge, given)
    assert sum(len(step.opened) + len(step.reopened) + len(step.closed) for step in steps) == 1
    assert [step.changed_again for step in steps if step.changed_again] == [("amount",)]
    (incident,) = state.open_incidents
    assert incident.members["amount"].changed_again is not None


def test_a_third_state_of_another_kind_is_what_must_be_over_from_then_on(profile: Profile) -> None:
    judge = Judge(profile)
    given = [
        *slices(profile, 30, rows=200, length=HOUR),
        *slices(profile, 50, first=30, rows=200, length=HOUR, shift=1.0),
        *slices(profile, 50, first=80, rows=200, length=HOUR, lost=0.1),
        *slices(profile, 60, first=130, rows=200, length=HOUR),
    ]
    state, steps = follow(judge, given[:130])
    (incident,) = state.open_incidents
    member = incident.members["amount"]
    assert [step.changed_again for step in steps if step.changed_again] == [("amount",)]
    assert (member.change.what, member.since) == ("missing", given[30].start)
    assert member.why.startswith("Missing values rose from 0 %")
    state, after = follow(judge, given[130:], state)
    assert [one.id for step in after for one in step.closed] == [incident.id]
    assert sum(len(step.opened) for step in (*steps, *after)) == 1


def test_features_that_went_at_the_same_moment_are_one_incident_however_late_they_are_found(profile: Profile) -> None:
    judge = Judge(profile)
    given = []
    for place in range(140):
        frame = orders(150, 2_000 + place, shift=1.0 * (place >= 40))
        frame = frame.with_columns(weight=frame["weight"] + 0.25 * (place >= 40))
        given.append(Slice(START + place * HOUR, HOUR, summary_of(profile, frame)))
    _, steps = follow(judge, given)
    alarms = [alarm for step in steps for alarm in step.alarms]
    assert [alarm.feature for alarm in alarms] == ["amount", "weight"]
    assert len({alarm.incident for alarm in alarms}) == 1
    assert alarms[1].at - alarms[0].at >= 3 * HOUR
    assert all(abs(alarm.since - given[40].start) <= 2 * HOUR for alarm in alarms)


def test_to_expect_a_drift_that_lasts_closes_its_incident(profile: Profile) -> None:
    judge = Judge(profile)
    given = slices(profile, 12, shift=1.0)
    state, steps = follow(judge, given[:6])
    assert sum(len(step.opened) for step in steps) == 1
    state, steps = follow(judge, given[6:], state, [Expectation("amount", given[6].start, START + DAY)])
    assert [len(step.closed) for step in steps] == [1, 0, 0, 0, 0, 0]
    assert state.open_incidents == ()
    assert state.incidents[0].members["amount"].ended == "expected"
    assert judge.loads(judge.dumps(state)).incidents == state.incidents
