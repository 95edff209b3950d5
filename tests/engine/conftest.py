"""What the engine's tests share: a profile, and tiers whose stores are closed in the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from driftmeter.engine.engine import Engine
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.store.sqlite.store import SQLiteStore
from tests.engine.tier import START, TIMING, MakeTier, Tier, rows_of
from tests.support.clocks import SetClock


@pytest.fixture(scope="package")
def profile() -> Profile:
    return Profile.fit(rows_of(20_000, seed=99), model="m", independent=True)


@pytest.fixture
def tier_of(profile: Profile) -> Iterator[MakeTier]:
    engines: list[Engine] = []

    def make(path: Path | None = None, clock: SetClock | None = None, settings: ModelSettings | None = None) -> Tier:
        clock = clock or SetClock(START)
        engine = Engine(SQLiteStore(path, clock=clock), timing=TIMING, settings=settings)
        engine.register(profile)
        engines.append(engine)
        return Tier(engine, clock)

    yield make
    for engine in engines:
        engine.store.close()


@pytest.fixture
def tier(tier_of: MakeTier) -> Tier:
    return tier_of()
