"""Real model servers and registries: each test runs where its program is installed, as `make test-doors` does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas
import pytest

from driftmeter.client import Monitor
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from tests.client.tier import Tier

RNG = np.random.default_rng(0)


@pytest.fixture(scope="session")
def frame() -> pandas.DataFrame:
    """Return 400 rows with a number, a number in a column with a blank, a category and a boolean, and a score."""
    data = pandas.DataFrame(
        {
            "age": RNG.normal(40, 12, 400).round(1),
            "net price": RNG.lognormal(3, 1, 400).round(2),
            "city": RNG.choice(["Ulm", "Köln", "Bonn"], 400),
            "member": RNG.random(400) < 0.3,
        }
    )
    return data.assign(score=(data["net price"] / 100 + data["age"] / 200).round(4))


@pytest.fixture(scope="session")
def features(frame: pandas.DataFrame) -> pandas.DataFrame:
    return frame.drop(columns="score")


@pytest.fixture(scope="session")
def profile(frame: pandas.DataFrame) -> Profile:
    return Profile.fit(frame, model="m", prediction="score")


@pytest.fixture
def tier(profile: Profile) -> Iterator[Tier]:
    tier = Tier(Timing(10_000, 10_000))
    tier.register(profile)
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
