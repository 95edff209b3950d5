"""Expectations: what counts as expected at each slice, and what follows when an expectation is over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.verdict.expectation import Expectation, ExpectedDrift, expected_drift

FEATURES = ("fare", "tip")


def fare(since: int, until: int) -> Expectation:
    return Expectation("fare", since, until)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (80, 100, False),  # ends where the expectation begins
        (80, 101, True),
        (120, 130, True),
        (199, 220, True),
        (200, 220, False),  # begins where the expectation ends
        (0, 300, True),
    ],
)
def test_an_expectation_holds_for_each_slice_that_overlaps_it(start: int, end: int, expected: bool) -> None:
    drift = expected_drift({}, [fare(100, 200)], FEATURES, start, end)
    assert drift.current == ({"fare": 200} if expected else {})
    assert drift.over == {}


def test_an_expectation_of_the_model_holds_for_all_features() -> None:
    drift = expected_drift({}, [Expectation(None, 0, 50)], FEATURES, 0, 10)
    assert drift.current == {"fare": 50, "tip": 50}


def test_of_several_expectations_of_a_feature_the_one_that_ends_last_holds() -> None:
    marks = [fare(0, 70), Expectation(None, 0, 50), fare(0, 60)]
    assert expected_drift({}, marks, FEATURES, 0, 10).current == {"fare": 70, "tip": 50}


def test_an_expectation_of_an_unknown_feature_is_kept_and_touches_no_other() -> None:
    drift = expected_drift({}, [Expectation("gone", 0, 50)], FEATURES, 0, 10)
    assert drift.current == {"gone": 50}


def test_an_expectation_ends_when_its_time_has_passed() -> None:
    drift = expected_drift({"fare": 100}, [fare(0, 100)], FEATURES, 100, 110)
    assert (drift.current, drift.over) == ({}, {"fare": 100})


def test_an_expectation_that_was_taken_away_ends_with_the_slice_that_begins() -> None:
    drift = expected_drift({"fare": 1_000}, [], FEATURES, 100, 110)
    assert (drift.current, drift.over) == ({}, {"fare": 100})


def test_a_renewed_expectation_is_not_over() -> None:
    drift = expected_drift({"fare": 100}, [fare(0, 300)], FEATURES, 100, 110)
    assert (drift.current, drift.over) == ({"fare": 300}, {})


def test_what_is_over_counts_as_expected_until_the_detectors_pane_is_complete() -> None:
    first = expected_drift({"fare": 100}, [fare(0, 100)], FEATURES, 100, 110)
    assert first.ends == {"fare": 100}
    second = expected_drift(first.ends, [fare(0, 100)], FEATURES, 110, 120)  # the pane was not complete
    assert second.over == {"fare": 100}


def test_a_pane_that_began_after_the_end_holds_nothing_that_was_expected() -> None:
    drift = ExpectedDrift({"tip": 500}, {"fare": 100})
    assert drift.mixed(100) == frozenset()
    assert drift.after_pane(100) == {"tip": 500}


def test_a_pane_that_began_before_the_end_is_mixed_and_its_feature_stays_expected() -> None:
    drift = ExpectedDrift({"tip": 500}, {"fare": 100})
    assert drift.mixed(99) == {"fare"}
    assert drift.after_pane(99) == {"fare": 100, "tip": 500}


@given(
    st.lists(
        st.builds(
            Expectation, st.sampled_from(["fare", "tip", None]), st.integers(0, 100), st.integers(0, 100), st.just("")
        ),
        max_size=5,
    ),
    st.lists(st.integers(1, 30), min_size=1, max_size=10),
    st.booleans(),
)
def test_a_feature_is_never_current_and_over_and_a_pane_a_slice_forgets_all_that_is_over(
    expectations: list[Expectation], lengths: list[int], taken_away: bool
) -> None:
    before: dict[str, int] = {}
    start = 0
    for number, length in enumerate(lengths):
        marks = [] if taken_away and number == len(lengths) - 1 else expectations
        drift = expected_drift(before, marks, FEATURES, start, start + length)
        assert not set(drift.current) & set(drift.over)
        assert set(before) <= set(drift.ends)  # nothing is dropped before a pane is complete
        assert all(until > start for until in drift.current.values())
        assert all(ended <= start for ended in drift.over.values())
        assert drift.after_pane(start) == drift.current
        before, start = drift.after_pane(start), start + length
