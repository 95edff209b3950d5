from __future__ import annotations

from collections.abc import Mapping

import pytest

from driftmeter.panes.rollover import PANES, Rollover

MOST, LESS = {"old": 4, "new": 6}, {"old": 6, "new": 4}
CHANGING = Rollover("old", "new")


def after(*panes: Mapping[str, int]) -> Rollover:
    standing = CHANGING
    for rows in panes:
        standing = standing.closed(rows)
    return standing


def test_the_newer_profile_takes_over_after_three_panes_of_most_rows() -> None:
    assert after(MOST, MOST) == Rollover("old", "new", "new", PANES - 1)
    assert after(MOST, MOST, MOST) == Rollover("new", "new")


def test_the_panes_must_come_in_a_row() -> None:
    assert after(MOST, MOST, LESS, MOST, MOST) == Rollover("old", "new", "new", 2)


def test_half_of_the_rows_are_not_most() -> None:
    assert after(*[{"old": 5, "new": 5}] * 5) == CHANGING


def test_panes_without_rows_say_nothing() -> None:
    assert after(MOST, {}, {"old": 0}, MOST, MOST) == Rollover("new", "new")


def test_a_third_profile_counts_against_the_newer_one() -> None:
    assert after({"old": 2, "new": 5, "other": 3}, {"old": 0, "new": 5, "other": 5}) == CHANGING


def test_an_older_profile_takes_over_when_model_servers_go_back_to_it() -> None:
    standing = Rollover("new", "new")
    for _ in range(PANES):
        standing = standing.closed({"old": 9, "new": 1})
    assert standing == Rollover("old", "old")


def test_a_profile_that_is_registered_while_another_takes_over_stays_on_its_way() -> None:
    standing = Rollover("a", "b").closed({"b": 9}).registered("c", idle=False)
    for _ in range(PANES):
        standing = standing.closed({"b": 9, "c": 1})
    assert standing == Rollover("b", "c")
    for _ in range(PANES):
        standing = standing.closed({"b": 3, "c": 7})
    assert standing == Rollover("c", "c")


def test_two_that_take_turns_to_lead_get_nowhere() -> None:
    standing = CHANGING
    for _ in range(5):
        standing = standing.closed({"new": 9}).closed({"other": 9})
    assert standing.active == "old"


def test_a_profile_that_nobody_uses_is_overtaken_by_what_all_use() -> None:
    standing = Rollover("b", "c")
    for _ in range(10):
        standing = standing.closed({"b": 5})
    assert standing == Rollover("b", "c")


def test_a_newer_one_begins_anew() -> None:
    assert after(MOST, MOST).registered("newest", idle=False) == Rollover("old", "newest")


def test_the_same_again_goes_on() -> None:
    assert after(MOST, MOST).registered("new", idle=False) == after(MOST, MOST)


def test_the_old_one_again_is_the_way_back() -> None:
    assert after(MOST, MOST).registered("old", idle=False) == Rollover("old", "old")


@pytest.mark.parametrize("digest", ["newest", "old"])
def test_where_the_active_one_never_had_rows_there_is_nothing_to_wait_for(digest: str) -> None:
    assert CHANGING.registered(digest, idle=True) == Rollover(digest, digest)
