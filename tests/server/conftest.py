"""Metric servers on every embedded store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from driftmeter.monitor import DriftMonitor
from driftmeter.panes import Timing
from driftmeter.profile import Profile
from driftmeter.server.settings import Settings
from driftmeter.store.sqlite import SQLiteStore
from server.harness import Client, Clock, running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
def monitor(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, profile: Profile) -> Iterator[DriftMonitor]:
    """A monitor with the profile `shop` registered; panes of 1 s, no lateness."""
    store = SQLiteStore(None if request.param == "memory" else tmp_path / "store.sqlite", clock=clock)
    monitor = DriftMonitor(store, timing=Timing(1_000, 0))
    monitor.register(profile)
    yield monitor
    store.close()


@pytest.fixture
def client(monitor: DriftMonitor) -> Iterator[Client]:
    with running(monitor, Settings(max_body=5_000_000)) as client:
        yield client
