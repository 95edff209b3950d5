"""`?replicas=N`: what was acknowledged is there after a failover, whichever process had written it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import redis
from redis.crc import key_slot

from driftmeter.errors import StoreUnavailableError
from driftmeter.store.records import Fold, Progress, Receipt, Write
from driftmeter.store.redis.store import RedisStore
from tests.store.lossy import LossyProxy
from tests.store.samples import START, TIMING, batch, closed, freeze_at, pane, put
from tests.support.clocks import SetClock
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually


@pytest.fixture
def master(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "master", "--repl-diskless-sync-delay", "0") as master:
        yield master
        master.stop(signal.SIGKILL)  # one that has just become a replica does not end gently


@pytest.fixture
def link(master: RedisServer) -> Iterator[LossyProxy]:
    """The proxy by which the replica reaches the master."""
    with LossyProxy(master.port) as link:
        yield link


@pytest.fixture
def replica(tmp_path: Path, master: RedisServer, link: LossyProxy) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "replica", "--replicaof", "127.0.0.1", str(link.port)) as replica:
        eventually(lambda: master.ask("WAIT 1 100") == "1", "the replica has everything")
        yield replica
        replica.stop(signal.SIGKILL)


@pytest.fixture
def store(master: RedisServer, replica: RedisServer, clock: SetClock) -> Iterator[RedisStore]:
    with closing(RedisStore(f"{master.url}?replicas=1", clock=clock)) as store:
        store.register("m", "d", b"{}", TIMING)
        yield store


@pytest.fixture
def other(master: RedisServer, store: RedisStore, clock: SetClock) -> Iterator[RedisStore]:
    with closing(RedisStore(f"{master.url}?replicas=1", clock=clock)) as other:
        yield other


def test_what_was_acknowledged_is_there_when_the_replica_takes_over(
    store: RedisStore, master: RedisServer, replica: RedisServer, clock: SetClock
) -> None:
    put(store, *(batch(1, key=f"k{number}") for number in range(50)), pane(7, sequence=3))
    master.stop(signal.SIGKILL)
    with pytest.raises(StoreUnavailableError):
        store.commit([batch(1, key="k50")])
    assert replica.ask("REPLICAOF NO ONE") == "OK"
    with closing(RedisStore(replica.url, clock=clock)) as new:
        again = put(new, batch(1, key="k49"), batch(1, key="k50"), pane(7, sequence=3))
        assert again == [Receipt(duplicate=True), Receipt(), Receipt(duplicate=True)]
        freeze_at(new, clock, 1000)
        assert new.unfolded("m", "d") == [closed(50 + 1 + 7)]
        assert {source.source: source.totals.observed for source in new.sources("m")} == {"server": 51, "s": 0}


def test_what_no_replica_has_is_not_acknowledged_however_often_it_is_tried(
    store: RedisStore, other: RedisStore, replica: RedisServer, clock: SetClock
) -> None:
    put(store, batch(1, key="before"))
    put(other, batch(1, key="before"))
    replica._process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
    try:
        for opened in (store, other):  # to the second it is a duplicate, but no less in danger
            began = time.monotonic()
            with pytest.raises(StoreUnavailableError, match="0 of 1 replicas"):
                opened.commit([batch(3, key="k")])
            assert time.monotonic() - began < 5
        assert store.model("m").digest == "d"
    finally:
        replica._process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]
    assert put(other, batch(3, key="k")) == [Receipt(duplicate=True)]
    assert put(store, batch(4)) == [Receipt()]
    freeze_at(store, clock, 1000)
    assert store.unfolded("m", "d") == [closed(8)]


@pytest.mark.parametrize("silently", [True, False])
def test_nothing_that_a_cut_link_holds_back_is_acknowledged_and_what_was_acknowledged_outlives_a_failover(
    store: RedisStore,
    other: RedisStore,
    master: RedisServer,
    replica: RedisServer,
    link: LossyProxy,
    clock: SetClock,
    silently: bool,
) -> None:
    first: list[Write] = [batch(3, key="k"), pane(5, sequence=1)]
    second: list[Write] = [batch(7, key="l"), pane(11, sequence=2)]
    for opened in (store, other):  # both know the model, and have connections that wrote before
        put(opened, batch(1, key="before"))
    link.cut(silently=silently)
    for opened, writes in ((store, first), (other, first[:1])):
        with pytest.raises(StoreUnavailableError, match="0 of 1 replicas"):
            opened.commit(writes)
    link.heal()
    eventually(lambda: master.ask("WAIT 1 100") == "1", "the replica has everything")
    assert put(other, *first) == [Receipt(duplicate=True)] * 2
    link.cut(silently=silently)
    with pytest.raises(StoreUnavailableError, match="0 of 1 replicas"):
        store.commit(second)
    master.stop(signal.SIGKILL)
    assert replica.ask("REPLICAOF NO ONE") == "OK"
    with closing(RedisStore(replica.url, clock=clock)) as new:
        assert put(new, *first) == [Receipt(duplicate=True)] * 2
        assert put(new, *second) == [Receipt()] * 2  # what was not acknowledged comes again
        freeze_at(new, clock, 1000)
        assert new.unfolded("m", "d") == [closed(1 + 3 + 7 + 11)]


FOUND_DONE: dict[str, Callable[[RedisStore, str], object]] = {
    "batch": lambda store, model: store.commit([batch(1, key="k", model=model)]),
    "pane": lambda store, model: store.commit([pane(1, model=model)]),
    "profile": lambda store, model: store.register(model, "d", b"{}", TIMING),
    "settings": lambda store, model: store.configure(model, b"settings"),
    "no settings": lambda store, model: store.configure(model, None),
    "incident": lambda store, model: store.acknowledge(model, "1", START, "seen"),
    "mark": lambda store, model: store.expect(model, "f", START, START + 1000),
    "no mark": lambda store, model: store.expect(model, "f", START, START),
    "notice": lambda store, model: store.notified(model, "n"),
    "lease": lambda store, model: store.lease(model, "owner", 1000),
    "presence": lambda store, model: store.heartbeat("owner", 1000),
    "deletion": lambda store, model: store.delete(model),
    "fold": lambda store, model: store.fold(model, "d", 0, Fold(Progress(START + 1000), b"", START + 1000)),
    "nothing": lambda store, model: store.ping(),
}
"""Calls that may find everything as it should be, and then have nothing to write."""


def test_a_write_that_was_made_but_that_no_replica_has_is_not_acknowledged_to_another_caller(
    store: RedisStore, other: RedisStore, link: LossyProxy
) -> None:
    for name in FOUND_DONE:
        store.register(name, "d", b"{}", TIMING)
    put(other, batch(1))
    link.cut(silently=True)
    for opened in (store, other):
        with ThreadPoolExecutor(len(FOUND_DONE)) as pool:
            asked = {name: pool.submit(call, opened, name) for name, call in FOUND_DONE.items()}
            told = {name: type(one.exception() or one.result()).__name__ for name, one in asked.items()}
        # a deletion that is in the way of another one raises the same error
        assert told == dict.fromkeys(told, "StoreUnavailableError")


def test_a_model_whose_name_no_replica_has_is_not_registered(
    store: RedisStore, other: RedisStore, link: LossyProxy, master: RedisServer, replica: RedisServer
) -> None:
    link.cut(silently=True)
    for opened in (store, other):
        with pytest.raises(StoreUnavailableError, match="0 of 1 replicas"):
            opened.register("new", "d", b"{}", TIMING)
    link.heal()
    other.register("new", "d", b"{}", TIMING)
    master.stop(signal.SIGKILL)
    assert replica.ask("REPLICAOF NO ONE") == "OK"
    with closing(RedisStore(replica.url)) as promoted:
        assert [record.model for record in promoted.models()] == ["m", "new"]


def test_what_is_written_to_be_waited_for_goes_by_itself(store: RedisStore, master: RedisServer) -> None:
    put(store, batch(1))
    store.heartbeat("owner", 1000)
    with closing(redis.Redis.from_url(master.url)) as client:
        keys = [key.decode() for key in client.scan_iter("*waited")]
        tags = ("m", "driftmeter:replicas", "driftmeter:models")
        assert set(keys) <= {f"driftmeter:{{{tag}}}:waited" for tag in tags}
        assert all(client.pttl(key) < 1001 for key in keys)
        for key in ("models", "replicas", "ping"):
            name = f"driftmeter:{key}"
            assert key_slot(store._session.connection._waited(name).encode()) == key_slot(name.encode())
        eventually(lambda: not list(client.scan_iter("*waited")), "the keys go")


def test_a_master_that_has_become_a_replica_is_unavailable_until_it_is_one_again(
    store: RedisStore, master: RedisServer, replica: RedisServer, clock: SetClock
) -> None:
    with closing(RedisStore(master.url, clock=clock)) as careless:
        put(careless, batch(2))
        assert replica.ask("REPLICAOF NO ONE") == "OK"
        assert master.ask(f"REPLICAOF 127.0.0.1 {replica.port}") == "OK"
        eventually(lambda: replica.ask("WAIT 1 100") == "1", "the former master has everything")
        clock.now += 1000
        for opened in (store, careless):
            with pytest.raises(StoreUnavailableError):
                opened.commit([batch(1)])
            with pytest.raises(StoreUnavailableError):
                opened.freeze("m")
            with pytest.raises(StoreUnavailableError):
                opened.ping()
        assert careless.model("m").digest == "d"
        assert master.ask("REPLICAOF NO ONE") == "OK"
        assert put(careless, batch(4)) == [Receipt()]
        freeze_at(careless, clock, 1000)
        assert careless.unfolded("m", "d") == [closed(6)]


def test_a_server_without_memory_left_lets_a_model_be_deleted(
    store: RedisStore, other: RedisStore, master: RedisServer
) -> None:
    put(store, batch(1, key="k"))
    master.ask("CONFIG SET maxmemory 1")
    with pytest.raises(StoreUnavailableError, match="full"):
        put(other, batch(1, key="k"))
    store.delete("m")
    assert store.models() == []
    with closing(redis.Redis.from_url(master.url)) as client:
        assert not list(client.scan_iter("driftmeter:{m}:meta*"))
