"""What every store does for many servers: profiles that take over, leases, who is there, accounts of sources."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from driftmeter.errors import StoreUnavailableError, UnknownModelError
from driftmeter.panes.coverage import SPAN, RowTally
from driftmeter.panes.totals import SourceTotals
from driftmeter.store.protocol import Store
from driftmeter.timestamps import DAY, HOUR
from tests.store.conftest import Opener
from tests.store.samples import START, TIMING, SetClock, batch, closed, fold_all, freeze_at, pane, put

# --- profiles that take over


def standing(store: Store) -> tuple[str, str]:
    record = store.model("m")
    return record.digest, record.newest


def test_a_newer_profile_takes_over_when_it_held_most_rows_for_three_panes(
    store: Store, other: Store, clock: SetClock
) -> None:
    put(store, pane(5))
    store.register("m", "new", b"new", TIMING)
    assert standing(other) == ("d", "new")
    for at in (1000, 2000, 3000):
        assert standing(store) == ("d", "new")
        put(store, pane(4, at=at), pane(5, at=at, digest="new"))
        freeze_at(other, clock, at + 1000)
    assert standing(store) == standing(other) == ("new", "new")


def test_a_pane_in_which_the_newer_one_has_less_begins_the_count_anew(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    store.register("m", "new", b"new", TIMING)
    put(store, *(pane(9, at=at, digest="new") for at in (1000, 2000, 4000, 5000)), pane(5, at=3000))
    freeze_at(store, clock, 6000)
    assert standing(store) == ("d", "new")
    put(store, pane(1, at=6000, digest="new"))
    freeze_at(store, clock, 7000)
    assert standing(store) == ("new", "new")


def test_panes_that_close_together_count_one_by_one(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    store.register("m", "new", b"new", TIMING)
    put(store, *(pane(9, at=at, digest="new") for at in (1000, 2000, 3000)))
    clock.time = START + 4000
    store.freeze("m")
    clock.time += TIMING.lateness
    store.freeze("m")
    assert standing(store) == ("new", "new")


def test_panes_of_the_profile_before_are_taken_for_their_lateness(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    store.register("m", "new", b"new", TIMING)
    put(store, *(pane(9, at=at, digest="new") for at in (1000, 2000, 3000)))
    freeze_at(store, clock, 4000)
    put(store, pane(3, at=4000))
    freeze_at(store, clock, 5000)
    assert store.unfolded("m", "d") == [closed(5), closed(3, 4000)]
    assert [each.start - START for each in fold_all(store, "new")] == [1000, 2000, 3000]


def test_a_newer_profile_is_active_at_once_where_the_one_before_never_had_rows(store: Store) -> None:
    store.register("m", "new", b"new", TIMING)
    assert standing(store) == ("new", "new")


def test_a_server_that_starts_with_the_active_profile_does_not_call_the_newer_one_back(
    store: Store, other: Store
) -> None:
    put(store, pane(5))
    store.register("m", "new", b"new", TIMING)
    other.register("m", "d", b"", TIMING, again=False)
    assert standing(store) == ("d", "new")
    other.register("m", "d", b"", TIMING)
    assert standing(store) == ("d", "d")


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
    clock.time += 4999
    assert not other.lease("m", "b", 5000)
    clock.time += 1
    assert other.models()[0].holder is None
    assert other.lease("m", "b", 5000)
    assert not store.lease("m", "a", 5000)


def test_who_holds_a_lease_can_renew_it_and_give_it_up(store: Store, other: Store, clock: SetClock) -> None:
    assert store.lease("m", "a", 5000)
    clock.time += 4000
    assert store.lease("m", "a", 5000)
    clock.time += 4000
    assert not other.lease("m", "b", 5000)
    assert store.lease("m", "a", 0)
    assert other.lease("m", "b", 5000)


def test_of_many_that_want_a_lease_one_has_it(store: Store, opener: Opener) -> None:
    held: list[str] = []
    together = threading.Barrier(4)

    def take(each: Store, name: str) -> None:
        together.wait()
        if each.lease("m", name, 60_000):
            held.append(name)

    threads = [threading.Thread(target=take, args=(opener(), str(number))) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == 1


def test_a_lease_from_before_the_clock_was_put_back_holds_nobody_up(store: Store, clock: SetClock) -> None:
    clock.time += 10 * DAY
    assert store.lease("m", "a", 5000)
    clock.time -= 10 * DAY
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


# --- who is there


def test_those_that_are_there_are_named_until_they_are_silent(store: Store, other: Store, clock: SetClock) -> None:
    assert store.heartbeat("b", 5000) == ["b"]
    clock.time += 3000
    assert other.heartbeat("a", 5000) == ["a", "b"]
    clock.time += 2000
    assert store.heartbeat("c", 5000) == ["a", "c"]
    assert store.heartbeat("c", 0) in (["a"], ["a", "c"])
    clock.time += 1
    assert other.heartbeat("a", 5000) == ["a"]


def test_who_said_so_before_the_clock_was_put_back_is_not_there(store: Store, clock: SetClock) -> None:
    clock.time += 10 * HOUR
    store.heartbeat("a", 5000)
    clock.time -= 10 * HOUR
    assert store.heartbeat("b", 5000) == ["b"]


# --- accounts of sources


def test_the_rows_of_a_source_that_came_are_told_from_those_it_counted(
    store: Store, other: Store, clock: SetClock
) -> None:
    put(store, pane(5, totals=SourceTotals(20, 18, {"full": 2})))
    put(
        other,
        pane(7, sequence=1, totals=SourceTotals(25, 23, {"full": 2})),
        pane(5, totals=SourceTotals(20, 18, {"full": 2})),
    )
    (found,) = store.sources("m")
    assert (found.added, found.missing, found.totals.counted, found.late) == (7, 16, 23, 0)
    freeze_at(store, clock, 1000)
    put(other, pane(9, sequence=2, totals=SourceTotals(25, 23, {"full": 2})))
    (found,) = store.sources("m")
    assert (found.added, found.late, found.recent) == (9, 2, RowTally(25, 23, 9, 2))


def test_what_a_source_did_long_ago_is_not_recent(store: Store, clock: SetClock) -> None:
    clock.time = START // SPAN * SPAN
    put(store, pane(5, at=60_000, totals=SourceTotals(5, 5)))
    clock.time += SPAN
    put(store, pane(7, at=SPAN + 60_000, totals=SourceTotals(12, 12)))
    assert store.sources("m")[0].recent == RowTally(12, 12, 12)
    clock.time += SPAN
    assert store.sources("m")[0].recent == RowTally(7, 7, 7)
    put(store, pane(1, at=2 * SPAN + 60_000, totals=SourceTotals(13, 13)))
    assert store.sources("m")[0].recent == RowTally(8, 8, 8)
    clock.time += 2 * SPAN
    assert store.sources("m")[0].recent == RowTally()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_goodbye_stands_whatever_is_overtaken_on_the_way(store: Store, other: Store, order: tuple[int, int]) -> None:
    last = pane(7, sequence=1, totals=SourceTotals(7, 7))
    writes = [pane(5, totals=SourceTotals(5, 5)), replace(last, pane=replace(last.pane, final=True))]
    for place in order:
        put((store, other)[place], writes[place])
    assert store.sources("m")[0].final
    put(store, pane(9, sequence=2, totals=SourceTotals(9, 9)))
    assert not store.sources("m")[0].final


def test_who_sends_rows_owes_nothing(store: Store) -> None:
    put(store, batch(5))
    (found,) = store.sources("m")
    assert (found.final, found.added, found.missing) == (True, 5, 0)


@pytest.mark.parametrize(
    "call",
    [lambda store: store.lease("m", "a", 1), lambda store: store.heartbeat("a", 1)],
)
def test_a_closed_store_is_unavailable(store: Store, call: object) -> None:
    store.close()
    assert callable(call)
    with pytest.raises(StoreUnavailableError, match="closed"):
        call(store)


def test_a_source_that_is_not_known_here_is_asked_for_nothing_that_others_were_told(
    store: Store, other: Store, clock: SetClock
) -> None:
    first = pane(5, sequence=40, totals=SourceTotals(120, 105, {"full": 15}))
    put(store, replace(first, pane=replace(first.pane, acknowledged=100)))
    (found,) = other.sources("m")
    assert (found.missing, found.added, found.recent) == (0, 105, RowTally(5, 5, 5))
    second = pane(9, at=1000, sequence=41, totals=SourceTotals(135, 115, {"full": 20}))
    put(other, replace(second, pane=replace(second.pane, acknowledged=105)))
    (found,) = store.sources("m")
    assert (found.missing, found.added, found.recent) == (1, 114, RowTally(20, 15, 14))


def test_a_source_of_rows_that_was_forgotten_begins_anew(store: Store, clock: SetClock) -> None:
    put(store, batch(1000))
    clock.time += 2 * DAY
    put(store, batch(1, at=2 * DAY, source="another"))
    clock.time += 2 * HOUR
    put(store, batch(5, at=2 * DAY + 2 * HOUR))
    found = {each.source: each for each in store.sources("m")}["server"]
    assert (found.totals.counted, found.added, found.missing, found.recent) == (5, 5, 0, RowTally(5, 5, 5))


def test_an_older_profile_takes_over_when_it_holds_most_rows_again(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(5))
    store.register("m", "new", b"new", TIMING)
    put(store, *(pane(9, at=at, digest="new") for at in (1000, 2000, 3000)))
    freeze_at(store, clock, 4000)
    assert standing(store) == ("new", "new")
    put(other, *(pane(9, at=at) for at in (4000, 5000, 6000)))
    freeze_at(other, clock, 7000)
    assert standing(store) == ("d", "d")


def test_a_profile_that_a_server_starts_with_again_is_not_dropped(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    store.register("m", "new", b"new", TIMING)
    put(store, *(pane(9, at=at, digest="new") for at in (1000, 2000, 3000)))
    freeze_at(store, clock, 4000)
    fold_all(store)
    for day in range(1, 200, 30):
        clock.time = START + day * DAY
        store.register("m", "d", b"", TIMING, again=False)
        put(store, pane(1, digest="new", at=day * DAY, source="log", watermark=clock.time))
    assert store.digests("m") == ["d", "new"]
    assert standing(store) == ("new", "new")


def test_the_record_says_when_an_absence_ended(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    freeze_at(store, clock, 1000)
    assert store.model("m").returned == 0
    clock.time += 60_000
    store.freeze("m")
    assert store.model("m").returned == store.models()[0].returned == clock.time
