from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.payloads.joiner import Joined, Joiner
from tests.support.clocks import SetClock


@pytest.fixture
def clock() -> SetClock:
    return SetClock(0)


@pytest.fixture
def joiner(clock: SetClock) -> Joiner[str]:
    return Joiner(wait=1_000, most_bytes=10_000, clock=clock)


def test_both_orders_join(joiner: Joiner[str]) -> None:
    assert joiner.add("request", "1", "x", 1) == []
    assert joiner.add("answer", "1", "y", 1) == [Joined("x", "y", "joined")]
    assert joiner.add("answer", "2", "y", 1) == []
    assert joiner.add("request", "2", "x", 1) == [Joined("x", "y", "joined")]
    assert (len(joiner), joiner.bytes) == (0, 0)


def test_a_half_leaves_alone_when_it_has_waited(joiner: Joiner[str], clock: SetClock) -> None:
    joiner.add("request", "1", "x", 1)
    clock.now = 999
    assert joiner.overdue() == []
    clock.now = 1_000
    assert joiner.add("answer", "2", "y", 1) == [Joined("x", None, "waited")]
    clock.now = 2_000
    assert joiner.overdue() == [Joined(None, "y", "waited")]
    assert joiner.overdue() == []


def test_what_is_left_at_the_end_leaves_in_the_order_in_which_it_came(joiner: Joiner[str]) -> None:
    for key in "abc":
        joiner.add("request", key, key, 1)
    assert joiner.flush() == [Joined(key, None, "ended") for key in "abc"]
    assert joiner.bytes == 0


def test_a_half_without_a_key_leaves_at_once(joiner: Joiner[str]) -> None:
    assert joiner.add("answer", None, "y", 1) == [Joined(None, "y", "no key")]


def test_a_key_that_is_used_for_every_call_joins_the_first_with_the_first(joiner: Joiner[str]) -> None:
    for content in ("x1", "x2", "x3"):
        assert joiner.add("request", "same", content, 1) == []
    joined = [joiner.add("answer", "same", content, 1) for content in ("y1", "y2", "y3", "y4")]
    assert joined == [*[[Joined(f"x{n}", f"y{n}", "joined")] for n in (1, 2, 3)], []]


def test_an_event_that_comes_again_is_told_and_nothing_else(joiner: Joiner[str], clock: SetClock) -> None:
    assert joiner.add("request", "1", "x", 1, b"r") == []
    assert joiner.add("request", "1", "x", 1, b"r") == []
    assert joiner.add("answer", "1", "y", 1, b"a") == [Joined("x", "y", "joined")]
    assert joiner.add("answer", "1", "y", 1, b"a") == []
    assert (joiner.duplicates, len(joiner)) == (2, 0)
    clock.now = 1_000
    joiner.overdue()
    assert joiner.bytes == 0


def test_the_oldest_leave_where_memory_ends(joiner: Joiner[str]) -> None:
    leaving = [joined for key in range(20) for joined in joiner.add("request", str(key), str(key), 1_000)]
    assert leaving == [Joined(str(key), None, "pushed out") for key in range(13)]
    assert joiner.bytes <= 10_000
    assert joiner.add("request", "huge", "huge", 1_000_000)[-1] == Joined("huge", None, "pushed out")
    assert (len(joiner), joiner.bytes) == (0, 0)


def test_identities_stay_within_the_memory_too(joiner: Joiner[str]) -> None:
    for number in range(1_000):
        joiner.add("request", str(number), "x", 1, str(number).encode())
        joiner.add("answer", str(number), "y", 1, f"a{number}".encode())
        assert joiner.bytes <= 10_000


@given(st.lists(st.tuples(st.sampled_from(["request", "answer"]), st.integers(0, 3), st.integers(0, 900)), max_size=60))
def test_every_half_leaves_exactly_once(halves: list[tuple[str, int, int]]) -> None:
    clock = SetClock(0)
    joiner = Joiner[int](wait=1_000, most_bytes=3_000, clock=clock)
    out: list[Joined[int]] = []
    for number, (side, key, pause) in enumerate(halves):
        clock.now += pause
        out += joiner.add(side, str(key), number, 100)  # type: ignore[arg-type]
    out += joiner.flush()
    left = [half for joined in out for half in (joined.request, joined.answer) if half is not None]
    assert sorted(left) == list(range(len(halves)))
    assert all(halves[joined.request][0] == "request" for joined in out if joined.request is not None)
    assert joiner.bytes == 0


def test_any_order_joins_all() -> None:
    halves = [(side, str(key)) for key in range(500) for side in ("request", "answer")]
    random.Random(3).shuffle(halves)
    joiner = Joiner[str](wait=1_000, most_bytes=10_000_000, clock=lambda: 0)
    joined = [one for side, key in halves for one in joiner.add(side, key, key, 1)]  # type: ignore[arg-type]
    assert len(joined) == 500
    assert all(one.request == one.answer for one in joined)
