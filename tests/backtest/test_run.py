from __future__ import annotations

from dataclasses import replace

import pytest

from driftmeter.backtest import Course, Event, History, backtest, parse_fault
from driftmeter.backtest.history import PaneChoice
from driftmeter.panes.pane import Slice
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY, HOUR, iso, parse_time
from tests.backtest import streams

ROWS = 8 * streams.DAY_ROWS
FAULTS = ("temp: shift 1sd from 2024-06-05", "city: category XX 5% from 2024-06-06")


@pytest.fixture(scope="module")
def profile() -> Profile:
    return streams.profile()


def course(profile: Profile, *faults: str, pane: PaneChoice = 30 * 60_000) -> tuple[Course, History]:
    history = History.of(
        profile,
        streams.frame(ROWS, seed=2),
        streams.times(ROWS),
        pane=pane,
        faults=[parse_fault(text) for text in faults],
    )
    made = Course(profile, ModelSettings())
    for pane_slice in history.slices():
        made.take([pane_slice])
    return made, history


@pytest.fixture(scope="module")
def faulty(profile: Profile) -> tuple[Course, History]:
    return course(profile, *FAULTS)


def test_nothing_alarms_on_rows_like_the_reference(profile: Profile) -> None:
    made, history = course(profile)
    assert made.events == []
    assert made.alarms == 0
    assert made.pages_per_month(history.start, history.end) == 0


def test_each_fault_alarms_soon_after_it_began(faulty: tuple[Course, History]) -> None:
    alarms = {event.feature: event for event in faulty[0].events if event.event == "alarm"}
    for name, day in (("temp", "2024-06-05"), ("city", "2024-06-06")):
        began = parse_time(day)
        assert began < alarms[name].at <= began + DAY // 2
        assert began - 2 * HOUR <= alarms[name].since <= alarms[name].at
        assert (alarms[name].evidence or -1) >= 0
        assert (alarms[name].effect or 0) > 0.001


def test_faults_that_began_a_day_apart_page_once_each(faulty: tuple[Course, History]) -> None:
    made = faulty[0]
    pages = [event for event in made.events if event.pages]
    assert [event.feature for event in pages] == ["temp", "city"]
    assert made.pages == [event.at for event in pages]


def test_a_fault_is_seen_after_as_many_rows_as_came_by_then(faulty: tuple[Course, History]) -> None:
    made, history = faulty
    seen = made.seen(history.faults[0], history)
    assert seen.at is not None
    assert seen.rows == (seen.at - parse_time("2024-06-05")) // streams.STEP
    assert seen.delay == seen.at - parse_time("2024-06-05")
    assert seen.already is None
    content = seen.to_json()
    assert (content["column"], content["from"]) == ("temp", "2024-06-05T00:00:00.000Z")
    assert content["seconds"] == seen.delay / 1000


def test_a_fault_that_is_never_seen_says_so(profile: Profile) -> None:
    made, history = course(profile, "temp: shift 0.001 from 2024-06-05")
    seen = made.seen(history.faults[0], history)
    assert (seen.at, seen.rows, seen.delay, seen.to_json()["seen"]) == (None, None, None, None)


def test_a_column_that_was_alarming_before_the_fault_is_told(profile: Profile) -> None:
    made, history = course(profile, "temp: shift 1sd from 2024-06-03", "temp: shift 1sd from 2024-06-05")
    first = made.seen(history.faults[0], history)
    assert made.seen(history.faults[1], history).already == first.at


def test_a_repaired_fault_is_closed_once(profile: Profile) -> None:
    made, _ = course(profile, "temp: shift 2sd from 2024-06-03 to 2024-06-04")
    closed = [event for event in made.events if event.event == "closed"]
    assert [event.feature for event in closed if event.role == "feature"] == ["temp"]
    assert parse_time("2024-06-04") < closed[0].at <= parse_time("2024-06-08")
    assert (closed[0].effect, closed[0].evidence, closed[0].pages) == (None, None, False)


def test_pages_are_counted_per_30_days_of_the_time_asked_for(profile: Profile) -> None:
    made = Course(profile, ModelSettings())
    made.pages = [DAY, 5 * DAY, 20 * DAY]
    assert made.pages_per_month(0, 10 * DAY) == 6
    assert made.pages_per_month(5 * DAY, 5 * DAY) is None


def test_a_backtest_yields_the_events_of_the_live_code(profile: Profile, faulty: tuple[Course, History]) -> None:
    events = backtest(
        profile,
        streams.frame(ROWS, seed=2),
        streams.times(ROWS),
        pane=30 * 60_000,
        faults=[parse_fault(text) for text in FAULTS],
    )
    assert list(events) == faulty[0].events


def test_folding_is_the_same_in_however_many_courses(profile: Profile, faulty: tuple[Course, History]) -> None:
    _, history = faulty
    courses = [Course(profile, replace(ModelSettings(), budget=budget * DAY)) for budget in (30, 30)]
    panes: list[Slice] = list(history.slices())
    for pane in panes:
        for other in courses:
            other.take([pane])
    assert courses[0].events == courses[1].events == faulty[0].events


def test_an_event_has_the_words_of_the_contract() -> None:
    event = Event(
        "alarm", "temp", "feature", streams.START, streams.START - 1, 0.123456789012, 1.5, "major", "Hot.", "i", True
    )
    assert event.to_json() == {
        "event": "alarm",
        "feature": "temp",
        "role": "feature",
        "at": iso(streams.START),
        "since": iso(streams.START - 1),
        "effect": 0.123456789,
        "evidence": 1.5,
        "severity": "major",
        "why": "Hot.",
        "incident": "i",
        "pages": True,
    }
