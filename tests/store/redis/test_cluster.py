"""The Redis store on a cluster: models lie on different servers, all of one model on one."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import redis

from driftmeter.errors import StoreError, StoreUnavailableError
from driftmeter.store.records import Receipt
from driftmeter.store.redis.store import RedisStore
from tests.store.samples import TIMING, batch, closed, fold_all, freeze_at, pane, put
from tests.support.clocks import SetClock
from tests.support.redis_cluster import RedisClusterServers
from tests.support.waiting import eventually

ODD_NAMES = ("m", "a{b}c", "}{", "{}", "two words", "100%", "modèle 数", "x" * 200, "a:b", "*")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisClusterServers]:
    with RedisClusterServers(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def store(cluster: RedisClusterServers, clock: SetClock) -> Iterator[RedisStore]:
    for node in cluster.nodes:
        assert node.ask("FLUSHALL") == "OK"
    with closing(RedisStore(cluster.url, clock=clock)) as store:
        yield store


def keys_by_node(cluster: RedisClusterServers, holds: Callable[[str], bool]) -> list[set[str]]:
    keys = []
    for node in cluster.nodes:
        with closing(redis.Redis.from_url(node.url)) as client:
            keys.append({key.decode() for key in client.scan_iter(count=1000) if holds(key.decode())})
    return keys


def test_models_lie_on_different_servers_and_all_that_is_done_with_them_works(
    cluster: RedisClusterServers, store: RedisStore, clock: SetClock
) -> None:
    for name in ODD_NAMES:
        store.register(name, "d", b"{}", TIMING)
    assert [record.model for record in store.models()] == sorted(ODD_NAMES)
    writes = [write for name in ODD_NAMES for write in (pane(1, model=name), batch(2, model=name, key="k"))]
    assert all(isinstance(receipt, Receipt) for receipt in store.commit(writes))
    with closing(RedisStore(cluster.url, clock=clock)) as other:
        answers = other.commit(writes)
        assert all(isinstance(receipt, Receipt) and receipt.duplicate for receipt in answers)
    clock.now += TIMING.lateness
    for name in ODD_NAMES:
        store.freeze(name)
    freeze_at(store, clock, 1000)
    for name in ODD_NAMES:
        store.freeze(name)
        assert store.unfolded(name, "d") == [closed(3)]
        assert [source.added for source in store.sources(name)] == [1, 2]
    assert fold_all(store) == [closed(3)]
    nodes = keys_by_node(cluster, lambda key: "{" in key)
    assert all(nodes)
    tags = [{key.partition("}")[0] for key in keys} for keys in nodes]
    assert not tags[0] & tags[1] | tags[1] & tags[2] | tags[0] & tags[2]
    for name in ODD_NAMES:
        store.delete(name)
    assert store.models() == []
    assert keys_by_node(cluster, lambda key: "{" in key) == [set(), set(), set()]


def test_only_the_models_of_a_server_that_is_away_are_unavailable_at_first(
    cluster: RedisClusterServers, store: RedisStore, clock: SetClock
) -> None:
    names = {"here": "b", "there": "c", "gone": "d"}
    for name in names.values():
        store.register(name, "d", b"{}", TIMING)
        put(store, batch(1, model=name))
    assert [len(keys) > 0 for keys in keys_by_node(cluster, lambda key: "{d}" in key)] == [False, False, True]
    cluster.nodes[2].stop(signal.SIGKILL)
    gone, here = store.commit([batch(2, model="d", key="k"), batch(2, model="b", key="k")])
    assert isinstance(gone, StoreUnavailableError)
    assert isinstance(here, Receipt)
    assert not here.duplicate
    with pytest.raises(StoreUnavailableError):
        store.freeze("d")
    cluster.nodes[2].start()
    cluster.wait()
    again, here = store.commit([batch(2, model="d", key="k"), batch(2, model="b", key="k")])
    assert isinstance(again, Receipt)
    assert not again.duplicate
    assert isinstance(here, Receipt)
    assert here.duplicate
    assert {name: store.sources(name)[0].added for name in names.values()} == {"b": 3, "c": 1, "d": 3}


def test_an_address_that_leaves_out_that_it_is_a_cluster_is_refused_with_what_to_add(
    cluster: RedisClusterServers, store: RedisStore
) -> None:
    store.register("b", "d", b"{}", TIMING)
    with closing(RedisStore(cluster.nodes[1].url)) as careless, pytest.raises(StoreError, match=r"\?cluster=true"):
        careless.register("b", "d", b"{}", TIMING)


def test_no_server_of_the_cluster_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError):
        RedisStore("redis://127.0.0.1:1/0?cluster=true")


def test_a_store_that_is_closed_leaves_no_connections(cluster: RedisClusterServers, clock: SetClock) -> None:
    with ExitStack() as admins:
        nodes = [admins.enter_context(closing(redis.Redis.from_url(node.url))) for node in cluster.nodes]

        def connected() -> list[int]:
            return [sum(connection["name"] == "driftmeter" for connection in node.client_list()) for node in nodes]

        store = RedisStore(f"{cluster.url}&client_name=driftmeter", clock=clock)
        store.models()
        assert sum(connected())
        store.close()
        eventually(lambda: connected() == [0, 0, 0], "no connection is left")
