"""A stream of rows that were drawn independently, one every 30 seconds, and the profile of others like them."""

from __future__ import annotations

import numpy as np
import polars as pl

from driftmeter.data.time_columns import Times
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import parse_time

START = parse_time("2024-06-01")
STEP = 30_000
DAY_ROWS = 2_880


def frame(rows: int, *, seed: int) -> pl.DataFrame:
    """Return rows with two numbers, one of them an integer, a category and a boolean."""
    chance = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "temp": chance.normal(50, 10, rows),
            "seats": chance.integers(0, 300, rows),
            "city": chance.choice(["Ulm", "Bonn", "Köln"], rows, p=[0.5, 0.3, 0.2]),
            "member": chance.random(rows) < 0.7,
        }
    )


def times(rows: int) -> Times:
    """Return when each row was."""
    return START + np.arange(rows) * STEP


def profile() -> Profile:
    """Return a profile of 10,000 rows."""
    return Profile.fit(frame(10_000, seed=1), model="shop", independent=True)
