"""Batches and office hours: judged by the calendar days that they stand for, not by the minutes that hold rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from driftmeter.backtest import Course, History
from driftmeter.panes.windows import Window
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY, HOUR, parse_time
from driftmeter.verdict.readiness import covers_days, judged_after

START = parse_time("2024-01-01")
"""A Monday."""
WEEK = 7
ROWS = 50

Draw = Callable[[np.random.Generator, int], list[int]]
"""From a day, counted from START, to the times of its rows since its midnight."""


def dated(chance: np.random.Generator, day: int) -> list[int]:
    return [0] * ROWS


def in_seconds(chance: np.random.Generator, day: int) -> list[int]:
    return sorted((2 * HOUR + chance.integers(0, 9_000, 3 * ROWS)).tolist())


def at_any_hour(chance: np.random.Generator, day: int) -> list[int]:
    begun = int(chance.integers(0, 23 * HOUR))
    return sorted((begun + chance.integers(0, 200_000, 2 * ROWS)).tolist())


def twice(chance: np.random.Generator, day: int) -> list[int]:
    return [6 * HOUR] * ROWS + [18 * HOUR] * ROWS


def weekly(chance: np.random.Generator, day: int) -> list[int]:
    return [0] * ROWS if day % WEEK == 0 else []


def office(chance: np.random.Generator, day: int) -> list[int]:
    return [hour * HOUR for hour in range(9, 17) for _ in range(10)] if day % WEEK < 5 else []


def night_shift(chance: np.random.Generator, day: int) -> list[int]:
    return sorted((20 * HOUR + chance.integers(0, 8 * HOUR, 3 * ROWS)).tolist())


def all_day(chance: np.random.Generator, day: int) -> list[int]:
    return sorted(chance.integers(0, DAY, 4 * ROWS).tolist())


def traffic(
    draw: Draw, days: range, seed: int, doubled: int | None = None
) -> tuple[np.ndarray[Any, Any], pl.DataFrame]:
    """Return rows of some days in order of time; the income doubles from the day `doubled` on."""
    chance = np.random.default_rng(seed)
    times = [START + day * DAY + time for day in days for time in draw(chance, day)]
    late = np.array([doubled is not None and time >= START + doubled * DAY for time in times])
    income = chance.normal(3000, 500, len(times)) * np.where(late, 2, 1)
    ordered = np.sort(np.array(times, dtype=np.int64))
    return ordered, pl.DataFrame({"at": pl.Series(ordered).cast(pl.Datetime("ms")), "income": income})


def profile_of(draw: Draw, days: int) -> Profile:
    return Profile.fit(traffic(draw, range(days), seed=1)[1], model="m", time="at")


def backtest(profile: Profile, draw: Draw, days: range, doubled: int | None = None) -> Course:
    times, frame = traffic(draw, days, seed=2, doubled=doubled)
    course = Course(profile, ModelSettings())
    for pane in History.of(profile, frame, times).slices():
        course.take([pane])
    return course


@pytest.mark.parametrize(
    ("draw", "days", "covered"),
    [
        (dated, 200, 200),
        (dated, 12, 12),
        (in_seconds, 200, 200),
        (at_any_hour, 60, 50),  # what comes earlier than the day before has less than a day before it
        (twice, 30, 30),
        (weekly, 52 * WEEK, 52),  # what was between the batches nobody knows
        (office, 6 * WEEK, 30),
        (night_shift, 30, 29),
        (all_day, 30, 30),
    ],
)
def test_a_reference_covers_the_days_that_it_stands_for(draw: Draw, days: int, covered: int) -> None:
    calibration = profile_of(draw, days).calibration
    assert calibration is not None
    assert calibration.covered / DAY == pytest.approx(covered, abs=2)
    assert covers_days(calibration)


@pytest.mark.parametrize(("draw", "days"), [(in_seconds, 11), (twice, 11), (office, 14), (all_day, 11)])
def test_fewer_than_twelve_days_are_too_few_and_that_is_said(draw: Draw, days: int) -> None:
    profile = profile_of(draw, days)
    course = backtest(profile, draw, range(days, days + 30), doubled=days + 14)
    assert course.pages == []
    assert course.silent is not None
    if profile.calibration is None:  # eleven batches are fewer than twelve stretches
        assert "too few stretches of time to learn from (12 are needed" in course.silent
    else:
        assert (
            f"has rows of {profile.calibration.covered // (DAY // 10) / 10:g} days, and 12 are needed" in course.silent
        )


@pytest.mark.parametrize(
    ("reference", "days", "live"),
    [
        (dated, 200, dated),
        (dated, 13, dated),
        (in_seconds, 60, in_seconds),
        (at_any_hour, 60, at_any_hour),
        (twice, 60, twice),
        (weekly, 104 * WEEK, weekly),
        (office, 6 * WEEK, office),
        (night_shift, 30, night_shift),
        (dated, 203, in_seconds),
        (dated, 203, all_day),
        (in_seconds, 203, dated),
        (all_day, 35, dated),
    ],
)
def test_a_doubled_income_pages_within_days_and_a_quiet_one_does_not(reference: Draw, days: int, live: Draw) -> None:
    profile = profile_of(reference, days)
    first = -(-days // WEEK) * WEEK
    change = first + 4 * WEEK
    quiet = backtest(profile, live, range(first, change))
    assert quiet.silent is None
    assert quiet.pages == []
    course = backtest(profile, live, range(first, change + 2 * WEEK), doubled=change)
    (page,) = course.pages
    assert START + change * DAY < page <= START + (change + 2) * DAY


def test_an_incident_of_batches_is_over_a_day_after_the_last_bad_one() -> None:
    profile = profile_of(dated, 60)
    times, frame = traffic(dated, range(63, 120), seed=2)
    bad = (times >= START + 80 * DAY) & (times < START + 82 * DAY)
    frame = frame.with_columns(income=pl.when(pl.Series(bad)).then(9_000.0).otherwise("income"))
    course = Course(profile, ModelSettings())
    for pane in History.of(profile, frame, times).slices():
        course.take([pane])
    assert [event.event for event in course.events] == ["alarm", "closed"]
    # windows of up to four batches hold the fault a little longer
    assert START + 83 * DAY < course.events[1].at <= START + 90 * DAY


def test_a_window_of_batches_is_told_as_long_as_it_was() -> None:
    times, frame = traffic(weekly, range(104 * WEEK, 130 * WEEK), seed=2, doubled=104 * WEEK)
    profile = profile_of(weekly, 104 * WEEK)
    course = Course(profile, ModelSettings())
    for pane in list(History.of(profile, frame, times).slices())[:8]:
        course.take([pane])
    findings = course.judge.findings(course.state, "income")
    assert [finding["rows"] for finding in findings] == [50, 100, 200, 400]
    assert [finding["window_seconds"] for finding in findings] == [3600 + 7 * 86_400 * weeks for weeks in (0, 1, 3, 7)]


@pytest.mark.parametrize(
    ("draw", "days", "at_most"),
    [(dated, 60, 2 * ROWS), (all_day, 30, 2 * ROWS), (weekly, 728, ROWS), (office, 42, 100)],
)
def test_it_can_be_said_after_how_many_rows_they_are_judged(draw: Draw, days: int, at_most: int) -> None:
    profile = profile_of(draw, days)
    after, blind = judged_after(profile)
    assert 0 < after <= at_most
    assert blind == 0
    course, rows = Course(profile, ModelSettings()), 0
    times, frame = traffic(draw, range(days, days + 4 * WEEK), seed=2)
    for pane in History.of(profile, frame, times).slices():
        course.take([pane])
        rows += pane.summary.rows
        window = Window(pane.start, pane.end, 1, pane.summary)
        if course.judge.verdict(course.state, window).features[0].state == "ok":
            break
    assert rows <= 5 * after  # that a batch stands for its day is known with the second one


def test_what_is_too_little_to_be_judged_is_said() -> None:
    chance = np.random.default_rng(3)
    slow = np.repeat(chance.normal(size=40), 24)  # a day's rows are one
    times = pl.Series(START + np.arange(960) * HOUR).cast(pl.Datetime("ms"))
    profile = Profile.fit(pl.DataFrame({"at": times, "x": slow + 0.01 * chance.normal(size=960)}), model="m", time="at")
    after, blind = judged_after(profile)
    assert after > 48 or blind == 1
