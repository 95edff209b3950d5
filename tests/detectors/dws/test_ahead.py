"""Windows that are tested together have the same findings, bit for bit, as each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.detectors import DWS
from driftmeter.detectors.dws import scan
from driftmeter.panes.pane import Slice
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY, HOUR

START = 1_704_067_200_000


@pytest.fixture(scope="module")
def profile() -> Profile:
    """Return a profile calibrated on 40 days of rows that depend on their day, by the hour of the day."""
    chance = np.random.default_rng(4)
    rows = 40 * 24 * 20
    hours = np.arange(rows) // 20
    of_day = chance.normal(size=41)[hours // 24]
    frame = pl.DataFrame(
        {
            "at": (START + np.arange(rows) * (HOUR // 20)) / 1000,
            "x": chance.normal(size=rows) + 0.5 * of_day + np.sin(hours % 24),
            "y": chance.normal(size=rows),
            "city": chance.choice([f"c{index}" for index in range(30)], rows),
            "few": chance.choice(["a", "b"], rows),
        }
    )
    return Profile.fit(frame, model="m", time="at", by_hour=True, residuals=False)


def stream(profile: Profile, panes: int) -> list[Slice]:
    """Return hourly slices of which some are like the reference, some drift, and some are far out."""
    chance = np.random.default_rng(8)
    slices = []
    for number in range(panes):
        rows = int(chance.integers(1, 400))
        counts = np.zeros(profile.bins, np.int64)
        for feature, part in profile.slices():
            share = feature.reference / feature.reference.sum()
            if number % 7 == 3:
                share = np.roll(share, int(chance.integers(0, 5)))
            counts[part] = chance.multinomial(rows, share)
        slices.append(Slice(START + 50 * DAY + number * HOUR, HOUR, Summary(rows, counts)))
    return slices


def folded(detector: DWS, slices: Sequence[Slice], edges: Sequence[int]) -> bytes:
    state = detector.start()
    for first, last in pairwise(edges):
        ahead = detector.look_ahead(state, slices[first:last])
        for _, pane in ahead.panes:
            state, _ = detector.take(state, pane)
        state = detector.leave(state, ahead)
    return detector.dumps(state)


@pytest.mark.parametrize("cells", [1, 1_000, 100_000, 10_000_000])
def test_any_split_of_a_calibrated_stream_gives_the_same_bytes(
    profile: Profile, cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = DWS(profile, ModelSettings(budget=30 * DAY, reach=28 * DAY))
    slices = stream(profile, 150)
    one_by_one, state = list(range(151)), detector.start()
    for slice_ in slices:
        state, _ = detector.update(state, slice_)
    assert folded(detector, slices, one_by_one) == detector.dumps(state)
    monkeypatch.setattr(scan, "_CELLS", cells)
    for edges in ([0, 150], [0, 1, 2, 77, 150], [0, 64, 128, 150]):
        assert folded(detector, slices, edges) == detector.dumps(state)
