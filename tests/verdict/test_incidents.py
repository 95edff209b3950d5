"""Incidents: what opens, extends and closes them, and what is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.timestamps import DAY, HOUR
from driftmeter.types import Role
from driftmeter.verdict.incidents import Flag, Incident, Turn, member_of, turn

START = 1_700_000_000_000
SIX_HOURS, TWO_DAYS = 6 * HOUR, 2 * DAY


def flag(
    feature: str, *, role: Role = "feature", level: int = 3, window: int = SIX_HOURS, evidence: float = 1.0
) -> Flag:
    why = f"{feature} moved, by {evidence}."
    return Flag(feature, role, START - HOUR, level, window, evidence, "major" if evidence > 2 else "minor", why)


class Story:
    """Incidents from pane to pane."""

    def __init__(self) -> None:
        self.now = START
        self.incidents: tuple[Incident, ...] = ()

    def after(self, passed: int, *flags: Flag) -> Turn:
        """Let time pass, then turn a pane with these flags."""
        self.now += passed
        done = turn(self.incidents, flags, self.now)
        self.incidents = done.incidents
        return done

    @property
    def open(self) -> list[set[str]]:
        return [set(incident.members) for incident in self.incidents if incident.closed is None]


@pytest.fixture
def story() -> Story:
    return Story()


def names(flags: Sequence[Flag]) -> list[str]:
    return [flag.feature for flag in flags]


def test_a_pane_without_flags_changes_nothing(story: Story) -> None:
    assert story.after(HOUR) == Turn(())


def test_the_features_of_one_pane_open_one_incident(story: Story) -> None:
    done = story.after(0, flag("x"), flag("y"))
    assert names(done.joined) == ["x", "y"]
    (incident,) = done.opened
    assert (incident.id, incident.opened, incident.since) == (str(START), START, START - HOUR)
    assert set(incident.members) == {"x", "y"}
    assert done.incidents == done.opened


def test_a_feature_that_keeps_on_being_flagged_opens_its_incident_once(story: Story) -> None:
    story.after(0, flag("x"))
    for _ in range(100):
        done = story.after(HOUR, flag("x"))
        assert (done.opened, done.joined, done.closed) == ((), (), ())
    assert story.open == [{"x"}]


def test_a_feature_within_a_day_of_the_last_joins_and_a_later_one_opens_another(story: Story) -> None:
    story.after(0, flag("x"))
    done = story.after(DAY, flag("x"), flag("y"))
    assert (done.opened, names(done.joined)) == ((), ["y"])
    done = story.after(DAY, flag("x"), flag("z"))  # two days after the first, one after the last
    assert (done.opened, names(done.joined)) == ((), ["z"])
    done = story.after(DAY + 1, flag("x"), flag("y"), flag("z"), flag("late"))
    assert names(done.joined) == ["late"]
    assert [set(incident.members) for incident in done.opened] == [{"late"}]
    assert story.open == [{"x", "y", "z"}, {"late"}]


def test_a_feature_joins_the_newest_incident_that_it_may(story: Story) -> None:
    story.after(0, flag("x"))
    story.after(DAY + 1, flag("x"), flag("y"))
    story.after(HOUR, flag("z"))
    assert story.open == [{"x"}, {"y", "z"}]


def test_a_derived_feature_joins_any_open_incident_and_opens_one_where_there_is_none(story: Story) -> None:
    story.after(0, flag("x"))
    for _ in range(5):
        story.after(12 * HOUR, flag("x"))
    done = story.after(12 * HOUR, flag("x"), flag("x residual", role="derived"))
    assert (done.opened, names(done.joined)) == ((), ["x residual"])
    assert story.open == [{"x", "x residual"}]
    assert Story().after(0, flag("x residual", role="derived")).opened


def test_a_flapping_feature_makes_one_incident(story: Story) -> None:
    for step in range(60):
        story.after(7 * HOUR, *([flag("x")] if step % 3 == 0 else []))
    assert len(story.incidents) == 1
    assert story.open == [{"x"}]


@pytest.mark.parametrize(("window", "quiet"), [(SIX_HOURS, DAY), (TWO_DAYS, TWO_DAYS)])
def test_an_incident_closes_after_a_day_of_quiet_or_after_its_opening_window_if_that_is_longer(
    story: Story, window: int, quiet: int
) -> None:
    story.after(0, flag("x", window=window))
    story.after(HOUR, flag("x", window=window))
    assert story.after(quiet - 1).closed == ()
    (incident,) = story.after(1).closed
    assert (incident.id, incident.closed) == (str(START), story.now)
    assert story.open == []
    assert [incident.closed for incident in story.incidents] == [story.now]


def test_an_incident_stays_open_while_any_of_its_features_is_flagged(story: Story) -> None:
    story.after(0, flag("x"), flag("y"))
    for _ in range(4):
        assert not story.after(20 * HOUR, flag("y")).closed
    assert story.open == [{"x", "y"}]


def test_only_windows_up_to_two_levels_above_the_opening_one_keep_an_incident_open(story: Story) -> None:
    story.after(0, flag("x", level=3))
    assert not story.after(DAY - 1, flag("x", level=5)).closed
    done = story.after(DAY, flag("x", level=6))
    assert [incident.id for incident in done.closed] == [str(START)]
    assert done.joined == ()


def test_a_feature_whose_incident_has_closed_opens_another(story: Story) -> None:
    story.after(0, flag("x"))
    story.after(DAY)
    done = story.after(HOUR, flag("x"))
    assert names(done.joined) == ["x"]
    assert [incident.id for incident in story.incidents] == [str(START), str(story.now)]


def test_a_member_keeps_its_strongest_evidence_and_the_sentence_that_goes_with_it(story: Story) -> None:
    story.after(0, flag("x", evidence=1.0))
    story.after(HOUR, flag("x", evidence=3.0))
    story.after(HOUR, flag("x", evidence=2.0))
    member = member_of(story.incidents, "x")
    assert member is not None
    assert (member.evidence, member.severity, member.why) == (3.0, "major", "x moved, by 3.0.")
    assert (member.joined, member.level, member.window) == (START, 3, SIX_HOURS)


def test_only_an_open_incident_has_members_now(story: Story) -> None:
    story.after(0, flag("x"))
    assert member_of(story.incidents, "y") is None
    story.after(DAY)
    assert member_of(story.incidents, "x") is None


def test_where_the_clock_stands_still_an_incident_does_not_close() -> None:
    opened = turn((), [flag("x")], START, 0)
    assert not turn(opened.incidents, [], START + 9 * DAY, DAY - 1).closed
    (incident,) = turn(opened.incidents, [], START + 9 * DAY, DAY).closed
    assert incident.closed == START + 9 * DAY


def test_two_hundred_incidents_are_kept_and_the_oldest_closed_ones_are_dropped(story: Story) -> None:
    story.after(0, flag("old"))
    for _ in range(250):
        story.after(DAY + 1, flag("old"), flag("x"))
        story.after(DAY - 1, flag("old"))
        story.after(2, flag("old"))
    assert len(story.incidents) == 200
    assert story.incidents[0].id == str(START)  # it is still open
    assert story.incidents[0].closed is None
    ids = [int(incident.id) for incident in story.incidents]
    assert ids == sorted(ids)
    assert ids[1] > START + 50 * DAY


def test_its_json_has_the_public_words_and_its_features_by_when_they_joined(story: Story) -> None:
    story.after(0, flag("y", evidence=1.23456), flag("b residual", role="derived"))
    story.after(HOUR, flag("x"))
    content = story.incidents[0].to_json()
    assert [member["feature"] for member in content.pop("features")] == ["y", "b residual", "x"]
    assert content == {
        "id": str(START),
        "state": "open",
        "opened": "2023-11-14T22:13:20.000Z",
        "since": "2023-11-14T21:13:20.000Z",
        "closed": None,
        "severity": "minor",
    }
    assert story.incidents[0].to_json()["features"][0] == {
        "feature": "y",
        "role": "feature",
        "since": "2023-11-14T21:13:20.000Z",
        "joined": "2023-11-14T22:13:20.000Z",
        "window_seconds": 21_600.0,
        "evidence": 1.23,
        "severity": "minor",
        "effect": 0.0,
        "why": "y moved, by 1.23456.",
    }
    story.after(DAY)
    content = story.incidents[0].to_json()
    assert (content["state"], content["closed"]) == ("closed", "2023-11-15T23:13:20.000Z")


flags = st.builds(
    flag,
    st.sampled_from(["a", "b", "c", "ü"]),
    role=st.sampled_from(["feature", "prediction", "derived"]),
    level=st.integers(0, 12),
    window=st.integers(1, 30 * DAY),
    evidence=st.floats(0, 300),
)
panes = st.lists(st.tuples(st.integers(1, 2 * DAY), st.lists(flags, max_size=4, unique_by=lambda f: f.feature)))


@given(panes)
def test_whatever_is_flagged_is_in_one_open_incident_and_goes_through_json_unchanged(
    drawn: list[tuple[int, list[Flag]]],
) -> None:
    told = Story()
    for passed, flagged in drawn:
        before = {incident.id for incident in told.incidents if incident.closed is None}
        done = told.after(passed, *flagged)
        members = [name for incident in told.incidents if incident.closed is None for name in incident.members]
        assert len(members) == len(set(members))
        closed = {name for incident in done.closed for name in incident.members}
        assert {flag.feature for flag in flagged} <= {*members, *closed}
        assert {incident.id for incident in done.closed} <= before
        restored = [Incident.load(json.loads(json.dumps(incident.dump()))) for incident in told.incidents]
        assert restored == [replace(incident, members=dict(incident.members)) for incident in told.incidents]
