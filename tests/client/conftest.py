from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest

from driftmeter.client import Monitor
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from tests.client.tier import Tier


def make_profile(seed: int = 0) -> Profile:
    rng = np.random.default_rng(seed)
    rows = 2000
    frame = pl.DataFrame(
        {
            "age": rng.normal(40, 12, rows).round(1),
            "amount": rng.lognormal(3, 1, rows).astype(np.float32),
            "city": rng.choice(["Ulm", "Bonn", "Kiel"], rows),
            "member": rng.random(rows) < 0.3,
            "score": rng.random(rows),
        }
    )
    return Profile.fit(frame, model="m", prediction="score")


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


ROW = {"age": 41.5, "amount": 20.0, "city": "Ulm", "member": True}


@pytest.fixture
def row() -> dict[str, object]:
    return dict(ROW)
