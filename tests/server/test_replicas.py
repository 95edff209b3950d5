"""Two metric servers on one store: what one has taken the other knows."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from driftmeter.engine.engine import Engine
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.store import Store
from driftmeter.store.redis.store import RedisStore
from driftmeter.store.sqlite.store import SQLiteStore
from tests.server.harness import NOW, Client, running
from tests.server.samples import problem_of
from tests.store.lossy import LossyProxy
from tests.support.clocks import SetClock
from tests.support.redis_server import RedisServer, shared_server
from tests.support.waiting import eventually

ROWS = {"rows": [{"amount": 1.0}, {"amount": 2.0}]}
KEY = {"Idempotency-Key": "batch-17"}


def open_one(name: str, path: Path, clock: SetClock) -> Store:
    if name == "redis":
        return RedisStore(shared_server().url, clock=clock)
    return SQLiteStore(path / "store.sqlite", clock=clock)


@pytest.fixture(params=["sqlite", "redis"])
def both(request: pytest.FixtureRequest, tmp_path: Path, profile: Profile) -> Iterator[tuple[Client, Client, SetClock]]:
    clock = SetClock(NOW)
    if request.param == "redis":
        shared_server().ask("FLUSHALL")
    stores = [open_one(request.param, tmp_path, clock) for _ in range(2)]
    engines = [Engine(store, timing=Timing(1_000, 0)) for store in stores]
    engines[0].register(profile)
    with running(engines[0]) as one, running(engines[1]) as other:
        yield one, other, clock
    for store in stores:
        store.close()


def test_a_batch_that_is_sent_again_through_another_server_counts_once(both: tuple[Client, Client, SetClock]) -> None:
    one, other, clock = both
    answers = [client.rows(ROWS, headers=KEY).json() for client in (one, other, one)]
    assert [answer["duplicate"] for answer in answers] == [False, True, True]
    other.rows(ROWS)
    one.pass_time(clock, 2_000)
    assert one.get("/v1/models/shop/verdict").json()["rows"] == 4
    assert one.get("/v1/models/shop/verdict").content == other.get("/v1/models/shop/verdict").content


def test_a_key_that_stood_for_another_batch_is_refused_by_every_server(both: tuple[Client, Client, SetClock]) -> None:
    one, other, _ = both
    one.rows(ROWS, headers=KEY)
    assert other.rows({"rows": [{"amount": 3.0}]}, headers=KEY).status_code == 422


def test_one_server_folds_and_both_show_it(both: tuple[Client, Client, SetClock]) -> None:
    one, other, clock = both
    one.rows(ROWS)
    one.pass_time(clock, 2_000)
    shown = [{'{model="shop"}': 2.0}] * 2
    eventually(
        lambda: [client.metric("driftmeter_window_rows") for client in (one, other)] == shown, "both servers show it"
    )


def test_a_batch_that_no_replica_of_redis_has_is_a_503_to_every_server_until_it_has_and_outlives_a_failover(
    tmp_path: Path, profile: Profile
) -> None:
    with (
        RedisServer(tmp_path / "master", "--repl-diskless-sync-delay", "0") as master,
        LossyProxy(master.port) as link,
        RedisServer(tmp_path / "replica", "--replicaof", "127.0.0.1", str(link.port)) as replica,
        ExitStack() as ends,
    ):
        for redis in (master, replica):  # one that looks for its master does not end gently
            ends.callback(redis.stop, signal.SIGKILL)
        eventually(lambda: master.ask("WAIT 1 100") == "1", "the replica follows")
        clock = SetClock(NOW)

        def server(url: str) -> Client:
            store = ends.enter_context(closing(RedisStore(url, clock=clock)))
            engine = Engine(store, timing=Timing(1_000, 0))
            engine.register(profile)
            return ends.enter_context(running(engine))

        one, other = (server(f"{master.url}?replicas=1") for _ in range(2))
        for client in (one, other):
            assert client.rows(ROWS, headers={"Idempotency-Key": "before"}).status_code == 200
        link.cut(silently=True)
        for client in (one, other):
            problem_of(client.rows(ROWS, headers=KEY), 503, "unavailable")
        link.heal()
        eventually(lambda: other.rows(ROWS, headers=KEY).status_code == 200, "the replica is back")
        master.stop(signal.SIGKILL)
        assert replica.ask("REPLICAOF NO ONE") == "OK"
        survivor = server(replica.url)
        again = [survivor.rows(ROWS, headers={"Idempotency-Key": key}).json() for key in ("before", "batch-17")]
        assert [answer["duplicate"] for answer in again] == [True, True]
