"""Faults of one model in Redis, of the time, or half way through: they must not affect anything else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import redis

from driftmeter.errors import StoreError, StoreUnavailableError, UnknownModelError
from driftmeter.panes.windows import WindowSetting
from driftmeter.store.records import Fold, Progress
from driftmeter.store.redis.connection import RedisConnection
from driftmeter.store.redis.store import RedisStore
from driftmeter.timestamps import DAY, HOUR, MINUTE
from tests.store.samples import START, TIMING, batch, freeze_at, pane, put
from tests.support.clocks import SetClock
from tests.support.redis_server import shared_server

EVERYTHING = WindowSetting(10**12, 0)


@pytest.fixture
def raw() -> Iterator[redis.Redis]:
    """A client of the server itself, which is empty."""
    shared_server().ask("FLUSHALL")
    with closing(redis.Redis.from_url(shared_server().url)) as client:
        yield client


@pytest.fixture
def store(raw: redis.Redis, clock: SetClock) -> Iterator[RedisStore]:
    with closing(RedisStore(shared_server().url, clock=clock)) as store:
        store.register("m", "d", b"{}", TIMING)
        yield store


def rows_in(store: RedisStore, clock: SetClock, model: str = "m") -> int:
    """Close all panes, and return the rows of all slices."""
    clock.now += 10_000
    for _ in range(10):
        clock.now += 1000
        store.freeze(model)
    return sum(slice_.summary.rows for slice_ in store.recent(model, "d", clock.now, EVERYTHING))


def test_what_fails_for_one_model_is_not_written_twice_for_another(
    store: RedisStore, raw: redis.Redis, clock: SetClock
) -> None:
    store.register("broken", "d", b"{}", TIMING)
    raw.set("driftmeter:{broken}:sources", "no hash")
    answers = store.commit([batch(5), batch(3, model="broken"), batch(2)])
    assert isinstance(answers[1], StoreError)
    assert [getattr(answers[place], "added", None) for place in (0, 2)] == [5, 2]
    assert rows_in(store, clock) == 7


def test_a_sweep_that_fails_does_not_undo_what_it_comes_after(
    store: RedisStore, raw: redis.Redis, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    raw.set("driftmeter:{m}:notified", "no hash")
    assert put(store, batch(5)) == put(store, batch(5))
    assert rows_in(store, clock) == 10
    assert "what is too old stays for now" in caplog.text


def test_a_store_that_was_put_back_to_before_a_freeze_keeps_the_rows_that_it_has(
    store: RedisStore, raw: redis.Redis, clock: SetClock
) -> None:
    put(store, batch(100, at=1000), pane(1))
    before = raw.dump("driftmeter:{m}"), {key: raw.dump(key) for key in raw.keys("driftmeter:{m}:*")}
    freeze_at(store, clock, 2000)
    put(store, batch(1, at=5000))  # now this process knows that the pane is closed
    raw.flushall()
    raw.sadd("driftmeter:models", "m")
    for key, content in {b"driftmeter:{m}": before[0], **before[1]}.items():
        assert content is not None
        raw.restore(key, 0, content)
    assert put(store, batch(2, at=1000)) == put(store, batch(1, at=4000))
    assert rows_in(store, clock) == 100 + 1 + 2 + 1


@pytest.mark.parametrize("again", [True, False])
def test_a_model_that_is_half_deleted_is_unknown_until_somebody_finishes_that(
    store: RedisStore, raw: redis.Redis, clock: SetClock, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    put(store, batch(5, key="k"))
    assert store.notified("m", "incident")
    with monkeypatch.context() as broken:
        broken.setattr(RedisConnection, "unlink_all", lambda *_: (_ for _ in ()).throw(StoreUnavailableError("away")))
        with pytest.raises(StoreUnavailableError):
            store.delete("m")
    assert store.models() == []
    questions: list[Callable[[], object]] = [
        lambda: store.model("m"),
        lambda: store.freeze("m"),
        lambda: store.notified("m", "x"),
    ]
    for ask in questions:
        with pytest.raises(UnknownModelError):
            ask()
    assert isinstance(store.commit([batch(1)])[0], UnknownModelError)
    with closing(RedisStore(shared_server().url, clock=clock)) as other:
        changes: list[Callable[[], None]] = [
            lambda: other.register("m", "d", b"{}", TIMING),
            lambda: other.delete("m"),
        ]
        for change in changes:
            with pytest.raises(StoreUnavailableError, match="is being deleted"):
                change()
        if not again:
            clock.now += MINUTE  # after that anybody may finish the deletion
            other.register("m", "d", b"{}", TIMING)
    if again:
        store.delete("m")
        assert raw.keys("driftmeter:{m}*") == []
    store.register("m", "d", b"{}", TIMING)
    assert [record.model for record in store.models()] == ["m"]
    assert put(store, batch(5, key="k"))[0].duplicate is False
    assert store.notified("m", "incident")
    assert rows_in(store, clock) == 5


def test_a_fold_of_a_model_that_was_deleted_is_none_of_the_one_that_took_its_name(
    store: RedisStore, clock: SetClock
) -> None:
    put(store, pane(5))
    freeze_at(store, clock, 1000)
    with closing(RedisStore(shared_server().url, clock=clock)) as other:
        other.delete("m")
        other.register("m", "d", b"{}", TIMING)
    assert not store.fold("m", "d", 0, Fold(Progress(START + 1000, b"state"), b"verdict", START + 1000))
    assert store.progress("m", "d") == Progress()
    assert store.verdict("m", "d") is None


@pytest.mark.parametrize("back", [10 * MINUTE, HOUR, DAY])
def test_a_lease_from_before_the_clock_was_set_back_is_not_shown(store: RedisStore, clock: SetClock, back: int) -> None:
    clock.now += back
    assert store.lease("m", "a", 4000)
    clock.now -= back
    assert store.model("m").holder is None
    assert store.lease("m", "b", 4000)
    assert store.model("m").holder == "b"


def test_a_heartbeat_tells_the_time(raw: redis.Redis) -> None:
    with closing(RedisStore(shared_server().url)) as store:
        seconds, micro = raw.time()
        assert abs(store.now() - (seconds * 1000 + micro // 1000)) < 2000
        store._session.clock._ahead = 0.0
        assert store.now() < START
        store.heartbeat("a", 1000)
        assert abs(store.now() - (seconds * 1000 + micro // 1000)) < 10_000


def test_of_two_that_delete_a_model_the_second_leaves_its_successor_alone(
    store: RedisStore, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, batch(5))
    dropping = RedisConnection.unlink_all
    with closing(RedisStore(shared_server().url, clock=clock)) as other:

        def slowly(link: object, beginning: str, still: Callable[[], bool]) -> None:
            """Take too long: meanwhile another process deletes the model, and a new one is registered."""
            monkeypatch.setattr(RedisConnection, "unlink_all", dropping)
            with pytest.raises(StoreUnavailableError, match="is being deleted"):
                other.delete("m")
            clock.now += MINUTE
            other.delete("m")
            other.register("m", "d", b"{}", TIMING)
            put(other, batch(7, at=60_000))
            dropping(link, beginning, still)  # type: ignore[arg-type]

        monkeypatch.setattr(RedisConnection, "unlink_all", slowly)
        store.delete("m")
        assert [record.model for record in other.models()] == ["m"]
        assert rows_in(other, clock) == 7


def test_a_host_that_was_suspended_asks_for_the_time_again(raw: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(RedisStore(shared_server().url)) as store:
        before = store.now()
        monkeypatch.setattr("driftmeter.store.redis.server_clock.stopwatch", lambda: time.monotonic() - 180)
        assert 0 <= store.now() - before < 10_000
