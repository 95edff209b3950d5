"""Fixtures of most tests of the core: a small reference, its profile, and the reader and binner of that profile."""

from __future__ import annotations

import datetime as dt
import random

import polars as pl
import pytest
from hypothesis import settings

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.profile.profile import Profile

# no deadline, since machines may be slow; the same examples on every machine
settings.register_profile("driftmeter", deadline=None, max_examples=60, database=None, derandomize=True)
settings.register_profile("quick", settings.get_profile("driftmeter"), max_examples=15)
settings.load_profile("driftmeter")


@pytest.fixture(scope="session")
def frame() -> pl.DataFrame:
    """Return 600 rows with a column of every kind, with missing numbers and with missing and rare categories."""
    chance = random.Random(7)
    rows = 600
    start = dt.datetime(2024, 1, 1, 0, 30)
    columns = {
        "amount": [None if chance.random() < 0.05 else chance.lognormvariate(3, 1) for _ in range(rows)],
        "count": [chance.randrange(20) for _ in range(rows)],
        "weight": pl.Series([chance.gauss(0, 1) for _ in range(rows)], dtype=pl.Float32),
        "city": [chance.choice(["Bonn", "Köln", "Ulm", "Ulm", None, f"v{chance.randrange(20)}"]) for _ in range(rows)],
        "code": [chance.choice([1, 2, 3, 40, 500]) for _ in range(rows)],
        "member": [chance.random() < 0.7 for _ in range(rows)],
        "seen": [start + dt.timedelta(minutes=37 * row) for row in range(rows)],
    }
    return pl.DataFrame(columns)


@pytest.fixture(scope="session")
def profile(frame: pl.DataFrame) -> Profile:
    return Profile.fit(frame, model="shop", kinds={"code": "categorical", "seen": "hour"}, independent=True)


@pytest.fixture(scope="session")
def reader(profile: Profile) -> Reader:
    return Reader(profile)


@pytest.fixture(scope="session")
def binner(profile: Profile) -> Binner:
    return Binner(profile)
