"""Readiness: what a profile must know, and how many rows must come, before features are judged."""

from __future__ import annotations

from typing import Any

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.detectors import DETECTORS, Detector
from driftmeter.panes.pane import Slice
from driftmeter.profile.calibration import Calibration
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY

NEEDED_DAYS = 12
"""A reference of this many days shows how days differ."""
LARGEST_BLIND = 1.0
"""A feature has too few rows to judge while only a shift above this, in standard deviations, could be seen."""
MOST_REHEARSED = 64
"""The number of panes that are played through to say when features will be judged."""


def covers_days(calibration: Calibration | None) -> bool:
    """Say whether a calibration knows how days differ, so that evidence may page."""
    return calibration is not None and calibration.covered >= NEEDED_DAYS * DAY


def judged_after(profile: Profile, settings: ModelSettings | None = None) -> tuple[int, int]:
    """Return after how many rows features are judged, and how many features are not judged by then.

    Plays through up to MOST_REHEARSED panes of rows that come as the reference's did. The first number is the rows
    after which the last of the judged features became judged, 0 without one; the second counts the other features.
    Raises ValueError where the profile has no calibration, which says how rows came.
    """
    calibration = profile.calibration
    if calibration is None:
        raise ValueError("expected a profile with a calibration")
    settings = settings or ModelSettings()
    detector: Detector[Any] = DETECTORS[settings.guarantee](profile, settings)
    length = calibration.lengths[0]
    # rounded like the counts: no bin may hold more rows than there are
    counts = np.concatenate([feature.reference for feature in profile.features]) / calibration.windows[0]
    pane = Summary(max(1, round(profile.rows / calibration.windows[0])), np.rint(counts).astype(np.int64))
    state, after, blind = detector.start(), 0, len(profile.features)
    for number in range(MOST_REHEARSED):
        state, evidence = detector.update(state, Slice(number * length, length, pane))
        still_blind = blind if evidence is None else int(np.count_nonzero(evidence.smallest_visible > LARGEST_BLIND))
        if still_blind < blind:
            after, blind = (number + 1) * pane.rows, still_blind
        if not blind:
            break
    return after, blind
