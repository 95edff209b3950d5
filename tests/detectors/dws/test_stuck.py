"""One value that most rows have: which, and by how much more than ever before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from driftmeter.detectors import DWS
from driftmeter.detectors.protocol import strongest
from driftmeter.profile.calibration import Calibration
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY, HOUR
from driftmeter.types import Floats
from driftmeter.verdict.findings import finding
from tests.detectors.samples import Draws, of_features, present, run

FEW_VALUES = NumericGrid.fit(np.array([0.0, 1.5, 3.5, 7.0]), bins=64)


def odds(share: float) -> float:
    return float(np.log(share / (1 - share)))


def dependent(feature: Feature, usual: float, deviation: float, largest: float) -> Profile:
    """Calibrate a feature whose days differ, and whose most frequent bin has had these shares in log-odds."""
    profile = of_features(feature)
    bins = DWS(profile, ModelSettings()).bins
    shapes = {"scores": (1, 4), "tails": (1, 4), "rare": (len(bins.rare),), "groups": (len(bins.group_owner),)}
    arrays = {name: np.full((2, *shape), 0.5 if name != "tails" else 0.0) for name, shape in shapes.items()}
    calibration = Calibration(
        (HOUR, DAY),
        (480, 20),
        24_000.0,
        1.0,
        scores=arrays["scores"],
        tails=arrays["tails"],
        rare=arrays["rare"],
        groups=arrays["groups"],
        cores=np.full((2, 1), 0.02),
        stuck=np.tile([odds(usual), deviation, 0.0, odds(largest)], (2, 1, 1)),
        clusters=np.zeros((len(bins.rare), 2)),
    )
    return replace(profile, independent=False, calibration=calibration)


def with_most_in(feature: Feature, bin_: int, share: float) -> Floats:
    shares: Floats = feature.reference / feature.reference.sum()
    rest = shares.sum() - shares[bin_]
    shares = shares * (1 - share) / rest
    shares[bin_] = share
    return shares


def test_a_value_that_has_hardly_more_rows_than_ever_is_within_the_tolerance() -> None:
    counts = np.zeros(FEW_VALUES.size, dtype=int)
    counts[FEW_VALUES.core] = 20_000, 55_000, 15_000, 10_000
    feature = Feature("dose", "numeric", "feature", FEW_VALUES, tuple(counts.tolist()), "dose")
    detector = DWS(dependent(feature, 0.5, 0.005, 0.55), ModelSettings(reach=2 * DAY))
    for share, alarms in ((0.57, False), (0.8, True)):
        shares = with_most_in(feature, FEW_VALUES.core.start + 1, share)
        _, readings = run(detector, Draws([shares]).panes(np.random.default_rng(1), 70, 1_000), rows=1_000, length=HOUR)
        assert (max(reading.strongest[0] for reading in readings) >= 0) == alarms, share


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_the_value_that_is_stuck_is_named(kind: str) -> None:
    if kind == "numeric":
        counts = np.zeros(FEW_VALUES.size, dtype=int)
        counts[FEW_VALUES.core] = 30_000, 30_000, 20_000, 20_000
        feature = Feature("dose", "numeric", "feature", FEW_VALUES, tuple(counts.tolist()), "dose")
        bin_, name = FEW_VALUES.core.start + 2, "3.5"
    else:
        grid = CategoryGrid(("Ulm", "Bonn", "Köln"), (), least_rows=30)
        feature = Feature("city", "categorical", "feature", grid, (40_000, 30_000, 30_000, 0, 0, 0, 0), "city")
        bin_, name = 1, "Bonn"
    detector = DWS(dependent(feature, 0.3, 0.2, 0.4), ModelSettings(reach=2 * DAY))
    held = np.zeros((40, feature.size), dtype=np.int64)
    held[:, bin_] = 1_000
    state, readings = run(detector, held, rows=1_000, length=HOUR)
    assert readings[-1].strongest[0] >= 0
    causes = [cause for _, cause in detector.causes(state, 0) if cause.what == "stuck"]
    if kind == "numeric":
        assert present(strongest(detector.causes(state, 0))).what == "stuck"
    for cause in causes:
        assert (cause.bin, cause.single, cause.value, round(cause.reference, 3)) == (name, True, 1.0, 0.4)
        assert finding(cause).startswith(f"the value {name} rose to 100.0 % of the rows, over ")


@pytest.mark.parametrize(("rows", "alarms"), [(1, False), (5, True)])
def test_a_handful_of_rows_in_weeks_is_not_stuck(rows: int, alarms: bool) -> None:
    counts = np.zeros(FEW_VALUES.size, dtype=int)
    counts[FEW_VALUES.core] = 40_000, 40_000, 3_000, 17_000
    feature = Feature("dose", "numeric", "feature", FEW_VALUES, tuple(counts.tolist()), "dose")
    detector = DWS(dependent(feature, 0.5, 0.2, 0.6), ModelSettings(reach=28 * DAY))
    held = np.zeros((9, feature.size), dtype=np.int64)
    held[:, FEW_VALUES.core.start + 2] = rows
    state, _ = run(detector, held, rows=rows, length=DAY)
    found = [cause for evidence, cause in detector.causes(state, 0) if cause.what == "stuck" and evidence >= 0]
    assert bool(found) == alarms
