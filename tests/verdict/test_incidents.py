"""Incidents: what opens, extends and closes them, and what is kept."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.timestamps import DAY, HOUR, iso
from driftmeter.types import Role
from driftmeter.verdict.incidents import MEMORY, Incident, Turn, member_of, turn
from driftmeter.verdict.member import Flag
from driftmeter.verdict.onset import Onset

START = 1_700_000_000_000
SIX_HOURS = 6 * HOUR


def flag(
    feature: str,
    *,
    role: Role = "feature",
    since: int = START - HOUR,
    near: int = HOUR,
    evidence: float = 1.0,
    new: bool = True,
) -> Flag:
    """Return a flag of a drift that began `since`, give or take `near`; not `new`: of a feature that drifts already."""
    why = f"{feature} moved, by {evidence}."
    onset = Onset(since, since - near, since + near, np.array([3, 1])) if new else None
    return Flag(feature, role, onset, 0, SIX_HOURS, evidence, "major" if evidence > 2 else "minor", why, "missing")


class Story:
    """Incidents from pane to pane."""

    def __init__(self) -> None:
        self.now = START
        self.incidents: tuple[Incident, ...] = ()

    def after(
        self,
        passed: int,
        *flags: Flag,
        over: Collection[str] = (),
        columns: Collection[str] = (),
        returns: bool = False,
    ) -> Turn:
        """Let time pass, let some features be over, then turn a pane with these flags."""
        self.now += passed
        before = [
            replace(
                incident,
                members={
                    name: replace(member, over=self.now, ended="returned")
                    if name in over and member.over is None
                    else member
                    for name, member in incident.members.items()
                },
            )
            if incident.closed is None
            else incident
            for incident in self.incidents
        ]
        done = turn(before, flags, self.now, columns=columns, returns=lambda flag, member: returns)
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


def test_an_incident_stays_open_through_any_silence_until_its_feature_is_over(story: Story) -> None:
    story.after(0, flag("x"))
    for step in range(100):
        done = story.after(7 * DAY, *([flag("x", new=False)] if step % 9 == 0 else []))
        assert (done.opened, done.joined, done.closed) == ((), (), ())
    assert story.open == [{"x"}]
    (incident,) = story.after(HOUR, over=["x"]).closed
    assert (incident.id, incident.closed) == (str(START), story.now)
    assert story.open == []


def test_a_feature_that_began_when_another_did_joins_however_much_later_it_is_found(story: Story) -> None:
    story.after(0, flag("x"))
    done = story.after(9 * DAY, flag("x", new=False), flag("y", since=START - HOUR // 2))
    assert (done.opened, names(done.joined)) == ((), ["y"])
    done = story.after(HOUR, flag("z", since=story.now))
    assert [set(incident.members) for incident in done.opened] == [{"z"}]
    assert story.open == [{"x", "y"}, {"z"}]


@pytest.mark.parametrize(("apart", "joins"), [(2 * HOUR, True), (2 * HOUR + 1, False), (-2 * HOUR, True)])
def test_ranges_of_onsets_that_touch_are_one_incident(story: Story, apart: int, joins: bool) -> None:
    story.after(0, flag("x"))
    done = story.after(1, flag("y", since=START - HOUR + apart))
    assert (not done.opened) == joins


def test_ranges_may_miss_each_other_by_the_length_of_a_pane() -> None:
    opened = turn((), [flag("x", near=0)], START)
    assert turn(opened.incidents, [flag("y", near=0, since=START)], START + 1, near=HOUR).opened == ()
    assert turn(opened.incidents, [flag("y", near=0, since=START)], START + 1, near=HOUR - 1).opened


def test_a_feature_joins_the_newest_incident_that_it_may(story: Story) -> None:
    story.after(0, flag("x"))
    story.after(DAY, flag("y", since=START + 2 * HOUR))
    story.after(HOUR, flag("z", since=START))
    assert story.open == [{"x"}, {"y", "z"}]


def test_a_derived_feature_explains_what_joined_within_a_day_and_opens_an_incident_later(story: Story) -> None:
    story.after(0, flag("x"))
    done = story.after(DAY, flag("x residual", role="derived", since=START + DAY))
    assert (done.opened, names(done.joined)) == ((), ["x residual"])
    assert story.open == [{"x", "x residual"}]
    assert story.after(DAY + 1, flag("y residual", role="derived", since=START + 2 * DAY)).opened
    assert Story().after(0, flag("x residual", role="derived")).opened


def test_a_residual_explains_for_four_weeks_what_drifts_in_one_of_the_columns_of_residuals(story: Story) -> None:
    story.after(0, flag("x"))
    residual = flag("y residual", role="derived", since=START + 28 * DAY)
    done = story.after(28 * DAY, residual, columns=["x", "y"])
    assert (done.opened, names(done.joined)) == ((), ["y residual"])
    for passed, columns, over in ((28 * DAY, ["y"], ""), (28 * DAY + 1, ["x", "y"], ""), (28 * DAY, ["x", "y"], "x")):
        story = Story()
        # z keeps the incident open
        story.after(0, flag("x"), flag("z"))
        assert story.after(passed, residual, columns=columns, over=[over]).opened, (passed, columns, over)


def test_residuals_alone_explain_a_further_one_for_four_weeks(story: Story) -> None:
    story.after(0, flag("x residual", role="derived"))
    residual = flag("y residual", role="derived", since=START + 28 * DAY)
    done = story.after(28 * DAY, residual, columns=["x", "y"])
    assert (done.opened, names(done.joined)) == ((), ["y residual"])
    for passed, beside in ((28 * DAY + 1, []), (28 * DAY, [flag("z")])):
        story = Story()
        story.after(0, flag("x residual", role="derived"), *beside)
        assert story.after(passed, residual, columns=["x", "y"]).opened, (passed, beside)


def test_only_derived_features_are_explained_once_all_others_are_over(story: Story) -> None:
    story.after(0, flag("x"), flag("y"), flag("x residual", role="derived"))
    for over, explained in (([], False), (["x"], False), (["y"], True)):
        story.after(HOUR, over=over)
        (incident,) = story.incidents
        assert [incident.explained(name) for name in ("x", "y", "x residual")] == [False, False, explained]
    story = Story()
    story.after(0, flag("x residual", role="derived"))
    assert not story.incidents[0].explained("x residual")


def test_an_incident_stays_open_until_all_its_features_are_over(story: Story) -> None:
    story.after(0, flag("x"), flag("y"))
    assert story.after(DAY, over=["x"]).closed == ()
    assert member_of(story.incidents, "x") is None
    assert member_of(story.incidents, "y") is not None
    assert len(story.after(DAY, over=["y"]).closed) == 1


def test_a_feature_that_is_over_comes_back_to_its_incident_while_that_is_open(story: Story) -> None:
    story.after(0, flag("x"), flag("y"))
    story.after(DAY, over=["x"])
    done = story.after(DAY, flag("x", since=story.now))
    assert (done.opened, done.reopened, names(done.joined)) == ((), (), ["x"])
    member = member_of(story.incidents, "x")
    assert member is not None
    assert member.since == story.now - DAY


def test_a_change_that_returns_reopens_its_incident_and_another_one_opens_one(story: Story) -> None:
    story.after(0, flag("x"))
    story.after(DAY, over=["x"])
    done = story.after(MEMORY, flag("x", since=story.now + MEMORY), returns=True)
    assert (done.opened, [incident.id for incident in done.reopened]) == ((), [str(START)])
    (content,) = [incident.to_json() for incident in story.incidents]
    assert (content["state"], content["closed"], content["reopened"]) == ("open", None, iso(story.now))
    story.after(DAY, over=["x"])
    assert story.after(DAY, flag("x", since=story.now), returns=False).opened
    story.after(DAY, over=["x"])
    assert story.after(MEMORY + 1, flag("x", since=story.now), returns=True).opened


@pytest.mark.parametrize("order", ["xz", "zx"])
def test_what_began_with_a_change_that_returns_is_in_its_incident_in_whatever_order(story: Story, order: str) -> None:
    story.after(0, flag("x"))
    story.after(DAY, over=["x"])
    returned = story.after(5 * DAY, *(flag(name, since=START + 6 * DAY) for name in order), returns=True)
    assert (len(returned.reopened), returned.opened, story.open) == (1, (), [{"x", "z"}])


def test_a_derived_feature_opens_an_incident_with_the_feature_beside_what_returns(story: Story) -> None:
    story.after(0, flag("x"))
    story.after(DAY, over=["x"])
    others = [flag("y", since=START + 6 * DAY), flag("y given the rest", role="derived", since=START + 6 * DAY)]
    story.after(5 * DAY, *others, flag("x", since=START + 2 * DAY), returns=True)
    assert story.open == [{"x"}, {"y", "y given the rest"}]


def test_a_member_keeps_its_strongest_evidence_and_the_sentence_that_goes_with_it(story: Story) -> None:
    story.after(0, flag("x", evidence=1.0))
    story.after(HOUR, flag("x", evidence=3.0, new=False))
    story.after(HOUR, flag("x", evidence=2.0, new=False))
    member = member_of(story.incidents, "x")
    assert member is not None
    assert (member.evidence, member.severity, member.why) == (3.0, "major", "x moved, by 3.0.")
    assert (member.joined, member.since, member.window) == (START, START - HOUR, SIX_HOURS)


def test_only_an_open_incident_has_members_now(story: Story) -> None:
    story.after(0, flag("x"))
    assert member_of(story.incidents, "y") is None
    story.after(DAY, over=["x"])
    assert member_of(story.incidents, "x") is None


def test_two_hundred_incidents_are_kept_and_the_oldest_closed_ones_are_dropped(story: Story) -> None:
    story.after(0, flag("old"))
    for _ in range(250):
        story.after(DAY, flag("x", since=story.now + DAY))
        story.after(DAY, over=["x"])
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
        "reopened": None,
        "severity": "minor",
        "causes": ["x", "y", "b residual"],
        "summary": "x: x moved, by 1.0; y: y moved, by 1.23456; b residual: b residual moved, by 1.0.",
    }
    assert story.incidents[0].to_json()["features"][0] == {
        "feature": "y",
        "role": "feature",
        "since": "2023-11-14T21:13:20.000Z",
        "since_range": ["2023-11-14T20:13:20.000Z", "2023-11-14T22:13:20.000Z"],
        "joined": "2023-11-14T22:13:20.000Z",
        "over": None,
        "ended": None,
        "changed_again": None,
        "window_seconds": 21_600.0,
        "evidence": 1.23,
        "severity": "minor",
        "effect": 0.0,
        "why": "y moved, by 1.23456.",
        "follows": None,
        "change": None,
    }
    story.after(DAY, over=["x", "y", "b residual"])
    content = story.incidents[0].to_json()
    assert (content["state"], content["closed"]) == ("closed", "2023-11-15T23:13:20.000Z")
    assert [member["ended"] for member in content["features"]] == ["returned"] * 3


flags = st.builds(
    flag,
    st.sampled_from(["a", "b", "c", "ü"]),
    role=st.sampled_from(["feature", "prediction", "derived"]),
    since=st.integers(START - 9 * DAY, START + 9 * DAY),
    near=st.integers(0, DAY),
    evidence=st.floats(0, 300),
)
panes = st.lists(
    st.tuples(
        st.integers(1, 2 * DAY),
        st.lists(flags, max_size=4, unique_by=lambda f: f.feature),
        st.sets(st.sampled_from(["a", "b", "c", "ü"])),
        st.booleans(),
    )
)


@given(panes)
def test_whatever_is_flagged_drifts_in_one_open_incident_and_goes_through_json_unchanged(
    drawn: list[tuple[int, list[Flag], set[str], bool]],
) -> None:
    told = Story()
    for passed, flagged, over, returns in drawn:
        done = told.after(passed, *flagged, over=over, returns=returns)
        still_open = [incident for incident in told.incidents if incident.closed is None]
        members = [name for incident in still_open for name in incident.lasting]
        assert len(members) == len(set(members))
        assert {flag.feature for flag in flagged} <= set(members)
        assert all(incident.lasting for incident in still_open)
        assert not any(incident.lasting for incident in done.closed)
        restored = [Incident.load(json.loads(json.dumps(incident.dump()))) for incident in told.incidents]
        assert restored == [replace(incident, members=dict(incident.members)) for incident in told.incidents]
