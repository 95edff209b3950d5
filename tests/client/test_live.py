"""The compiled counter counts what the plain one counts: every count, every text, every value that is refused."""

from __future__ import annotations

import datetime as dt
import gc
import math
import random
import threading
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftmeter.client.buffer import Raw
from driftmeter.client.intake import Intake
from driftmeter.client.live import (
    COUNTED,
    COUNTED_AND_FULL,
    MOST_PANES,
    MOST_TEXTS,
    NOT_COUNTED,
    LiveCounter,
    Taken,
)
from driftmeter.counts import compiled
from driftmeter.counts.binning import Binner
from driftmeter.counts.summary import Summary
from driftmeter.panes.timing import Timing
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from tests.client.samples import GARBAGE

pytestmark = pytest.mark.skipif(compiled.KIND == "plain", reason=f"only the {compiled.describe()} is here")

NOW = 1_700_000_000_000
TIMING = Timing(2_000, 2_000)


@cache
def profile_of(seed: int) -> Profile:
    """Return a profile with features of every kind, some of which explain each other."""
    rng = np.random.default_rng(seed)
    rows = 1500
    base, hour = rng.normal(size=rows), [dt.datetime(2024, 1, 1) + dt.timedelta(hours=h) for h in range(rows)]
    frame = pl.DataFrame(
        {
            "a": base,
            "b": base**2 + rng.normal(0, 0.1, rows),
            "c": 3 * base + rng.normal(0, 0.2, rows),
            "steep": rng.lognormal(0, 4, rows),
            "few": rng.integers(0, 4, rows),
            "constant": np.full(rows, 2.5),
            "city": rng.choice(["Ulm", "Bonn", "Jena", "1", "2.0"], rows),
            "product": [f"p{number}" for number in rng.zipf(1.4, rows) % 700],
            "store": rng.integers(0, 30, rows).astype(np.int64),
            "rate": rng.choice([0.1, 0.25, 1.0], rows),
            "member": rng.random(rows) < 0.3,
            "seen_at": hour,
            "score": rng.random(rows),
        }
    )
    return Profile.fit(
        frame,
        model="m",
        prediction="score",
        time="seen_at",
        include=["seen_at"],
        by_hour=seed % 2 == 1,
        zone="Europe/Berlin" if seed > 2 else None,
        kinds={"store": "categorical", "rate": "categorical", "seen_at": "hour"},
        bins=(8, 64, 300)[seed % 3],
    )


ODD: list[Any] = [
    *(None, True, False, 10**400, -0.0, 2**53 + 1, -(2**70), 7, 0, -1, 39, math.inf, -math.inf, math.nan),
    *(5e-324, 1.7e308, -1.7e308, np.float32(0.1), np.float64(0.25), np.float64("nan"), np.int64(3), np.bool_(True)),
    *("1.5", " 2 ", "nan", "N/A", "abc", "1_000", "", " ", "true", "new", "p9999", "é" * 70, b"Ulm", np.uint8(7)),
    *(
        np.timedelta64(7, "ns"),
        np.timedelta64(7, "s"),
        np.datetime64("2024-05-01T07"),
        np.str_("Ulm"),
        np.longdouble(7),
    ),
    *(Decimal("1.0"), [1.0], {}, np.array([2.0]), dt.datetime(2024, 5, 1, 7), "2024-05-01T03:00:00Z", 1_714_521_600),
    *("2024-05-01 03:00:00.25+02:00", "2024-05-01", 1_714_521_600.25, dt.datetime(2024, 5, 1, tzinfo=dt.UTC)),
]
"""Values that some sender might send, in any column."""


@cache
def near(seed: int, name: str) -> list[Any]:
    """Return values at the cuts of a column, or its categories."""
    values: list[Any] = []
    for feature in profile_of(seed).features:
        if feature.column == name and isinstance(feature.grid, NumericGrid):
            cuts = feature.grid.edges
            values += [*cuts.tolist(), *np.nextafter(cuts, -np.inf).tolist(), *np.nextafter(cuts, np.inf).tolist()]
        elif feature.column == name and isinstance(feature.grid, CategoryGrid):
            values += [*feature.grid.categories[:20], "p691"]
    return values


