from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np
import polars as pl
import pytest

from driftmeter.profile.profile import Profile
from tests.client.tier import Tier
from tests.support.monitors import running_tier
from tests.support.scripts import ROOT, load

EXAMPLES = ROOT / "examples"


@pytest.fixture
def profile() -> Profile:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "age": rng.integers(18, 90, 500),
            "income": rng.lognormal(10, 1, 500),
            "city": rng.choice(["Ulm", "Bonn"], 500),
            "score": rng.random(500),
        }
    )
    return Profile.fit(frame, model="credit", prediction="score")


@pytest.fixture
def tier(profile: Profile) -> Iterator[Tier]:
    with running_tier(profile) as tier:
        yield tier


@pytest.fixture
def example(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Return a function that imports an example by name; it reports to the tier, and is closed at the end."""
    monkeypatch.setenv("DRIFTMETER_URL", tier.url)
    loaded: list[ModuleType] = []

    def load_example(name: str) -> ModuleType:
        loaded.append(load(EXAMPLES / f"{name}.py"))
        return loaded[-1]

    yield load_example
    for module in loaded:
        if hasattr(module, "monitor"):
            module.monitor.close(1.0)
