"""Profiles, windows and scores for tests of verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.drift import FeatureScores, Score
from driftmeter.panes.windows import Window
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.types import Role
from driftmeter.verdict.verdict import Verdict
from driftmeter.verdict.window_judge import judge_window

END = 1_700_000_000_000
QUIET = FeatureScores({"chi_square": Score(1.0, 0.5)}, 0.5, 0.0, 0.0, {"missing": (0.0, 0.0)}, 1000)
"""Scores of a feature that looks like its reference."""
LOUD = replace(QUIET, p_value=1e-9, effect=0.3, effect_low=0.26)
"""Scores of a feature that does not."""


def profile_of(*names: str, roles: Mapping[str, Role] | None = None) -> Profile:
    """Return a profile of categorical features of one category each."""
    grid = CategoryGrid(("a",), ())
    features = [
        Feature(name, "categorical", (roles or {}).get(name, "feature"), grid, (1, 0, 0, 0, 0), name) for name in names
    ]
    return Profile("m", 1, tuple(features))


def window_of(rows: int = 1000) -> Window:
    """Return a window of five slices."""
    return Window(END - 50_000, END, 5, Summary(rows, np.zeros(10, np.int64)))


def judged(
    *scores: FeatureScores,
    rows: int = 1000,
    settings: ModelSettings | None = None,
    roles: Mapping[str, Role] | None = None,
) -> Verdict:
    """Judge one window of the features a, b, c …"""
    profile = profile_of(*"abcdef"[: len(scores)], roles=roles)
    return judge_window(profile, scores, window_of(rows), settings or ModelSettings())


def states(verdict: Verdict) -> list[str]:
    """Return the states of the features."""
    return [feature.state for feature in verdict.features]