def value_of(draw: random.Random, seed: int, name: str) -> Any:
    values = near(seed, name)
    if values and draw.random() < 0.5:
        return draw.choice(values)
    return draw.choice(ODD) if draw.random() < 0.3 else draw.gauss(0, 3)


def rows_of(seed: int, draw: random.Random) -> list[tuple[dict[Any, Any], Any]]:
    """Return rows with predictions, for the profile of that seed."""
    names = list(dict.fromkeys(feature.column for feature in profile_of(seed).features if feature.role != "derived"))
    rows = []
    for _ in range(draw.randrange(1, 40)):
        order = draw.sample(names, len(names)) if draw.random() < 0.2 else names
        row: dict[Any, Any] = {name: value_of(draw, seed, name) for name in order if draw.random() < 0.98}
        if draw.random() < 0.1:
            row |= {"unknown": 1, draw.choice(["other", 7, ("x",)]): 2}
        wrapped = [[0.5], np.array([0.5]), "high", [0.1, 0.2], {"score": 0.4}]
        prediction = draw.choice([None, None, value_of(draw, seed, "score"), draw.choice(wrapped)])
        rows.append((row, prediction))
    return rows


def live_of(intake: Intake, columns: Sequence[str] | None = None) -> LiveCounter:
    live = intake.count_live(lambda: 0.0, columns, 2_000_000)
    assert live is not None
    live.set_terms(NOW + 0.25, TIMING.pane)
    return live


def plain_of(profile: Profile) -> Intake:
    """Return an intake in which nothing is compiled."""
    intake = Intake(profile)
    intake._reader._record_reader = None
    intake._binner = Binner(profile, compiled=False)
    return intake


def total(taken: Taken, bins: int) -> Summary:
    return Summary.sum([pane.summary for pane in taken.panes], bins)


@settings(max_examples=200)
@given(st.integers(0, 5), st.randoms(use_true_random=True))
def test_rows_count_as_the_plain_counter_counts_them(seed: int, draw: random.Random) -> None:
    profile, rows = profile_of(seed), rows_of(seed, draw)
    live_intake, plain = Intake(profile), plain_of(profile)
    live = live_of(live_intake)
    left: list[Raw] = []
    taken_over: list[Raw] = []
    for row, prediction in rows:
        counted = live.count(row, prediction) or live.count_value(row, live.single(prediction))
        (taken_over if counted else left).append((dict(row), prediction, None, 0.0))
    # only names that are no texts are left to the plain counter
    assert all(any(type(name) is not str for name in row) for row, *_ in left)
    typed = plain.read(taken_over)
    expected = Summary.sum([s for _, s in plain.count(typed, TIMING, NOW + 0.25, NOW)], profile.bins)
    taken = live.take()
    assert total(taken, profile.bins) == expected
    assert taken.ignored_values == typed.ignored_values
    assert taken.ignored_predictions == typed.ignored_predictions
    unreadable = live_intake.unreadable_in(total(taken, profile.bins))
    assert unreadable == typed.unreadable
    assert {name: one.expected for name, one in typed.first.items()}.items() <= {
        name: one.expected for name, one in taken.unreadable.items()
    }.items()


@given(st.integers(0, 5), st.randoms(use_true_random=True))
def test_rows_without_names_count_as_those_with_names(seed: int, draw: random.Random) -> None:
    profile, rows = profile_of(seed), rows_of(seed, draw)
    names = ["b", "a", "unknown", *(f.column for f in profile.features if f.role != "derived" and f.column not in "ab")]
    names = list(dict.fromkeys(names))
    by_name, by_place, by_list = (live_of(Intake(profile), names) for _ in range(3))
    for row, prediction in rows:
        full = {name: row.get(name) for name in names}
        value = by_name.single(prediction)
        assert by_name.count_value(full, value) == by_place.count_value(tuple(full.values()), value) == COUNTED
        assert by_list.count_value(list(full.values()), value) == COUNTED
    one, *others = (counter.take() for counter in (by_name, by_place, by_list))
    for other in others:
        assert total(one, profile.bins) == total(other, profile.bins)
        assert (one.ignored_values, one.present) == (other.ignored_values, other.present)


