from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from driftmeter.store.protocol import Store
from driftmeter.store.redis.store import RedisStore
from driftmeter.store.sqlite.store import SQLiteStore
from tests.store.samples import START, TIMING, Opener
from tests.support.clocks import SetClock
from tests.support.redis_server import shared_server


def memory_opener(path: Path, clock: SetClock, stack: ExitStack) -> Opener:
    store = SQLiteStore(None, clock=clock)
    stack.callback(store.close)
    return lambda: store


def sqlite_opener(path: Path, clock: SetClock, stack: ExitStack) -> Opener:
    def open_one() -> Store:
        store = SQLiteStore(path / "store.sqlite", clock=clock)
        stack.callback(store.close)
        return store

    return open_one


def redis_opener(path: Path, clock: SetClock, stack: ExitStack) -> Opener:
    server = shared_server()
    server.ask("FLUSHALL")

    def open_one() -> Store:
        store = RedisStore(server.url, clock=clock)
        stack.callback(store.close)
        return store

    return open_one


OPENERS: dict[str, Callable[[Path, SetClock, ExitStack], Opener]] = {
    "memory": memory_opener,
    "sqlite": sqlite_opener,
    "redis": redis_opener,
}
"""Every store; all of them pass test_conformance*.py."""


@pytest.fixture
def clock() -> SetClock:
    return SetClock(START)


@pytest.fixture(params=OPENERS)
def opener(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> Iterator[Opener]:
    with ExitStack() as stack:
        yield OPENERS[request.param](tmp_path, clock, stack)


@pytest.fixture
def empty(opener: Opener) -> Store:
    return opener()


@pytest.fixture
def store(empty: Store) -> Store:
    """A store that knows model `m` with profile `d`."""
    empty.register("m", "d", b'{"profile": "d"}', TIMING)
    return empty


@pytest.fixture
def other(store: Store, opener: Opener) -> Store:
    """What another process would have: one more store object on the content of `store`."""
    return opener()
