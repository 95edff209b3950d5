"""What `?replicas=N` holds: what was acknowledged is there after a failover."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from driftmeter.errors import StoreUnavailableError
from driftmeter.store.protocol import Receipt
from driftmeter.store.redis import RedisStore
from redis_server import RedisServer
from store.samples import TIMING, SetClock, batch, closed, freeze_at, pane, put


@pytest.fixture
def master(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "master", "--repl-diskless-sync-delay", "0") as master:
        yield master
        master.stop(signal.SIGKILL)  # one that has just become a replica does not end gently


@pytest.fixture
def replica(tmp_path: Path, master: RedisServer) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "replica", "--replicaof", "127.0.0.1", str(master.port)) as replica:
        until(lambda: master.ask("WAIT 1 100") == "1")
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


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


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
        assert {each.source: each.totals.observed for each in new.sources("m")} == {"server": 51, "s": 0}


def test_what_no_replica_has_is_not_acknowledged_however_often_it_is_tried(
    store: RedisStore, other: RedisStore, replica: RedisServer, clock: SetClock
) -> None:
    put(store, batch(1, key="before"))
    put(other, batch(1, key="before"))
    replica._process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
    try:
        for each in (store, other):  # to the second it is a duplicate, but no less in danger
            began = time.monotonic()
            with pytest.raises(StoreUnavailableError, match="0 of 1 replicas"):
                each.commit([batch(3, key="k")])
            assert time.monotonic() - began < 5
        assert store.model("m").digest == "d"
    finally:
        replica._process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]
    assert put(other, batch(3, key="k")) == [Receipt(duplicate=True)]
    assert put(store, batch(4)) == [Receipt()]
    freeze_at(store, clock, 1000)
    assert store.unfolded("m", "d") == [closed(8)]


def test_a_master_that_has_become_a_replica_is_unavailable_until_it_is_one_again(
    store: RedisStore, master: RedisServer, replica: RedisServer, clock: SetClock
) -> None:
    with closing(RedisStore(master.url, clock=clock)) as careless:
        put(careless, batch(2))
        assert replica.ask("REPLICAOF NO ONE") == "OK"
        assert master.ask(f"REPLICAOF 127.0.0.1 {replica.port}") == "OK"
        until(lambda: replica.ask("WAIT 1 100") == "1")
        clock.time += 1000
        for each in (store, careless):
            with pytest.raises(StoreUnavailableError):
                each.commit([batch(1)])
            with pytest.raises(StoreUnavailableError):
                each.freeze("m")
            with pytest.raises(StoreUnavailableError):
                each.ping()
        assert careless.model("m").digest == "d"
        assert master.ask("REPLICAOF NO ONE") == "OK"
        assert put(careless, batch(4)) == [Receipt()]
        freeze_at(careless, clock, 1000)
        assert careless.unfolded("m", "d") == [closed(6)]