@given(st.integers(0, 5), st.lists(st.lists(st.floats(), min_size=5, max_size=5), min_size=1, max_size=9))
def test_a_matrix_counts_as_its_rows(seed: int, rows: list[list[float]]) -> None:
    profile = profile_of(seed)
    names = ["c", "few", "a", "unknown", "rate"]
    by_row, by_array, by_matrix = (live_of(Intake(profile), names) for _ in range(3))
    matrix = np.array(rows)
    predictions = [float(number) for number in range(len(rows))]
    for row, prediction in zip(rows, predictions, strict=True):
        assert by_row.count(tuple(row), prediction) == COUNTED
    for array, prediction in zip(matrix[:, ::-1], predictions, strict=True):
        assert by_array.count(array[::-1], prediction) == COUNTED  # not contiguous
    assert by_matrix.count_matrix(matrix, predictions, 0, len(rows)) == len(rows)
    expected = total(by_row.take(), profile.bins)
    assert total(by_array.take(), profile.bins) == expected == total(by_matrix.take(), profile.bins)


def test_a_value_counts_for_all_features_of_its_column() -> None:
    frame = {"at": [dt.datetime(2024, 1, 1) + dt.timedelta(hours=hour) for hour in range(500)], "x": np.arange(500.0)}
    hours, weekdays = (Profile.fit(pl.DataFrame(frame), model="m", kinds={"at": kind}) for kind in ("hour", "weekday"))
    profile = replace(hours, features=(*hours.features, weekdays.features[0]))
    live, plain = live_of(Intake(profile)), plain_of(profile)
    rows: list[dict[str, Any]] = [{"x": 1.0, "at": 1_704_067_200 + 7_201 * number} for number in range(50)]
    rows += [{"at": "2024-05-04T07:00Z", "x": 2.0}, {"x": 3.0}, {"at": dt.datetime(2024, 5, 4, 7), "x": 4.0}] * 20
    rows += [{"at": "no time", "x": 5.0}]
    typed = plain.read([(dict(row), None, None, 0.0) for row in rows])
    ((_, expected),) = plain.count(typed, TIMING, NOW, NOW)
    for row in rows:
        live.count(row, None)
    assert total(live.take(), profile.bins) == expected


def test_a_prediction_beside_the_row_is_a_value_of_its_column() -> None:
    by_name, by_place, by_matrix = (live_of(Intake(profile_of(0)), ["a", "few"]) for _ in range(3))
    by_name.count({"a": 1.0, "few": 2.0}, None)
    by_name.count({"a": 1.0, "few": 2.0}, 0.5)  # the order of its names is known
    by_place.count((1.0, 2.0), 0.5)
    by_matrix.count_matrix(np.ones((1, 2)), [0.5], 0, 1)
    assert {counter.take().present for counter in (by_name, by_place, by_matrix)} == {frozenset({"a", "few", "score"})}


def test_a_wrapped_prediction_that_is_missing_takes_the_place_of_that_in_the_row() -> None:
    profile = profile_of(0)
    live, plain = live_of(Intake(profile)), plain_of(profile)
    ((_, expected),) = plain.count(plain.read([({"score": 0.5}, [None], None, 0.0)]), TIMING, NOW, NOW)
    live.count_value({"score": 0.5}, live.single([None]))
    assert total(live.take(), profile.bins) == expected


def test_what_fails_when_it_is_looked_at_costs_its_own_cell() -> None:
    profile = profile_of(0)
    for name, value in GARBAGE.items():
        for column in ("a", "city", "member", "score"):
            plain, live = plain_of(profile), live_of(Intake(profile))
            typed = plain.read([({column: value}, None, None, 0.0)])
            if live.count({column: value}, None):
                ((_, expected),) = plain.count(typed, TIMING, float(NOW), NOW)
                assert total(live.take(), profile.bins) == expected, (name, column)


def test_a_pane_is_that_of_the_clock_and_of_the_row_where_it_has_a_time() -> None:
    moments = [0.0]
    live = Intake(profile_of(0)).count_live(lambda: moments[-1], ["a"], 2_000_000)
    assert live is not None
    assert live.count({}, None) == NOT_COUNTED  # no terms yet
    assert live.count_matrix(np.zeros((1, 1)), None, 0, 1) == 0
    live.set_terms(NOW + 0.75, TIMING.pane)
    for moment in (0.0, 1.999, 1.9995, 2.0, 5.0):
        moments.append(moment)
        live.count({}, None)
    live.count_value({}, None, NOW + 1)
    live.count_value({}, None, NOW + 5_000 + 60_000)
    live.count_value({}, None, NOW + 5_000 + 60_001)
    panes = {pane.start: pane.summary.rows for pane in live.take().panes}
    assert panes == {NOW: 3, NOW + 2_000: 2, NOW + 4_000: 1, NOW + 64_000: 1, None: 1}
    assert live.take() == Taken()


