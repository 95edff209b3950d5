"""Metric servers on every store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from driftmeter.engine.engine import Engine
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.server.options import Settings
from driftmeter.store import Store
from driftmeter.store.redis.store import RedisStore
from driftmeter.store.sqlite.store import SQLiteStore
from tests.server.harness import NOW, Client, running
from tests.support.clocks import SetClock
from tests.support.redis_server import shared_server


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture(params=["memory", "sqlite", "redis"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock, profile: Profile) -> Iterator[Engine]:
    """An engine with the profile `shop` registered; panes of 1 s, no lateness."""
    store = _open(request.param, tmp_path, clock)
    engine = Engine(store, timing=Timing(1_000, 0))
    engine.register(profile)
    yield engine
    store.close()


def _open(name: str, path: Path, clock: SetClock) -> Store:
    if name == "redis":
        shared_server().ask("FLUSHALL")
        return RedisStore(shared_server().url, clock=clock)
    return SQLiteStore(None if name == "memory" else path / "store.sqlite", clock=clock)


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    with running(engine, Settings(max_body=5_000_000)) as client:
        yield client
