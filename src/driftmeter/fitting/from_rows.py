"""Calibrate a profile by its reference's rows in order of time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Rows
from driftmeter.data.columns import Column, Dictionary
from driftmeter.detectors.run import Pace
from driftmeter.fitting.by_rows import RowScale, stretches
from driftmeter.fitting.clusters import clusters_of_categories, clusters_of_numbers, days_of
from driftmeter.fitting.cut import cut, most_panes
from driftmeter.fitting.variation import LEAST_WINDOWS, calibrate
from driftmeter.profile.calibration import Calibration
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import hour_at, zone_named
from driftmeter.types import Codes, Counts, Milliseconds


def calibrated(
    profile: Profile,
    rows: Rows,
    columns: Mapping[str, Column],
    times: npt.NDArray[np.int64],
    pane: tuple[int, Milliseconds],
    by_hour: bool,
) -> Calibration | None:
    """Return how much the rows vary by themselves in order of time; None where they make too few panes.

    `times` (rows,) are those of `rows` in ms, negative where there is none; `columns` are what these were read from.
    `pane` is how many rows, or milliseconds, make a pane of the detector; with `by_hour` each hour of the day is
    compared with itself.
    """
    order = np.argsort(times, kind="stable")[np.count_nonzero(times < 0) :]
    ordered = times[order]
    panes, starts = _panes(profile, rows, order, ordered, pane)
    if len(panes) < LEAST_WINDOWS:
        return None
    clusters = _clusters(profile, rows.take(order), order, columns, days_of(ordered))
    zone = None if profile.zone is None else zone_named(profile.zone)
    hours = np.array([hour_at(start, zone) for start in starts], dtype=np.int64) if by_hour else None
    binner = Binner(profile)

    def add_rows(scale: RowScale) -> None:
        for part, least in stretches(len(order)):
            hour_of = None
            if hours is not None:
                pane_of = np.searchsorted(starts, ordered[part], side="right") - 1
                hour_of = hours[np.maximum(pane_of, 0)].astype(np.intp)
            scale.add_rows(binner.places(rows.take(order[part])), least, hour_of)

    return calibrate(profile.features, panes, clusters, hours, add_rows)


def _panes(
    profile: Profile, rows: Rows, order: Codes, times: npt.NDArray[np.int64], pane: tuple[int, Milliseconds]
) -> tuple[list[tuple[Counts, Pace]], list[Milliseconds]]:
    """Return the counts and the pace of each pane, and when each begins; `times` are those of the rows in `order`.

    Of a reference of millions of panes, memory could not hold each: 2, 4, 8 … of them count as one.
    """
    binner = Binner(profile)
    cuts = list(cut(times, *pane))
    together = 1
    while len(cuts) // together > most_panes(profile.bins):
        together *= 2
    panes, starts, begin = [], [], 0
    for first in range(0, len(cuts) // together * together, together):
        group = cuts[first : first + together]
        end = group[-1][0]
        pace = Pace(sum(pace.held for _, pace in group), sum(pace.elapsed for _, pace in group))
        panes.append((binner.observe(rows.take(order[begin:end])).counts, pace))
        starts.append(int(times[begin]))
        begin = end
    return panes, starts


def _clusters(
    profile: Profile, rows: Rows, order: Codes, columns: Mapping[str, Column], days: Codes
) -> dict[tuple[int, str], tuple[float, float]]:
    """Return the clusters of each feature, by its index and the rare bin; `rows` and `days` are in `order` already."""
    clusters: dict[tuple[int, str], tuple[float, float]] = {}
    numbers = 0
    for index, feature in enumerate(profile.features):
        of_feature: dict[str, tuple[float, float]] = {}
        if feature.kind == "numeric":
            of_feature = clusters_of_numbers(rows.numbers[:, numbers], days)
            numbers += 1
        elif feature.part is None:
            of_feature = clusters_of_categories(_codes_of(columns[feature.column])[order], days)
        clusters |= {(index, name): cluster for name, cluster in of_feature.items()}
    return clusters


def _codes_of(column: Column) -> Codes:
    """Return a number for each row's category, -1 where it is missing."""
    if isinstance(column, np.ndarray):
        return np.unique(column, return_inverse=True)[1].reshape(-1).astype(np.intp)
    return (column if isinstance(column, Dictionary) else Dictionary.encode(column)).indices