def test_categories_of_numpy_are_looked_up_once() -> None:
    intake, looked_up = Intake(profile_of(0)), list[object]()
    look_up = intake._reader._look_up
    intake._reader._look_up = lambda feature, value: looked_up.append(value) or look_up(feature, value)  # type: ignore
    live = live_of(intake)
    looked_up.clear()  # those of True and False
    for _ in range(5):
        live.count({"store": np.int64(3), "city": np.str_("Ulm"), "rate": np.float64(0.25)}, None)
    assert looked_up == ["Ulm", 3, 0.25]


def test_after_the_end_no_row_is_counted() -> None:
    live = live_of(Intake(profile_of(0)))
    assert live.count({"a": 1.0}, None) == COUNTED
    live.close()
    assert live.count({"a": 1.0}, None) == NOT_COUNTED
    assert live.rows == 1
    assert sum(pane.summary.rows for pane in live.take().panes) == 1


def test_too_many_panes_or_texts_are_to_be_taken_at_once() -> None:
    profile = profile_of(0)
    live = Intake(profile).count_live(lambda: 0.0, None, 40 * profile.bins)
    assert live is not None
    live.set_terms(NOW, TIMING.pane)
    assert [live.count_value({}, None, NOW - pane * 2_000) for pane in range(6)] == [COUNTED] * 5 + [COUNTED_AND_FULL]
    large = live_of(Intake(profile_of(3)))  # of few bins
    full = [large.count_value({}, None, NOW - pane * 2_000) for pane in range(MOST_PANES + 1)].index(COUNTED_AND_FULL)
    assert full == MOST_PANES
    live.take()
    results = [live.count({"city": f"new {number}"}, None) for number in range(MOST_TEXTS + 2)]
    assert results == [COUNTED] * MOST_TEXTS + [COUNTED_AND_FULL] * 2
    assert total(live.take(), profile.bins).unseen.rows("city") > 0


def test_rows_of_many_threads_are_in_all_counts_or_in_none() -> None:
    profile = profile_of(0)
    live = live_of(Intake(profile))
    taken = []

    def observe() -> None:
        for number in range(20_000):
            live.count({"a": number, "city": "Ulm", "store": "7", "few": "3"}, 0.5)  # "3" runs Python code

    threads = [threading.Thread(target=observe) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        taken.append(live.take())
    taken.append(live.take())
    summaries = [pane.summary for one in taken for pane in one.panes]
    assert sum(summary.rows for summary in summaries) == 80_000
    assert all(summary.check(profile) is None for summary in summaries)


def test_rows_that_change_while_they_are_read_do_no_harm() -> None:
    profile = profile_of(0)
    live = live_of(Intake(profile), ["a", "few", "city"])
    row: dict[str, Any] = {}
    rows: list[Any] = []

    class Clearing:
        def __float__(self) -> float:
            row.clear()
            rows.clear()
            gc.collect()
            return 1.0

        def __repr__(self) -> str:
            return f"{float(self)}"

        def item(self) -> float:
            return self.__float__()

    for _ in range(20):
        row.update({"a": Clearing(), "b": "2", "city": "Ulm", "member": Clearing(), "product": f"new {len(row)}"})
        live.count(row, None)
        rows[:] = [Clearing(), "3", "Ulm"]
        live.count(rows, None)
    assert total(live.take(), profile.bins).check(profile) is None


def test_millions_of_rows_leak_nothing() -> None:
    live = live_of(Intake(profile_of(0)), ["a", "b"])
    rows = [{"a": 1.0, "b": "x", "city": "Ulm", "odd": 1}, (1.0, [2]), {"product": "p9", 7: 1}, {"city": "new"}]

    def work() -> None:
        for _ in range(2_000):
            for row in rows:
                live.count(row, 0.5)
            live.count_value(rows[0], [0.5], NOW)
            live.count_matrix(np.zeros((3, 2)), None, 0, 3)
        live.take()

    work()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(5):
            work()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 100_000
    finally:
        tracemalloc.stop()
