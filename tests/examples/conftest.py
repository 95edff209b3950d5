from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest

from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from tests.client.tier import Tier

EXAMPLES = Path(__file__).parents[2] / "examples"


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
    tier = Tier(Timing(10_000, 10_000))
    tier.register(profile)
    yield tier
    tier.stop()


@pytest.fixture
def example(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Import an example that reports to the tier; its monitor is closed at the end."""
    monkeypatch.setenv("DRIFTMETER_URL", tier.url)
    loaded = []

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        # dataclasses and pydantic look a class's module up by its name
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        loaded.append(module)
        return module

    yield load
    for module in loaded:
        if hasattr(module, "monitor"):
            module.monitor.close(1.0)
