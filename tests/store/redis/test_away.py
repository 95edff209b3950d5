"""What the Redis store does while its server is away, and after: nothing acknowledged is lost, nothing counts twice."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from driftmeter.errors import StoreUnavailableError
from driftmeter.panes.totals import SourceTotals
from driftmeter.store.protocol import Store
from driftmeter.store.records import Fold, Progress, Receipt, Write
from driftmeter.store.redis.store import RedisStore
from tests.store.lossy import LossyProxy
from tests.store.retry import until_available
from tests.store.samples import START, TIMING, batch, closed, fate, fold_all, freeze_at, pane, put
from tests.support.clocks import SetClock
from tests.support.redis_server import RedisServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis", "--repl-diskless-sync-delay", "0") as server:
        yield server


@pytest.fixture
def store(server: RedisServer, clock: SetClock) -> Iterator[RedisStore]:
    with closing(RedisStore(server.url, clock=clock)) as store:
        store.register("m", "d", b"{}", TIMING)
        yield store


@pytest.fixture
def other(server: RedisServer, clock: SetClock, store: RedisStore) -> Iterator[RedisStore]:
    with closing(RedisStore(server.url, clock=clock)) as other:
        yield other


@pytest.fixture
def proxy(server: RedisServer) -> Iterator[LossyProxy]:
    with LossyProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def beyond(proxy: LossyProxy, clock: SetClock, store: RedisStore) -> Iterator[RedisStore]:
    """A store object that reaches the server of `store` through the proxy."""
    with closing(RedisStore(proxy.url, clock=clock)) as beyond:
        assert beyond.model("m").digest == "d"  # connected
        yield beyond


def rows_in_slices(store: Store) -> int:
    return sum(slice_.summary.rows for slice_ in store.unfolded("m", "d"))


class Client(threading.Thread):
    """Sends keyed batches and panes of its own until told to stop, each until it is acknowledged."""

    def __init__(self, store: Store, name: str) -> None:
        super().__init__(daemon=True)
        self._store, self._name = store, name
        self._over = threading.Event()
        self.batches = self.in_pane = 0
        self.failed: BaseException | None = None

    def run(self) -> None:
        try:
            for number in itertools.count(1):
                if self._over.is_set():
                    return
                put_pane = pane(number, source=self._name, sequence=number, totals=SourceTotals(number, number))
                writes: list[Write] = [batch(2, at=number % 3 * 1000, key=f"{self._name} {number}"), put_pane]
                # now together, now one by one
                for commit in [writes] if number % 2 else [[write] for write in writes]:
                    answers = until_available(lambda commit=commit: self._store.commit(commit))  # type: ignore[misc]
                    assert all(isinstance(answer, Receipt) and not answer.late for answer in answers), answers
                self.batches, self.in_pane = 2 * number, number
        except BaseException as error:
            self.failed = error

    def end(self) -> None:
        self._over.set()
        self.join(60)
        assert self.failed is None
        assert not self.is_alive()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_all_that_was_acknowledged_counts_once_when_the_server_ends_and_starts_again(
    server: RedisServer, store: RedisStore, other: RedisStore, clock: SetClock, how: signal.Signals
) -> None:
    clients = [Client(opened, f"c{number}") for number, opened in enumerate((store, store, other))]
    for client in clients:
        client.start()
    for _ in range(3):
        time.sleep(0.2)
        server.stop(how)
        time.sleep(0.05)
        server.start()
    time.sleep(0.2)
    for client in clients:
        client.end()
    sent = sum(client.batches for client in clients)
    panes = {f"c{number}": client.in_pane for number, client in enumerate(clients)}
    assert min(panes.values()) > 5
    freeze_at(store, clock, 3000)
    assert rows_in_slices(store) == sent + sum(panes.values())
    accounts = {source.source: (source.totals.observed, source.added, source.late) for source in other.sources("m")}
    assert accounts == {"server": (sent, sent, 0), **{name: (rows, rows, 0) for name, rows in panes.items()}}


def test_everything_is_there_after_a_kill(server: RedisServer, store: RedisStore, clock: SetClock) -> None:
    store.configure("m", b"settings")
    put(store, pane(1), pane(2, at=1000), batch(4, at=2000, key="k"))
    freeze_at(store, clock, 1000)
    fold_all(store)
    freeze_at(store, clock, 2000)
    store.acknowledge("m", "1", START, "seen")
    store.expect("m", "f", START, START + 1000, "sale")
    assert store.notified("m", "n")
    before = (store.models(), store.sources("m"), store.expected("m"), store.digests("m"), store.progress("m", "d"))
    server.stop(signal.SIGKILL)
    server.start()
    with closing(RedisStore(server.url, clock=clock)) as new:
        assert (new.models(), new.sources("m"), new.expected("m"), new.digests("m"), new.progress("m", "d")) == before
        assert new.profile("m", "d") == b"{}"
        assert new.verdict("m", "d") == b"verdict %d" % (START + 1000)
        assert new.unfolded("m", "d") == [closed(2, 1000)]
        assert new.acknowledged("m") == {"1": (START, "seen")}
        assert not new.notified("m", "n")
        assert put(new, batch(4, at=2000, key="k"), pane(1)) == [Receipt(duplicate=True)] * 2
        freeze_at(new, clock, 3000)
        assert new.unfolded("m", "d") == [closed(2, 1000), closed(4, 2000)]


CALLS: dict[str, Callable[[Store], object]] = {
    "commit": lambda store: store.commit([pane(1, source="away"), batch(1, key="away"), pane(1, model="other")]),
    "freeze": lambda store: store.freeze("m"),
    "register": lambda store: store.register("m", "d", b"{}", TIMING),
    "models": lambda store: store.models(),
    "unfolded": lambda store: store.unfolded("m", "d"),
    "ping": lambda store: store.ping(),
    "delete": lambda store: store.delete("m"),
}


def test_while_the_server_is_away_every_call_fails_at_once_and_works_again_afterwards(
    server: RedisServer, store: RedisStore, clock: SetClock
) -> None:
    put(store, pane(1))
    server.stop(signal.SIGKILL)
    for name, call in CALLS.items():
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError, match=f"127.0.0.1:{server.port}"):
            call(store)
        assert time.monotonic() - began < 2, name  # well before it would be given up
    server.start()
    assert put(store, pane(2, sequence=1), batch(3, key="away")) == [Receipt()] * 2
    freeze_at(store, clock, 1000)
    assert store.unfolded("m", "d") == [closed(5)]


def test_a_server_that_hangs_is_unavailable_in_time_and_works_again_afterwards(
    server: RedisServer, store: RedisStore, clock: SetClock
) -> None:
    put(store, pane(1))
    server._process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
    began = time.monotonic()
    try:
        with ThreadPoolExecutor(len(CALLS)) as pool:
            # all but the deletion, which the server would make when it goes on
            waiting = {name: pool.submit(call, store) for name, call in CALLS.items() if name != "delete"}
            errors = {name: call.exception() for name, call in waiting.items()}
        took = time.monotonic() - began
    finally:
        server._process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]
    assert {name: type(error) for name, error in errors.items()} == dict.fromkeys(errors, StoreUnavailableError)
    assert took < 7  # 2.5 on a machine that has the time
    # the server does what it had been sent, whether or not somebody still waits for it
    until_available(lambda: put(store, batch(1, key="away"), pane(2, sequence=1)))
    freeze_at(store, clock, 1000)
    away = {source.source: source.added for source in store.sources("m")}.get("away", 0)
    assert store.unfolded("m", "d") == [closed(3 + away)]


# --- unknown outcomes


@pytest.mark.parametrize("lost", ["answer", "request"])
def test_a_keyed_batch_whose_outcome_is_unknown_counts_once_when_tried_again(
    proxy: LossyProxy, beyond: RedisStore, store: RedisStore, clock: SetClock, lost: str
) -> None:
    put(beyond, batch(5))
    proxy.lose_answer() if lost == "answer" else proxy.lose_request()
    with pytest.raises(StoreUnavailableError):
        beyond.commit([batch(3, key="k"), pane(2)])
    assert proxy.lost == 1
    # rows without a key that come in between neither replace nor repeat what was written
    assert put(beyond, batch(7)) == [Receipt()]
    done = Receipt(duplicate=lost == "answer")
    assert put(beyond, batch(3, key="k"), pane(2)) == [done] * 2
    assert put(store, batch(3, key="k"), pane(2)) == [Receipt(duplicate=True)] * 2
    assert put(beyond, batch(1)) == [Receipt()]
    freeze_at(store, clock, 1000)
    assert store.unfolded("m", "d") == [closed(5 + 3 + 2 + 7 + 1)]
    assert {source.source: (source.totals.observed, source.added) for source in store.sources("m")} == {
        "server": (16, 16),
        "s": (0, 2),
    }


def test_a_keyed_batch_whose_outcome_is_unknown_counts_once_when_another_server_takes_it(
    proxy: LossyProxy, beyond: RedisStore, store: RedisStore, clock: SetClock
) -> None:
    put(beyond, batch(1))
    proxy.lose_answer()
    with pytest.raises(StoreUnavailableError):
        beyond.commit([batch(3, key="k")])
    assert put(store, batch(3, key="k"), batch(4)) == [Receipt(duplicate=True), Receipt()]
    assert put(beyond, batch(5)) == [Receipt()]
    freeze_at(store, clock, 1000)
    assert store.unfolded("m", "d") == [closed(13)]


def test_a_fold_whose_outcome_is_unknown_is_not_made_twice(
    proxy: LossyProxy, beyond: RedisStore, store: RedisStore, clock: SetClock
) -> None:
    put(store, pane(1))
    freeze_at(store, clock, 1000)
    fold_all(store)
    step = Fold(Progress(START + 2000, b"2"), b"verdict", START + 2000)
    proxy.lose_answer()
    with pytest.raises(StoreUnavailableError):
        beyond.fold("m", "d", START + 1000, step)
    assert store.progress("m", "d") == step.progress
    assert not beyond.fold("m", "d", START + 1000, step)


@pytest.mark.parametrize("lost", ["answer", "request"])
def test_a_close_whose_outcome_is_unknown_is_made_once(
    proxy: LossyProxy, beyond: RedisStore, store: RedisStore, clock: SetClock, lost: str
) -> None:
    put(store, pane(1), pane(2, source="t"), pane(3, at=1000))
    freeze_at(store, clock, 0)
    clock.now += 2000
    for after in range(100):  # each time the line breaks one message later
        proxy.lose_answer(after) if lost == "answer" else proxy.lose_request(after)
        with suppress(StoreUnavailableError):
            beyond.freeze("m")
            break
    assert proxy.lost > 3
    store.freeze("m")
    assert store.unfolded("m", "d") == [closed(3), closed(3, 1000)]


def test_nothing_is_lost_or_doubled_on_a_line_that_keeps_breaking(
    proxy: LossyProxy, beyond: RedisStore, store: RedisStore, clock: SetClock
) -> None:
    proxy.lose(0.05)
    for number in range(1, 200):
        at = number // 10 * 1000
        (done,) = until_available(lambda at=at, number=number: beyond.commit([batch(2, at=at, key=f"k{number}")]))  # type: ignore[misc]
        assert fate(done) in (Receipt(), Receipt(duplicate=True))
        until_available(lambda at=at, number=number: beyond.commit([pane(number, at=at, sequence=number)]))  # type: ignore[misc]
        if number % 5 == 0:
            clock.now = START + at + TIMING.lateness
            until_available(lambda: beyond.freeze("m"))
    assert proxy.lost > 30
    freeze_at(store, clock, 20_000)
    in_panes = sum(number for number in range(1, 200) if number % 10 == 9)
    assert rows_in_slices(store) == 2 * 199 + in_panes
    assert [(source.added, source.late) for source in store.sources("m")] == [(in_panes, 0), (2 * 199, 0)]
