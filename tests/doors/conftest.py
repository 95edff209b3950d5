"""Real model servers and registries: each test runs where its program is installed, as `make test-doors` does."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas
import pytest

from driftmeter.profile.profile import Profile
from tests.client.tier import Tier
from tests.support.monitors import MakeMonitor, monitors_of, running_tier

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
    with running_tier(profile) as tier:
        yield tier


@pytest.fixture
def monitor_of(tier: Tier) -> Iterator[MakeMonitor]:
    with monitors_of(tier) as make:
        yield make
