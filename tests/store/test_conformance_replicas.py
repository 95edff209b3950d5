"""What every store does for many servers: rollover, leases, heartbeats."""

from __future__ import annotations

import threading

import pytest

from driftmeter.errors import UnknownModelError
from driftmeter.store.protocol import Store
from driftmeter.timestamps import DAY, HOUR
from tests.store.samples import START, TIMING, Opener, closed, fold_all, freeze_at, pane, put
from tests.support.clocks import SetClock

# --- profiles that take over


def active_and_newest(store: Store) -> tuple[str, str]:
    record = store.model("m")
    return record.digest, record.newest


def test_a_newer_profile_takes_over_when_it_held_most_rows_for_three_panes(
    store: Store, other: Store, clock: SetClock
) -> None:
    put(store, pane(5))
    store.register("m", "new", b"new", TIMING)
    assert active_and_newest(other) == ("d", "new")
    for at in (1000, 2000, 3000):
        assert active_and_newest(store) == ("d", "new")
        put(store, pane(4, at=at), pane(5, at=at, digest="new"))
        freeze_at(other, clock, at + 1000)
    assert active_and_newest(store) == active_and_newest(other) == ("new", "new")


def test_a_pane_in_which_the_newer_one_has_less_starts_the_count_again(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    store.register("m", "new", b"new", TIMING)
    put(store, *(pane(9, at=at, digest="new") for at in (1000, 2000, 4000, 5000)), pane(5, at=3000))
    freeze_at(store, clock, 6000)
    assert active_and_newest(store) == ("d", "new")
    put(store, pane(1, at=6000, digest="new"))
    freeze_at(store, clock, 7000)
    assert active_and_newest(store) == ("new", "new")


def test_panes_that_close_together_count_one_by_one(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    store.register("m", "new", b"new", TIMING)
    put(store, *(pane(9, at=at, digest="new") for at in (1000, 2000, 3000)))
    clock.now = START + 4000
    store.freeze("m")
    clock.now += TIMING.lateness
    store.freeze("m")
    assert active_and_newest(store) == ("new", "new")


def test_panes_of_the_profile_before_are_taken_for_their_lateness(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    store.register("m", "new", b"new", TIMING)
    put(store, *(pane(9, at=at, digest="new") for at in (1000, 2000, 3000)))
    freeze_at(store, clock, 4000)
    put(store, pane(3, at=4000))
    freeze_at(store, clock, 5000)
    assert store.unfolded("m", "d") == [closed(5), closed(3, 4000)]
    assert [slice_.start - START for slice_ in fold_all(store, "new")] == [1000, 2000, 3000]


def test_a_newer_profile_is_active_at_once_where_the_one_before_never_had_rows(store: Store) -> None:
    store.register("m", "new", b"new", TIMING)
    assert active_and_newest(store) == ("new", "new")


def test_a_server_that_starts_with_the_active_profile_does_not_call_the_newer_one_back(
    store: Store, other: Store
) -> None:
    put(store, pane(5))
    store.register("m", "new", b"new", TIMING)
    other.register("m", "d", b"", TIMING, reactivate=False)
    assert active_and_newest(store) == ("d", "new")
    other.register("m", "d", b"", TIMING)
    assert active_and_newest(store) == ("d", "d")


def test_the_record_says_how_far_the_active_profile_is_folded(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    freeze_at(store, clock, 1000)
    assert store.model("m").folded == 0
    fold_all(store)
    assert store.model("m").folded == START + 1000
    assert store.models()[0].folded == START + 1000


# --- leases


def test_a_lease_is_held_by_one_until_it_ends(store: Store, other: Store, clock: SetClock) -> None:
    assert store.lease("m", "a", 5000)
    assert not other.lease("m", "b", 5000)
    assert other.model("m").holder == "a"
    clock.now += 4999
    assert not other.lease("m", "b", 5000)
    clock.now += 1
    assert other.models()[0].holder is None
    assert other.lease("m", "b", 5000)
    assert not store.lease("m", "a", 5000)


def test_the_holder_of_a_lease_can_renew_it_and_give_it_up(store: Store, other: Store, clock: SetClock) -> None:
    assert store.lease("m", "a", 5000)
    clock.now += 4000
    assert store.lease("m", "a", 5000)
    clock.now += 4000
    assert not other.lease("m", "b", 5000)
    assert store.lease("m", "a", 0)
    assert other.lease("m", "b", 5000)


def test_of_many_that_want_a_lease_one_has_it(store: Store, opener: Opener) -> None:
    held: list[str] = []
    together = threading.Barrier(4)

    def take(opened: Store, name: str) -> None:
        together.wait()
        if opened.lease("m", name, 60_000):
            held.append(name)

    threads = [threading.Thread(target=take, args=(opener(), str(number))) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == 1


def test_a_lease_from_before_the_clock_was_set_back_is_ignored(store: Store, clock: SetClock) -> None:
    clock.now += 10 * DAY
    assert store.lease("m", "a", 5000)
    clock.now -= 10 * DAY
    assert store.lease("m", "b", 5000)


def test_a_lease_is_one_models_and_folding_needs_none(store: Store, clock: SetClock) -> None:
    store.register("n", "d", b"{}", TIMING)
    assert store.lease("m", "a", 5000)
    assert store.lease("n", "b", 5000)
    put(store, pane(5))
    freeze_at(store, clock, 1000)
    assert fold_all(store) == [closed(5)]


def test_there_is_no_lease_of_an_unknown_model(store: Store) -> None:
    with pytest.raises(UnknownModelError):
        store.lease("nope", "a", 5000)


def test_a_deleted_model_takes_its_lease_along(store: Store) -> None:
    store.lease("m", "a", 5000)
    store.delete("m")
    store.register("m", "d", b"{}", TIMING)
    assert store.model("m").holder is None


# --- heartbeats


def test_servers_are_listed_until_their_heartbeat_ends(store: Store, other: Store, clock: SetClock) -> None:
    assert store.heartbeat("b", 5000) == ["b"]
    clock.now += 3000
    assert other.heartbeat("a", 5000) == ["a", "b"]
    clock.now += 2000
    assert store.heartbeat("c", 5000) == ["a", "c"]
    assert store.heartbeat("c", 0) in (["a"], ["a", "c"])
    clock.now += 1
    assert other.heartbeat("a", 5000) == ["a"]


def test_a_heartbeat_from_before_the_clock_was_set_back_is_ignored(store: Store, clock: SetClock) -> None:
    clock.now += 10 * HOUR
    store.heartbeat("a", 5000)
    clock.now -= 10 * HOUR
    assert store.heartbeat("b", 5000) == ["b"]


def test_an_older_profile_takes_over_when_it_holds_most_rows_again(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(5))
    store.register("m", "new", b"new", TIMING)
    put(store, *(pane(9, at=at, digest="new") for at in (1000, 2000, 3000)))
    freeze_at(store, clock, 4000)
    assert active_and_newest(store) == ("new", "new")
    put(other, *(pane(9, at=at) for at in (4000, 5000, 6000)))
    freeze_at(other, clock, 7000)
    assert active_and_newest(store) == ("d", "d")


def test_a_profile_that_a_server_starts_with_again_is_not_dropped(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    store.register("m", "new", b"new", TIMING)
    put(store, *(pane(9, at=at, digest="new") for at in (1000, 2000, 3000)))
    freeze_at(store, clock, 4000)
    fold_all(store)
    for day in range(1, 200, 30):
        clock.now = START + day * DAY
        store.register("m", "d", b"", TIMING, reactivate=False)
        put(store, pane(1, digest="new", at=day * DAY, source="log", watermark=clock.now))
    assert store.digests("m") == ["d", "new"]
    assert active_and_newest(store) == ("new", "new")


def test_the_record_says_when_an_absence_ended(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    freeze_at(store, clock, 1000)
    assert store.model("m").returned == 0
    clock.now += 60_000
    store.freeze("m")
    assert store.model("m").returned == store.models()[0].returned == clock.now
