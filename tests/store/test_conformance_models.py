"""What every store does with models and their profiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from driftmeter.errors import UnknownModelError, UnknownProfileError
from driftmeter.panes.timing import Timing
from driftmeter.store.protocol import Store
from driftmeter.store.records import ModelRecord, Progress, Receipt
from driftmeter.timestamps import DAY
from tests.store.samples import (
    EVERYTHING,
    START,
    TIMING,
    assert_empty,
    batch,
    closed,
    fold_all,
    freeze_at,
    pane,
    put,
)
from tests.support.clocks import SetClock


def test_a_registered_model_is_known_with_its_profile(store: Store) -> None:
    assert store.model("m") == ModelRecord("m", "d", TIMING, 0, "d")
    assert store.profile("m", "d") == b'{"profile": "d"}'


def test_models_are_listed_by_name(store: Store) -> None:
    store.register("a", "x", b"x", TIMING)
    assert [record.model for record in store.models()] == ["a", "m"]


def test_a_new_profile_becomes_the_active_one_and_the_old_stays(store: Store, clock: SetClock) -> None:
    clock.now += 1
    store.register("m", "b", b"second", TIMING)
    assert store.model("m").digest == "b"
    assert store.digests("m") == ["d", "b"]
    assert store.profile("m", "d") == b'{"profile": "d"}'


def test_the_same_profile_again_changes_only_the_timing(store: Store, clock: SetClock) -> None:
    clock.now += 1
    store.register("m", "d", b"something else", Timing(5000, 0))
    assert store.model("m").timing == Timing(5000, 0)
    assert store.profile("m", "d") == b'{"profile": "d"}'
    assert store.digests("m") == ["d"]


def test_an_old_profile_can_be_made_active_again(store: Store, clock: SetClock) -> None:
    store.register("m", "b", b"second", TIMING)
    store.register("m", "d", b"first", TIMING)
    assert store.model("m").digest == "d"


def test_a_profile_that_was_replaced_comes_back_only_where_it_may(store: Store, other: Store) -> None:
    store.register("n", "d", b"new", TIMING, reactivate=False)
    assert store.model("n").digest == "d"
    store.register("m", "e", b"second", TIMING, reactivate=False)
    assert store.model("m").digest == "e"
    other.register("m", "d", b"first", Timing(5000, 0), reactivate=False)
    assert store.model("m") == ModelRecord("m", "e", TIMING, 0, "e")
    other.register("m", "e", b"second", Timing(5000, 0), reactivate=False)
    assert store.model("m") == ModelRecord("m", "e", Timing(5000, 0), 0, "e")
    store.register("m", "d", b"first", TIMING)
    assert store.model("m").digest == "d"


def test_a_retired_profile_is_dropped_when_nothing_was_left_of_it_for_ninety_days(
    store: Store, clock: SetClock
) -> None:
    put(store, pane(5))
    freeze_at(store, clock, 1000)
    fold_all(store)
    store.register("m", "idle", b"never used", TIMING)
    store.register("m", "e", b"second", TIMING)
    for day in range(1, 96):
        clock.now = START + day * DAY
        put(store, pane(1, digest="e", at=day * DAY, source="log", watermark=clock.now))
        store.freeze("m")
        fold_all(store, "e")
        if day == 89:
            assert set(store.digests("m")) == {"d", "idle", "e"}
            assert store.verdict("m", "d") is not None
    assert store.digests("m") == ["e"]
    assert store.progress("m", "d") == Progress()
    assert store.verdict("m", "d") is None
    store.register("m", "d", b"again", TIMING)
    assert store.recent("m", "d", clock.now, EVERYTHING) == []


def test_a_profile_that_was_replaced_today_stays_however_old_it_is(store: Store, clock: SetClock) -> None:
    clock.now += 200 * DAY
    store.register("m", "e", b"second", TIMING)
    put(store, pane(1, digest="e", at=200 * DAY, source="log", watermark=clock.now))
    assert store.digests("m") == ["d", "e"]


def test_registering_a_profile_keeps_the_watermark(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    freeze_at(store, clock, 1000)
    store.register("m", "b", b"second", TIMING)
    assert store.model("m").frozen == START + 1000


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.model("z"),
        lambda store: store.profile("z", "d"),
        lambda store: store.delete("z"),
        lambda store: store.freeze("z"),
        lambda store: store.acknowledge("z", "1", 0, ""),
    ],
)
def test_an_unknown_model_is_named_with_those_that_are_known(store: Store, ask: Callable[[Store], Any]) -> None:
    with pytest.raises(UnknownModelError, match="unknown model 'z'; known: m"):
        ask(store)


def test_an_unknown_profile_is_named_with_those_that_are_known(store: Store) -> None:
    with pytest.raises(UnknownProfileError, match="no profile 'z'; it has: d"):
        store.profile("m", "z")


def test_nothing_is_known_of_a_model_that_nobody_wrote_to(store: Store) -> None:
    assert_empty(store)


def test_a_deleted_model_leaves_nothing_behind_and_can_come_again(store: Store, clock: SetClock) -> None:
    store.register("n", "d", b"other", TIMING)
    put(store, pane(5), pane(5, at=5000), batch(3, key="k"), pane(7, model="n"))
    freeze_at(store, clock, 1000)
    fold_all(store)
    store.acknowledge("m", "1", START, "")
    store.delete("m")
    with pytest.raises(UnknownModelError):
        store.model("m")
    assert [record.model for record in store.models()] == ["n"]
    store.register("m", "d", b"again", TIMING)
    assert_empty(store)
    assert store.profile("m", "d") == b"again"
    assert store.model("m").frozen == 0
    assert put(store, batch(3, key="k", at=60_000)) == [Receipt()]
    for _ in range(3):
        store.freeze("n")
        clock.now += TIMING.lateness
    assert store.unfolded("n", "d") == [closed(7)]
