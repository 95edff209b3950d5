"""What is said of a window's length: the time from its first row to its last."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.detectors import DWS, ESR
from driftmeter.panes.pane import Slice
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY, HOUR
from tests.detectors.samples import PANE_MS, START, Make, numbers_profile


@pytest.mark.parametrize("make", [DWS, ESR])
@pytest.mark.parametrize("gap", [90 * 60_000, 9 * HOUR, DAY, 40 * HOUR, 7 * DAY])
def test_rows_with_gaps_are_said_to_take_the_time_from_the_first_to_the_last(make: Make, gap: int) -> None:
    profile = numbers_profile(1, rows=1_000)
    detector = make(profile, ModelSettings())
    counts = np.zeros(profile.bins, dtype=np.int64)
    counts[profile.features[0].grid.special["missing"]] = 1
    state: Any = detector.start()
    for number in range(64):
        state, _ = detector.update(state, Slice(START + number * gap, PANE_MS, Summary(1, counts)))
    for _, cause in detector.causes(state, 0):
        assert cause.window == (cause.rows - 1) * gap + PANE_MS
