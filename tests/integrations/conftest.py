from __future__ import annotations

from collections.abc import Iterator

import pytest

from driftmeter.client import Monitor
from driftmeter.profile.profile import Profile
from tests.client.samples import make_profile
from tests.client.tier import Tier
from tests.support.monitors import MakeMonitor, monitors_of, running_tier


@pytest.fixture(scope="session")
def profile() -> Profile:
    return make_profile()


@pytest.fixture
def tier() -> Iterator[Tier]:
    with running_tier() as tier:
        yield tier


@pytest.fixture
def monitor_of(tier: Tier) -> Iterator[MakeMonitor]:
    with monitors_of(tier) as make:
        yield make


@pytest.fixture
def monitor(monitor_of: MakeMonitor, profile: Profile) -> Monitor:
    return monitor_of(profile)
