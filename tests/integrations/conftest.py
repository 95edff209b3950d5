from __future__ import annotations

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
    tier = Tier(Timing(10_000, 10_000))
    yield tier
    tier.stop()


@pytest.fixture
def monitor_of(tier: Tier) -> Iterator[Callable[..., Monitor]]:
    """Make monitors that report to the tier, and close them at the end."""
    made: list[Monitor] = []

    def make(profile: Any = None, **settings: Any) -> Monitor:
        made.append(Monitor(tier.url, "m", profile, interval=0.05, source="test", **settings))
        return made[-1]

    yield make
    for monitor in made:
        monitor.close(0.5)


@pytest.fixture
def monitor(monitor_of: Callable[..., Monitor], profile: Profile) -> Monitor:
    return monitor_of(profile)
