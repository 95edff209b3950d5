from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from tests.client.samples import make_profile
from tests.client.tier import Tier
from tests.support.monitors import MakeMonitor, monitors_of, running_tier


@pytest.fixture(scope="session")
def profile() -> Profile:
    return make_profile()


@pytest.fixture
def tier() -> Iterator[Tier]:
    with running_tier(timing=Timing(2_000, 2_000)) as tier:
        yield tier


@pytest.fixture
def monitor_of(tier: Tier) -> Iterator[MakeMonitor]:
    with monitors_of(tier, timeout=1.0) as make:
        yield make


@pytest.fixture
def silence() -> Iterator[str]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
