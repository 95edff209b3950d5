"""Columns of mostly rare values, in a reference with times: silent while values are only new, not when they change."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.detectors import DWS
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from tests.detectors.samples import run

ROWS, LIVE = 12_000, 13_000
MINUTES = 2 * 60_000


def columns(number: int, codes: int, seed: int) -> dict[str, npt.NDArray[np.int64]]:
    """Draw a text that is nearly always new, one of which 40 % are new, and one of so many codes."""
    chance = np.random.default_rng(seed)
    new = chance.integers(1_000, 10**9, number)
    some = np.where(chance.random(number) < 0.4, new, chance.integers(0, 50, number))
    return {"text": new, "some": some, "code": chance.integers(0, codes, number)}


def frame_of(drawn: dict[str, npt.NDArray[np.int64]]) -> pl.DataFrame:
    return pl.DataFrame({name: [f"v{value}" for value in values] for name, values in drawn.items()})


@pytest.mark.parametrize("change", ["nothing", "half of the codes vanish", "a new code of 3 %"])
def test_new_values_are_no_drift_and_changes_are(change: str) -> None:
    start = datetime(2024, 1, 1)
    times = pl.Series("time", [start + timedelta(minutes=2 * row) for row in range(ROWS)])
    reference = frame_of(columns(ROWS, 2_000, 1)).with_columns(times)
    kinds = dict.fromkeys(["text", "some", "code"], "categorical")
    profile = Profile.fit(reference, model="texts", time="time", kinds=kinds, residuals=False)
    live = columns(LIVE, 1_000 if change.startswith("half") else 2_000, 2)
    if change.startswith("a new"):
        struck = np.random.default_rng(3).random(LIVE) < 0.03
        live = {name: np.where(struck, -1, values) for name, values in live.items()}
    reader, binner = Reader(profile), Binner(profile)
    rows, rejected, _ = reader.read_columns(columns_of(as_frame(frame_of(live)), reader.names))
    assert not rejected
    panes = [binner.observe(rows.take(np.arange(first, first + 100))).counts for first in range(0, LIVE, 100)]
    _, readings = run(DWS(profile, ModelSettings()), panes, length=100 * MINUTES)
    found = np.max([reading.strongest for reading in readings], axis=0) >= 0
    expected = {"nothing": [], "half of the codes vanish": ["code"], "a new code of 3 %": ["text", "some", "code"]}
    assert [feature.name for feature, hit in zip(profile.features, found, strict=True) if hit] == expected[change]
