"""What only the store in Redis has: keys and how long they live, and what it reports of the server."""

from __future__ import annotations

import inspect
import logging
import os
import re
import signal
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
from redis.crc import key_slot

from driftmeter import Monitor
from driftmeter.errors import StoreError, StoreUnavailableError
from driftmeter.store import open_store
from driftmeter.store.records import Receipt
from driftmeter.store.redis.connection import ANSWER_TIMEOUT
from driftmeter.store.redis.store import RedisStore
from driftmeter.timestamps import DAY
from tests.store.samples import START, TIMING, batch, closed, fold_all, freeze_at, pane, put
from tests.support.clocks import SetClock
from tests.support.redis_server import RedisServer, shared_server

BOUNDED = {"", "digests", "profiles", "used", "open", "sources", "logs", "notified", "expected", "acknowledged"}
"""Keys that live as long as their model, with an entry for each profile, source, open pane, expectation or incident."""


@pytest.fixture
def server() -> RedisServer:
    server = shared_server()
    server.ask("FLUSHALL")
    return server


@pytest.fixture
def store(server: RedisServer, clock: SetClock) -> Iterator[RedisStore]:
    with closing(RedisStore(server.url, clock=clock)) as store:
        store.register("m", "d", b"{}", TIMING)
        yield store


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server whose settings may be changed."""
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def client(server: RedisServer) -> Iterator[redis.Redis]:
    with closing(redis.Redis.from_url(server.url)) as client:
        yield client


def lives(client: redis.Redis) -> dict[str, int]:
    """Return in how many ms each key expires, -1 if never."""
    return {key.decode(): client.pttl(key) for key in client.scan_iter(count=1000)}


def part(key: str) -> str:
    """Return the first part of a key after the name of its model."""
    return key.partition("}")[2].strip(":").partition(":")[0]


def use(store: RedisStore, clock: SetClock, panes: int) -> None:
    """Make model `m` use every kind of key."""
    began = clock.now - START
    for number in range(panes):
        at = began + number * 1000
        put(store, pane(1, at=at, sequence=1), pane(1, at=at, source="log", watermark=START + at), batch(2, at=at))
        put(store, batch(1, at=at, key=f"key {at}"))
        clock.now = START + at + 1000
        store.freeze("m")
        put(store, pane(3, at=at - 5000, sequence=2, source="late"))
        fold_all(store)
    store.acknowledge("m", "1", START, "seen")
    store.expect("m", "f", START, clock.now + DAY)
    store.notified("m", "n")
    store.lease("m", "owner", 1000)
    store.heartbeat("owner", 1000)
    store.configure("m", b"settings")
    store.ping()


# --- keys


def test_each_key_of_a_model_ends_by_itself_or_is_bounded(
    store: RedisStore, client: redis.Redis, clock: SetClock
) -> None:
    use(store, clock, 20)
    few = lives(client)
    use(store, clock, 60)
    many = lives(client)
    used = {part(key) for key in many if "{" in key}
    assert used == BOUNDED | {"meta", "counts", "sealed", "late", "key", "slices", "ends", "fold", "verdicts", "times"}
    assert {key for key in many if "{" not in key} <= {"driftmeter:models", "driftmeter:ping", "driftmeter:replicas"}
    for name in ("sealed", "late", "key"):
        ends = [life for key, life in many.items() if part(key) == name]
        assert len(ends) > 60
        assert 0.9 * DAY < min(ends) <= max(ends) < 1.1 * DAY, name
    for name in ("slices", "ends", "fold", "verdicts", "times"):
        assert [90 * DAY < life < 101 * DAY for key, life in many.items() if part(key) == name] == [True], name
    # without an end: as many as before, however many panes there were
    forever = [{key for key, life in lifetimes.items() if life == -1} for lifetimes in (few, many)]
    assert {part(key) for key in forever[1]} <= BOUNDED | {"meta", "counts"}
    assert len(forever[0]) == len(forever[1])
    assert client.zcard("driftmeter:{m}:open") == sum(part(key) == "meta" for key in many) < 5


def test_nothing_is_left_of_a_model_that_was_deleted_and_nothing_of_others_is_touched(
    store: RedisStore, client: redis.Redis, clock: SetClock
) -> None:
    others = ("m2", "*", "[m]", "{m}", "m}", "driftmeter", "M")
    for name in others:
        store.register(name, "d", b"{}", TIMING)
        put(store, pane(1, model=name))
    before = lives(client).keys()
    # what keeps the models by name is not of one
    use(store, clock, 5)
    put(store, pane(1, at=100_000))
    store.delete("m")
    assert lives(client).keys() - before <= {"driftmeter:ping", "driftmeter:replicas"}
    assert before - lives(client).keys() == {key for key in before if key.startswith("driftmeter:{m}")}
    assert [record.model for record in store.models()] == sorted(others)
    store.delete("*")
    assert [store.sources(name)[0].added for name in others if name != "*"] == [1] * 6


@pytest.mark.parametrize(
    "name", ["a{b}c", "{", "}", "{}", "}{", "two words", "100%", "%7B", "modèle 数", "x" * 200, "a:b", "*", "a\\b?[c]"]
)
def test_a_model_of_any_name_has_all_its_keys_in_one_slot(
    store: RedisStore, client: redis.Redis, clock: SetClock, name: str
) -> None:
    store.register(name, "d", b"{}", TIMING)
    put(store, pane(1, model=name), batch(2, model=name, key="a}{b"))
    clock.now += 2000
    store.freeze(name)
    clock.now += 1000
    store.freeze(name)
    assert store.unfolded(name, "d") == [closed(3)]
    assert store.model(name).model == name in [record.model for record in store.models()]
    store.acknowledge(name, "}", START, "seen")
    keys = [key for key in client.scan_iter(count=1000) if b"{m}" not in key and b"{" in key]
    assert len(keys) >= 10
    assert len({key_slot(key) for key in keys}) == 1
    store.delete(name)
    assert [key for key in client.scan_iter(count=1000) if b"{m}" not in key and b"{" in key] == []


def test_stores_of_two_prefixes_share_a_server_and_never_meet(server: RedisServer, clock: SetClock) -> None:
    prefixes = ("one", "two", "*", "one:two", "[ot]*", "o?e")
    stores = [RedisStore(f"{server.url}?prefix={prefix}", clock=clock) for prefix in prefixes]
    for rows, store in enumerate(stores, 1):
        assert store.models() == []
        store.register("m", "d", b"{}", TIMING)
        assert put(store, batch(rows, key="k", fingerprint=b"")) == [Receipt()]
        assert store.heartbeat(prefixes[rows - 1], 1000) == [prefixes[rows - 1]]
    for store in stores[2:]:
        store.delete("m")
    for rows, store in enumerate(stores[:2], 1):
        freeze_at(store, clock, 1000)
        assert store.unfolded("m", "d") == [closed(rows)]
    for store in stores:
        store.close()


def test_scripts_that_the_server_has_forgotten_are_sent_again(
    server: RedisServer, store: RedisStore, clock: SetClock
) -> None:
    put(store, batch(1))
    for number in range(3):
        assert server.ask("SCRIPT FLUSH") == "OK"
        put(store, batch(1, key=f"{number}"), pane(number, sequence=number))
    assert server.ask("SCRIPT FLUSH") == "OK"
    freeze_at(store, clock, 1000)
    assert server.ask("SCRIPT FLUSH") == "OK"
    assert fold_all(store) == [closed(1 + 3 + 2)]


# --- the server


def test_a_server_that_may_forget_is_warned_of_once(
    own_server: RedisServer, caplog: pytest.LogCaptureFixture, clock: SetClock
) -> None:
    own_server.ask("CONFIG SET appendonly no")
    own_server.ask("CONFIG SET maxmemory-policy allkeys-lru")
    with caplog.at_level(logging.WARNING), closing(RedisStore(own_server.url, clock=clock)) as store:
        for digest in "abc":
            store.register("m", digest, b"{}", TIMING)
    address = f"redis://127.0.0.1:{own_server.port}/0"
    assert [record.getMessage().split(":", 3)[3].split(":")[0].strip() for record in caplog.records] == [
        "appendonly is off",
        "maxmemory-policy is allkeys-lru",
    ]
    assert all(record.getMessage().startswith(address) for record in caplog.records)


def test_a_server_that_keeps_everything_is_warned_of_never(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), closing(RedisStore(server.url)) as store:
        store.register("m", "d", b"{}", TIMING)
    assert caplog.records == []


def test_a_server_without_memory_left_is_unavailable_to_write_and_can_be_read(
    own_server: RedisServer, clock: SetClock
) -> None:
    with closing(RedisStore(own_server.url, clock=clock)) as store:
        store.register("m", "d", b"{}", TIMING)
        put(store, pane(1), batch(2, key="before"))
        own_server.ask("CONFIG SET maxmemory 1")
        clock.now += TIMING.lateness + 1000
        for call in (
            lambda: store.commit([pane(5, sequence=1), batch(4, key="k")]),
            lambda: store.register("m", "new", b"{}", TIMING),
            lambda: store.freeze("m"),
            store.ping,
        ):
            with pytest.raises(StoreUnavailableError, match=r"written now: Redis is full \(maxmemory\)$"):
                call()
        assert store.model("m").newest == "d"
        own_server.ask("CONFIG SET maxmemory 0")
        clock.now = START
        assert put(store, pane(5, sequence=1), batch(4, key="k")) == [Receipt()] * 2
        freeze_at(store, clock, 1000)
        assert store.unfolded("m", "d") == [closed(11)]


def test_a_wrong_password_is_an_error_that_does_not_show_it(
    own_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    own_server.ask("CONFIG SET requirepass right")
    host = f"127.0.0.1:{own_server.port}/0"
    with closing(RedisStore(f"redis://:right@{host}")) as store:
        assert store.models() == []
    for login in (":se%2Fcret@", "someone:se%2Fcret@"):
        refused = pytest.raises(StoreError, match=f"redis://{host} refuses us")
        with (
            caplog.at_level(logging.DEBUG),
            closing(RedisStore(f"redis://{login}{host}")) as store,
            refused as raised,
        ):
            store.models()
        assert not isinstance(raised.value, StoreUnavailableError)
        shown = "".join(traceback.format_exception(raised.value)) + caplog.text
        assert "cret" not in shown


@pytest.mark.parametrize("options", ["", "?cluster=true"])
def test_a_server_that_wants_a_password_and_is_given_none_says_where_it_goes(
    own_server: RedisServer, options: str
) -> None:
    own_server.ask("CONFIG SET requirepass right")
    with pytest.raises(StoreError) as raised, closing(open_store(own_server.url + options)) as store:
        store.models()
    assert not isinstance(raised.value, StoreUnavailableError)
    assert str(raised.value) == f"the store {own_server.url} needs a password: redis://:password@host:port/0"


def test_an_address_that_is_no_sentinel_or_no_cluster_is_refused_in_one_clause(server: RedisServer) -> None:
    address = server.url.replace("redis://", "redis+sentinel://")
    with pytest.raises(StoreError) as raised, closing(open_store(address)) as store:
        store.models()
    assert not isinstance(raised.value, StoreUnavailableError)
    assert str(raised.value) == f"the store {address} is no Sentinel: expected Sentinels, or redis://host:port/0"
    with pytest.raises(StoreError) as raised:
        open_store(f"{server.url}?cluster=true")
    assert not isinstance(raised.value, StoreUnavailableError)
    assert str(raised.value) == f"the store {server.url} is no cluster: leave out cluster=true"


def test_an_error_of_a_script_is_reported_without_its_digest_and_lines(server: RedisServer, store: RedisStore) -> None:
    command = ("EVAL", "return redis.call('set', KEYS[1])", 1, "a")
    for fail in (
        lambda: store._session.connection.command(*command),
        lambda: store._session.connection.pipeline([("PING",), command]),
    ):
        with pytest.raises(StoreError) as raised:
            fail()
        assert str(raised.value).startswith(f"the store {server.url} failed: ")
        assert not re.search(r"[0-9a-f]{40}|user_script|pipeline", str(raised.value))


@pytest.mark.parametrize("options", ["", "?cluster=true"])
@pytest.mark.parametrize(
    ("address", "reason"),
    [("redis://127.0.0.1:1/0", "connection refused"), ("redis://nowhere.invalid:1/0", "unknown host")],
)
def test_a_server_that_cannot_be_reached_is_unavailable_for_a_short_reason(
    address: str, reason: str, options: str
) -> None:
    with pytest.raises(StoreUnavailableError) as raised, closing(open_store(address + options)) as store:
        store.ping()
    assert str(raised.value) == f"the store {address} cannot be reached or written now: {reason}"


def test_a_server_that_does_not_answer_is_unavailable_before_the_sdk_gives_up(own_server: RedisServer) -> None:
    with closing(RedisStore(own_server.url)) as store:
        store.ping()
        os.kill(own_server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(StoreUnavailableError, match=r"written now: no answer within 2\.5 s$"):
                store.ping()
        finally:
            os.kill(own_server.pid, signal.SIGCONT)
    assert inspect.signature(Monitor).parameters["timeout"].default > ANSWER_TIMEOUT


def test_sentinels_that_cannot_be_asked_are_unavailable() -> None:
    address = "redis+sentinel://127.0.0.1:1,127.0.0.1:2/0"
    with pytest.raises(StoreUnavailableError) as raised, closing(open_store(address)) as store:
        store.ping()
    assert str(raised.value) == f"the store {address} cannot be reached or written now: no Sentinel can be asked"


def test_a_socket_of_this_host_is_an_address_too(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    address = f"unix://{path}"
    with RedisServer(tmp_path / "redis", "--unixsocket", str(path)), closing(open_store(address)) as store:
        store.ping()
    with pytest.raises(StoreUnavailableError, match="no such file"), closing(open_store(address)) as store:
        store.ping()


# --- the address


@pytest.mark.parametrize("sign", "/?#[@")
def test_a_password_whose_signs_were_not_escaped_is_not_shown(sign: str) -> None:
    urls = [f"redis://:se{sign}cret@127.0.0.1:1/0", f"redis://:1234{sign}cret@127.0.0.1:1/0"]
    if sign != "@":  # the host is forgotten, too
        urls += [f"redis://:se{sign}cret", f"redis://:1234{sign}cret"]
    for url in urls:
        with pytest.raises(StoreError) as raised, closing(open_store(url)) as store:
            store.models()
        shown = "".join(traceback.format_exception(raised.value, limit=0))
        assert "cret" not in shown
        assert ":se" not in shown
        assert "1234" not in shown


def test_options_of_the_client_reach_it_as_they_were_escaped(server: RedisServer, client: redis.Redis) -> None:
    # no %25 among them: before 8.1 redis-py undoes it twice
    with closing(RedisStore(f"{server.url}?client_name=a%3Db%26c")) as store:
        store.ping()
        assert "a=b&c" in [connection["name"] for connection in client.client_list()]
