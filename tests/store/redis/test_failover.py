"""`?replicas=N` when a cluster, or Sentinel, promotes a replica: what was acknowledged is there."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.sentinel import Sentinel

from driftmeter.errors import StoreUnavailableError
from driftmeter.store.records import Receipt
from driftmeter.store.redis.store import RedisStore
from tests.store.retry import until_available
from tests.store.samples import TIMING, batch, closed, freeze_at, pane, put
from tests.support.clocks import SetClock
from tests.support.ports import free_port
from tests.support.redis_cluster import BUS
from tests.support.redis_server import RedisServer, program
from tests.support.waiting import eventually


def ask(client: Any, *command: str | int) -> Any:
    """Send a command that redis-py has no types for."""
    return client.execute_command(*command)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[RedisServer, RedisServer]]:
    """A cluster of one server and its replica."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0")
    with (
        RedisServer(tmp_path / "master", *options, port=free_port(BUS)) as master,
        RedisServer(tmp_path / "replica", *options, port=free_port(BUS)) as replica,
    ):
        with closing(redis.Redis.from_url(master.url)) as one, closing(redis.Redis.from_url(replica.url)) as other:
            ask(one, "CLUSTER ADDSLOTS", *range(16384))
            name = ask(one, "CLUSTER MYID").decode()
            ask(one, "CLUSTER MEET", "127.0.0.1", replica.port)
            eventually(lambda: name in str(ask(other, "CLUSTER NODES")), "the servers know each other")
            ask(other, "CLUSTER REPLICATE", name)
            eventually(lambda: master.ask("GET a") == "-1" and replica.ask("GET a").startswith("-MOVED"), "a cluster")
            # a replica is only told of once it has got something, and by the master some seconds later
            one.set("b", "")
            eventually(lambda: str(replica.port) in str(ask(other, "CLUSTER SLOTS")), "the replica is known")
        yield master, replica
        master.stop(signal.SIGKILL)
        replica.stop(signal.SIGKILL)


def test_what_was_acknowledged_is_there_when_a_replica_of_the_cluster_takes_over(
    pair: tuple[RedisServer, RedisServer], clock: SetClock
) -> None:
    master, replica = pair
    url = f"{replica.url}?cluster=true&replicas=1"
    with closing(RedisStore(url, clock=clock)) as store, closing(RedisStore(url, clock=clock)) as other:
        store.register("m", "d", b"{}", TIMING)
        for opened in (store, other):
            put(opened, batch(1, key="before"))
        replica._process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
        for opened in (store, other):
            with pytest.raises(StoreUnavailableError, match="0 of 1 replicas"):
                opened.commit([batch(3, key="k")])
        replica._process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]
        assert put(other, batch(3, key="k")) == [Receipt(duplicate=True)]
        put(store, pane(5))
        master.stop(signal.SIGKILL)
        assert replica.ask("CLUSTER FAILOVER TAKEOVER") == "OK"
        eventually(lambda: replica.ask("GET a") == "-1", "the replica takes over")
        for opened in (store, other):  # they find the new master by themselves
            with suppress(StoreUnavailableError):
                opened.commit([batch(1)])
            with pytest.raises(StoreUnavailableError, match="0 of 1 replicas"):
                opened.commit([batch(1)])
    with closing(RedisStore(f"{replica.url}?cluster=true", clock=clock)) as new:
        assert [record.model for record in new.models()] == ["m"]
        assert put(new, batch(3, key="k"), pane(5)) == [Receipt(duplicate=True)] * 2
        freeze_at(new, clock, 1000)
        # rows without a key that were not acknowledged may be there all the same
        (slice_,) = new.unfolded("m", "d")
        assert slice_ in (closed(1 + 3 + 5 + repeated) for repeated in range(5))


@contextmanager
def watched(directory: Path, master: RedisServer) -> Iterator[str]:
    """Run a Sentinel that takes a master for dead after half a second; yields the address of the store."""
    port = free_port()
    settings = (
        *(f"port {port}", "bind 127.0.0.1", f"dir {directory}"),
        f"sentinel monitor mymaster 127.0.0.1 {master.port} 1",
        *("sentinel down-after-milliseconds mymaster 500", "sentinel failover-timeout mymaster 5000"),
    )
    directory.mkdir()
    (directory / "sentinel.conf").write_text("\n".join(settings) + "\n")
    command = [program(), str(directory / "sentinel.conf"), "--sentinel", "--logfile", str(directory / "sentinel.log")]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        asked: Any = Sentinel([("127.0.0.1", port)])  # type: ignore[no-untyped-call] # redis-py has no types for it
        eventually(lambda: len(asked.discover_slaves("mymaster")) == 1, "Sentinel knows the replica")
        asked.sentinels[0].close()
        yield f"redis+sentinel://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait(20)


def test_what_was_acknowledged_is_there_when_sentinel_has_a_replica_take_over(tmp_path: Path, clock: SetClock) -> None:
    with (
        RedisServer(tmp_path / "master", "--repl-diskless-sync-delay", "0") as master,
        RedisServer(tmp_path / "replica", "--replicaof", "127.0.0.1", str(master.port)) as replica,
        ExitStack() as ends,
    ):
        for server in (master, replica):  # one that looks for its master does not end gently
            ends.callback(server.stop, signal.SIGKILL)
        eventually(lambda: master.ask("WAIT 1 100") == "1", "the replica has everything")
        url = ends.enter_context(watched(tmp_path / "sentinel", master))
        store = ends.enter_context(closing(RedisStore(f"{url}?replicas=1", clock=clock)))
        careless = ends.enter_context(closing(RedisStore(url, clock=clock)))
        store.register("m", "d", b"{}", TIMING)
        put(store, *(batch(1, key=f"k{number}") for number in range(20)), pane(5))
        master.stop(signal.SIGKILL)
        with pytest.raises(StoreUnavailableError):
            store.commit([batch(1, key="k20")])
        told = until_available(lambda: put(careless, batch(1, key="k19"), batch(1, key="k20"), pane(5)))
        assert told == [Receipt(duplicate=True), Receipt(), Receipt(duplicate=True)]
        with pytest.raises(StoreUnavailableError, match="0 of 1 replicas"):
            store.commit([batch(1, key="k20")])
        freeze_at(careless, clock, 1000)
        assert careless.unfolded("m", "d") == [closed(20 + 1 + 5)]
