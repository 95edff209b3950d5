"""Take live traffic for normal: the next profile, and a calibration, from closed slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import chdtri

from driftmeter.counts.summary import Summary
from driftmeter.detectors.run import Pace, runs
from driftmeter.errors import InputError
from driftmeter.fitting.notes import notes_of
from driftmeter.fitting.variation import CONFIDENCE, LEAST_WINDOWS, calibrate
from driftmeter.panes.pane import Slice
from driftmeter.panes.retention import merge
from driftmeter.profile import bin_names
from driftmeter.profile.calibration import Calibration
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import iso
from driftmeter.types import Counts

LEAST_ROWS = 1000

_Panes = list[tuple[Counts, Pace]]


def profile_from_live(profile: Profile, slices: Sequence[Slice], settings: ModelSettings) -> Profile:
    """Return a profile on the same grids; its reference is the rows of ascending closed slices.

    The slices calibrate it too; with too few of them it is uncalibrated. Where the old profile's rows were independent,
    the new ones are taken to be. Raises InputError where there are fewer than 1,000 rows.
    """
    summary = Summary.sum((slice_.summary for slice_ in slices), profile.bins)
    if summary.rows < LEAST_ROWS:
        span = f" from {iso(slices[0].start)} to {iso(slices[-1].end)}" if slices else " that are closed"
        raise InputError("since", f"a time since which there are {LEAST_ROWS:,} rows", f"{summary.rows:,} rows{span}")
    features = tuple(_feature(feature, summary.counts[part], summary.rows) for feature, part in profile.slices())
    fitted = replace(
        profile,
        rows=summary.rows,
        features=features,
        calibration=None,
        span=(slices[0].start, slices[-1].end - 1),
        notes=notes_of(features, {}),
    )
    if profile.independent:
        return fitted
    return replace(fitted, calibration=calibration_of(features, slices, settings))


def _feature(feature: Feature, counts: Counts, rows: int) -> Feature:
    grid = feature.grid
    if isinstance(grid, CategoryGrid):
        # as many unseen rows may come again; and no count of these decided which categories have a bin
        once = int(counts[grid.unseen].sum())
        grid = replace(grid, once=min(once, rows), boundary=0, twice=0)
    return replace(feature, grid=grid, counts=tuple(_as_reference(feature, counts).tolist()))


def _as_reference(feature: Feature, counts: Counts) -> Counts:
    """Return counts (…, bins) as a reference has them: unseen rows are with the rest of their hash, see `once`."""
    grid = feature.grid
    if not isinstance(grid, CategoryGrid):
        return counts
    merged = counts.copy()
    unseen = merged[..., grid.unseen]
    merged[..., grid.rest.start : grid.rest.start + unseen.shape[-1]] += unseen
    merged[..., grid.unseen] = 0
    return merged


def calibration_of(features: Sequence[Feature], slices: Sequence[Slice], settings: ModelSettings) -> Calibration | None:
    """Calibrate by ascending closed slices; None where they make fewer than 12 panes.

    Older slices were merged into longer ones: the newer ones are merged to the length of the longest, too.
    """
    longest = max((slice_.length for slice_ in slices), default=0)
    even = merge(slices, longest) if longest else []
    panes: _Panes = []
    for run in runs(even, settings.pane_rows, settings.pane_length):
        held = min(run.length, settings.pane_length)
        panes.append((run.counts, Pace(held, run.elapsed)))
    if len(panes) < LEAST_WINDOWS:
        return None
    edges = np.cumsum([feature.size for feature in features])[:-1]
    as_reference = [
        (np.concatenate([*map(_as_reference, features, np.split(counts, edges))]), pace) for counts, pace in panes
    ]
    return calibrate(features, as_reference, _clusters(features, panes))


def _clusters(features: Sequence[Feature], panes: _Panes) -> dict[tuple[int, str], tuple[float, float]]:
    """Return the reference's rows of unseen categories, and how many come together, by feature.

    The latter is Pearson's dispersion over twelve stretches of the panes, at the upper end of its 90 % interval.
    """
    counts = np.stack([counts for counts, _ in panes])
    stretches = np.stack([part.sum(axis=0) for part in np.array_split(counts, LEAST_WINDOWS)]).astype(np.float64)
    factor = 1 / float(chdtri(LEAST_WINDOWS - 1, 1 - CONFIDENCE))
    clusters = {}
    start = 0
    for index, feature in enumerate(features):
        part, start = stretches[:, start : start + feature.size], start + feature.size
        if not isinstance(feature.grid, CategoryGrid) or not feature.grid.once:
            continue
        rows, unseen = part.sum(axis=1), part[:, feature.grid.unseen].sum(axis=1)
        if unseen.any():
            expected = rows * (unseen.sum() / rows.sum())
            dispersion = factor * float((np.square(unseen - expected) / expected).sum())
            clusters[index, bin_names.UNSEEN] = (float(feature.grid.once), max(1.0, dispersion))
    return clusters
