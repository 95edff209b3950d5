"""The names of new categories in live traffic: which are told, with which shares, and when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.counts.unseen import MOST_OF_FEATURE, UnseenTexts
from driftmeter.detectors import Cause
from driftmeter.panes.kept import KeptSlices
from driftmeter.panes.pane import Slice
from driftmeter.panes.retention import RETENTION
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import HOUR
from driftmeter.verdict.judge import Judge
from driftmeter.verdict.members import LOOK_BACK
from driftmeter.verdict.recent_texts import RecentTexts
from tests.verdict.streams import PANE, START, feature_of, follow, orders, slices, state_of, summary_of, verdict_of

MANY = Profile.fit(pl.DataFrame({"c": [f"c{row % 600}" for row in range(30_000)] + ["own"] * 900}), model="m")


def cause(what: str, *, category: bool = False, value: float = 0.5, window: int = HOUR) -> Cause:
    return Cause(what, category, value, 0.0, window, 1_000)


def slice_with(at: int, texts: dict[str, int], rows: int = 100) -> Slice:
    return Slice(at, 1000, Summary(rows, np.zeros(0, np.int64), UnseenTexts.of({"c": texts} if texts else {})))


def names(
    recent: RecentTexts, what: str = "unseen", value: float = 0.5, window: int = HOUR
) -> tuple[tuple[str, float], ...]:
    return recent.named(cause(what, value=value, window=window), MANY.features[0]).names


def test_the_texts_of_the_last_two_hours_with_any_are_told_with_their_shares_of_the_rows() -> None:
    recent = RecentTexts().after([slice_with(0, {})])
    assert names(recent) == ()
    recent = recent.after([slice_with(1000, {"old": 30})])
    recent = recent.after([slice_with(HOUR, {"a": 5, "b": 6})])
    assert names(recent) == (("old", 0.15), ("b", 0.03), ("a", 0.025))
    recent = recent.after([slice_with(2 * HOUR - 1000, {}, rows=200)])
    assert names(recent) == (("old", 0.075), ("b", 0.015), ("a", 0.0125))
    recent = recent.after([slice_with(50 * HOUR, {"c": 1})])
    assert names(recent, window=49 * HOUR) == (("b", 0.015), ("a", 0.0125), ("c", 0.0025))
    assert recent.after([slice_with(99 * HOUR, {})]) == recent


def test_texts_from_before_the_window_that_alarms_are_not_told() -> None:
    recent = RecentTexts().after([slice_with(0, {"old": 50}), slice_with(50 * HOUR, {"new": 5})])
    assert names(recent, window=2 * HOUR) == (("new", 0.05),)
    assert names(recent, window=50 * HOUR) == (("old", 0.25), ("new", 0.025))


def test_texts_are_dropped_when_their_slices_are() -> None:
    recent = RecentTexts().after([slice_with(0, {"old": 1}), slice_with(RETENTION - HOUR, {"new": 1})])
    assert len(recent.hours) == 2
    after = recent.after([slice_with(RETENTION + HOUR, {})])
    assert [one.texts.counts for one in after.hours] == [{"c": {"new": 1}}]
    assert after.after([slice_with(3 * RETENTION, {})]) == RecentTexts()


def test_names_have_no_more_rows_together_than_their_cause() -> None:
    recent = RecentTexts().after([slice_with(0, {"a": 30, "b": 10})])
    assert names(recent, value=0.5) == (("a", 0.3), ("b", 0.1))
    scaled = dict(names(recent, value=0.2))
    assert scaled == pytest.approx({"a": 0.15, "b": 0.05})


def test_shares_of_less_than_a_row_of_the_window_are_not_told() -> None:
    recent = RecentTexts().after([slice_with(0, {"a": 10, "b": 9})])
    few = replace(cause("unseen"), rows=10)
    assert recent.named(few, MANY.features[0]).names == (("a", 0.1), ("b", 0.0))


def test_of_a_sample_that_may_lack_some_no_number_of_further_ones_is_told() -> None:
    texts = {f"t{number}": number for number in range(1, MOST_OF_FEATURE)}
    assert len(names(RecentTexts().after([slice_with(0, texts)]))) == MOST_OF_FEATURE - 1
    recent = RecentTexts().after([slice_with(0, {**texts, "one more": 9})])
    assert [name for name, _ in names(recent)] == ["one more", "t7", "t6"]


@pytest.mark.parametrize("what", ["missing", "mean", "bins", "stuck", "below"])
def test_only_causes_of_unseen_categories_have_names(what: str) -> None:
    recent = RecentTexts().after([slice_with(0, {"a": 5})])
    assert names(recent, what) == ()
    assert names(recent) == (("a", 0.05),)
    a_category = cause("unseen", category=True)
    assert recent.named(a_category, MANY.features[0]) == a_category


def test_of_a_group_that_shares_a_bin_only_its_own_texts_are_told() -> None:
    grid = MANY.features[0].grid
    assert isinstance(grid, CategoryGrid)
    recent = RecentTexts().after([slice_with(0, {"a": 5, "b": 5})])
    place = grid.labels[grid.bin_of("b")].removeprefix("unseen ")
    assert place.endswith(" of 1024")
    assert names(recent, f"other {place}") == (("b", 0.05),)
    assert names(recent, "other 1 of 2") == ()


def test_texts_outlive_a_restart() -> None:
    recent = RecentTexts().after([slice_with(0, {"a": 5}), slice_with(HOUR, {"b": 5, "c\ufffd": 1})])
    assert RecentTexts.load(recent.dump()) == recent
    assert RecentTexts.load(RecentTexts().dump()) == RecentTexts()
    broken: Any
    for broken in ([["x", 1, {}]], [[1, 1, []]], [[1, None, {}]], [[1]]):
        with pytest.raises(ValueError, match=r"expected|unpack"):
            RecentTexts.load(broken)


def spiced(profile: Profile, number: int) -> list[Slice]:
    """Return slices in which 6 % of the cities are new ones, "zz" most of them."""
    made = []
    for place in range(number):
        frame = orders(500, 1000 + place)
        cities = frame["city"].to_list()
        cities[:20], cities[20:30] = ["zz"] * 20, ["EV"] * 10
        made.append(Slice(START + place * PANE, PANE, summary_of(profile, frame.with_columns(city=pl.Series(cities)))))
    return made


def test_an_alarm_of_new_categories_names_them(profile: Profile) -> None:
    judge = Judge(profile)
    given = spiced(profile, 8)
    state, steps = follow(judge, given)
    (alarm,) = [alarm for step in steps for alarm in step.alarms]
    told = "categories never seen before rose from 0 % to 6.0 % of the rows ('zz' 4.0 %, 'ev' 2.0 %), over "
    assert told in alarm.why.lower()
    verdict = verdict_of(judge, state, given[-1])
    assert told in feature_of(verdict, "city").why.lower()
    assert told in judge.findings(state, "city")[0]["found"].lower()
    assert "zz" not in feature_of(verdict, "amount").why
    assert judge.dumps(judge.loads(judge.dumps(state))) == judge.dumps(state)


def test_panes_in_pieces_give_the_same_state_and_verdict(profile: Profile) -> None:
    judge, given = Judge(profile), spiced(profile, 8)
    whole, _ = follow(judge, given)
    state, kept = judge.start(), KeptSlices(LOOK_BACK)
    for slice_ in given:
        state, _ = follow(judge, [slice_], judge.loads(judge.dumps(state)), kept=kept)
    assert judge.dumps(state) == judge.dumps(whole)
    assert verdict_of(judge, state, given[-1]).dumps() == verdict_of(judge, whole, given[-1]).dumps()


def test_a_model_that_wants_no_texts_shows_and_keeps_none(profile: Profile) -> None:
    given = spiced(profile, 8)
    judge = Judge(profile, ModelSettings(unseen_texts=False))
    state, steps = follow(judge, given)
    (alarm,) = [alarm for step in steps for alarm in step.alarms]
    assert "never seen before rose from 0 % to 6.0 % of the rows, over" in alarm.why
    kept, _ = follow(Judge(profile), given)
    assert state.texts == RecentTexts() != kept.texts
    assert "zz" not in judge.dumps(state).decode("latin-1")
    # what was kept before the setting changed is not shown
    assert "zz" not in feature_of(verdict_of(judge, kept, given[-1]), "city").why
    assert "zz" not in str(judge.findings(kept, "city"))
    assert "zz" not in str([feature_of(verdict_of(judge, one, given[-1]), "city").change for one in (state, kept)])


def test_streams_without_new_categories_keep_nothing(profile: Profile) -> None:
    judge = Judge(profile)
    given = slices(profile, 3)
    state, _ = follow(judge, given)
    assert state.texts == RecentTexts()
    assert state_of(verdict_of(judge, state, given[-1]), "city")[0] in ("ok", "insufficient")
