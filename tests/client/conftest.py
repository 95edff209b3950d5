from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from driftmeter.client import Monitor
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from tests.client.samples import make_profile
from tests.client.tier import Tier


@pytest.fixture(scope="session")
def profile() -> Profile:
    return make_profile()


@pytest.fixture
def tier() -> Iterator[Tier]:
    tier = Tier(Timing(2_000, 2_000))
    yield tier
    tier.stop()


@pytest.fixture
def monitor_of(tier: Tier) -> Iterator[Callable[..., Monitor]]:
    """Make monitors that report to the tier every 50 ms, and close them at the end."""
    made: list[Monitor] = []

    def make(profile: Any = None, **settings: Any) -> Monitor:
        settings = {"model": "m", "interval": 0.05, "timeout": 1.0, "source": "test", **settings}
        made.append(Monitor(settings.pop("url", tier.url), profile=profile, **settings))
        return made[-1]

    yield make
    for monitor in made:
        monitor.close(0.5)


@pytest.fixture
def silence() -> Iterator[str]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
