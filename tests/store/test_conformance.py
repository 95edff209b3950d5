"""What every store does, whatever it is made of."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from driftmeter.errors import StoreUnavailableError
from driftmeter.store.protocol import Store
from driftmeter.store.records import Fold, Progress
from tests.store.samples import (
    EVERYTHING,
    START,
    TIMING,
    assert_empty,
    batch,
    closed,
    frozen_slices,
    pane,
    put,
)
from tests.support.clocks import SetClock


def test_a_ping_leaves_nothing_behind(store: Store) -> None:
    for _ in range(3):
        store.ping()
    assert_empty(store)


def test_only_the_first_acknowledgement_of_an_incident_is_kept(store: Store, other: Store) -> None:
    store.acknowledge("m", "17", START, "on it")
    other.acknowledge("m", "17", START + 5, "me too")
    other.acknowledge("m", "18", START, "")
    assert store.acknowledged("m") == {"17": (START, "on it"), "18": (START, "")}


def test_the_stores_time_is_its_clocks(store: Store, clock: SetClock) -> None:
    clock.now += 5
    assert store.now() == START + 5


CALLS: dict[str, Callable[[Store], Any]] = {
    "register": lambda store: store.register("m", "d", b"", TIMING),
    "configure": lambda store: store.configure("m", b"{}"),
    "now": lambda store: store.now(),
    "ping": lambda store: store.ping(),
    "pending": lambda store: store.pending("m"),
    "models": lambda store: store.models(),
    "model": lambda store: store.model("m"),
    "digests": lambda store: store.digests("m"),
    "profile": lambda store: store.profile("m", "d"),
    "delete": lambda store: store.delete("m"),
    "commit": lambda store: store.commit([pane(1)]),
    "freeze": lambda store: store.freeze("m"),
    "progress": lambda store: store.progress("m", "d"),
    "unfolded": lambda store: store.unfolded("m", "d"),
    "recent": lambda store: store.recent("m", "d", START, EVERYTHING),
    "slice_rows": lambda store: store.slice_rows("m", "d", 0, START),
    "fold": lambda store: store.fold("m", "d", 0, Fold(Progress(), b"", 0)),
    "verdict": lambda store: store.verdict("m", "d"),
    "history": lambda store: store.history("m", "d", 0, START),
    "history_heads": lambda store: store.history_heads("m", "d", 0, START, 64),
    "sources": lambda store: store.sources("m"),
    "acknowledge": lambda store: store.acknowledge("m", "1", 0, ""),
    "acknowledged": lambda store: store.acknowledged("m"),
    "expect": lambda store: store.expect("m", None, 0, START),
    "expected": lambda store: store.expected("m"),
    "notified": lambda store: store.notified("m", "key"),
    "lease": lambda store: store.lease("m", "a", 1),
    "heartbeat": lambda store: store.heartbeat("a", 1),
}


def test_the_calls_tried_are_all_that_a_store_has() -> None:
    methods = {name for name in vars(Store) if not name.startswith("_")} - {"close"}
    assert set(CALLS) == methods, "CALLS has a call of every method of Store but close"


@pytest.mark.parametrize("call", sorted(CALLS.keys() - {"now"}))
def test_a_closed_store_is_unavailable(store: Store, call: str) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreUnavailableError, match="closed"):
        CALLS[call](store)


def test_a_closed_store_that_knows_the_time_still_tells_it(store: Store) -> None:
    store.close()
    assert CALLS["now"](store) == START


def test_a_store_that_was_read_before_is_unavailable_in_every_thread_once_closed(store: Store) -> None:
    store.models()
    store.close()
    answers: list[str] = []

    def ask() -> None:
        try:
            store.models()
        except StoreUnavailableError as error:
            answers.append(str(error))

    for _ in range(2):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert answers == ["the store is closed"] * 2


def test_many_threads_may_write_and_read_at_once(store: Store, other: Store, clock: SetClock) -> None:
    wrong: list[BaseException] = []

    def work(mine: int) -> None:
        try:
            for index in range(20):
                opened = (store, other)[(mine + index) % 2]
                put(opened, batch(1, source=f"thread {mine}", key=f"{mine}.{index}"))
                opened.models()
                opened.unfolded("m", "d")
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert frozen_slices(store, clock) == [closed(120)]
