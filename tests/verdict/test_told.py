"""What a sentence tells, beside the numbers of the raw rows: direction, size, span, share and names."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest

from driftmeter.fitting.from_live import profile_from_live
from driftmeter.panes.pane import Slice
from driftmeter.profile.profile import Profile
from driftmeter.report import compare
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY, HOUR
from driftmeter.verdict.judge import Judge
from tests.support.told import Told, check, number
from tests.verdict.faults import FAULTS, PANES, ROWS, Fault
from tests.verdict.streams import PANE, START, feature_of, follow, summary_of, verdict_of


def values_of(fault: Fault, frame: pl.DataFrame, reference: pl.DataFrame) -> pl.Series:
    """Return the raw values that a sentence is about: of a derived feature what a regression leaves unexplained."""
    if fault.other is None:
        return frame["x"]
    x, y = reference["x"].to_numpy(), reference["y"].to_numpy()
    slope, base = np.polyfit(y, x, 1)
    return pl.Series(frame["x"].to_numpy() - base - slope * frame["y"].to_numpy())


def compare_with_raw(told: Told, fault: Fault, reference: pl.DataFrame, now: pl.DataFrame) -> None:
    """Compare a sentence with the raw rows."""
    check(told, values_of(fault, reference, reference), values_of(fault, now, reference))


@pytest.mark.parametrize("name", FAULTS)
def test_an_alarm_tells_what_the_raw_rows_say(name: str) -> None:
    sentence, reference, now = FAULTS[name].live()
    assert sentence.startswith(FAULTS[name].sentence)
    told = Told.by_sentence(sentence)
    compare_with_raw(told, FAULTS[name], reference, now[-told.rows :])
    assert told.rows % ROWS == 0
    assert told.span == f"{told.rows // ROWS * PANE // 1000} s"
    assert (told.names is not None) == (told.what == "categories never seen before")


@pytest.mark.parametrize("name", FAULTS)
def test_a_check_of_the_same_rows_tells_what_they_say(name: str) -> None:
    sentence, reference, now = FAULTS[name].checked()
    told = Told.by_sentence(sentence)
    compare_with_raw(told, FAULTS[name], reference, now)
    assert (told.rows, told.span) == (PANES * ROWS, None)
    assert (told.names is not None) == (told.what == "categories never seen before")


def test_there_are_forty_faults_and_all_kinds_of_words() -> None:
    assert len(FAULTS) >= 40
    hows = Counter(Told.by_sentence(fault.live()[0]).how for fault in FAULTS.values())
    assert set(hows) == {"on average", "in the median", "of the rows", "of the values", ""}


def test_the_strict_detector_tells_the_same_of_all_rows_since_the_start() -> None:
    fault = FAULTS["a rise of a half"]
    sentence, reference, now = fault.live(guarantee="strict")
    told = Told.by_sentence(sentence)
    compare_with_raw(told, fault, reference, now[-told.rows :])
    assert told.how == "on average"


def test_a_profile_from_live_traffic_tells_in_the_same_unit() -> None:
    fault = FAULTS["a plain fall"]
    reference, now = fault.frames()
    first = fault.profile(reference)
    live = Slice(START, HOUR, summary_of(first, reference + 20.0))
    profile = profile_from_live(first, [live], ModelSettings())
    (verdict,) = compare(profile, now).verdict.features
    told = Told.by_sentence(verdict.why)
    assert (told.moved, told.how) == ("fell", "on average")
    assert number(told.was) == pytest.approx(float(reference["x"].to_numpy().mean()) + 20, abs=1.0)
    assert number(told.now) == pytest.approx(float(now["x"].to_numpy().mean()), abs=1.0)


def test_by_the_hour_a_night_is_compared_with_nights() -> None:
    chance = np.random.default_rng(52)

    def traffic(first: int, days: int, hours: range, shift: float) -> pl.DataFrame:
        rows = [(day, hour) for day in range(first, first + days) for hour in hours for _ in range(40)]
        day, hour = np.array(rows).T
        at = START + day * DAY + hour * HOUR + chance.integers(0, HOUR, len(rows))
        x = 50 + 9 * np.sin(2 * np.pi * (hour - 6) / 24) + 8 * chance.normal(size=len(rows)) + shift
        return pl.DataFrame({"x": x, "at": pl.Series(at).cast(pl.Datetime("ms"))}).sort("at")

    reference, now = traffic(0, 60, range(24), 0.0), traffic(60, 4, range(4), 6.0)
    profile = Profile.fit(reference, model="m", time="at", by_hour=True)
    judge = Judge(profile)
    panes = [
        Slice(START + (60 + place // 4) * DAY + place % 4 * HOUR, HOUR, summary_of(profile, now[place * 40 :][:40]))
        for place in range(16)
    ]
    state, _ = follow(judge, panes)
    why = feature_of(verdict_of(judge, state, panes[-1]), "x").why
    assert ", compared with the same hours of the reference, over " in why
    told = Told.by_sentence(why.replace(", compared with the same hours of the reference", ""))
    hour = pl.col("at").dt.hour()
    nights = [float(reference.filter(hour == night)["x"].to_numpy().mean()) for night in range(4)]
    assert (told.moved, told.how) == ("rose", "on average")
    assert now["x"].to_numpy().mean() < reference["x"].to_numpy().mean()
    # whichever of these hours the window that alarms is of
    assert min(nights) - 0.5 < number(told.was) < max(nights) + 0.5
    # 80 rows with a deviation of 8, and the strongest window of several
    assert number(told.now) - number(told.was) == pytest.approx(6, abs=3 * 8 / np.sqrt(told.rows))
