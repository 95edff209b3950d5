"""Calibrating: from a reference's rows in order of time to what a profile knows of their own variation."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Rows
from driftmeter.data.columns import Column, Dictionary
from driftmeter.data.time_columns import note_on_unreadable, read_times
from driftmeter.detectors.run import Pace
from driftmeter.errors import InputError, ProfileError, UnreadableWarning
from driftmeter.fitting.variation import (
    calibrate,
    clusters_of_categories,
    clusters_of_numbers,
    cut,
    days_of,
    most_panes,
)
from driftmeter.profile.calibration import Calibration
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import hour_at, zone_named
from driftmeter.types import Codes, Milliseconds


def calibrated(
    profile: Profile,
    rows: Rows,
    columns: Mapping[str, Column],
    column: nw.Series[Any],
    pane: tuple[int, Milliseconds],
    by_hour: bool,
    allow_unreadable_times: bool,
) -> Calibration | None:
    """Learn from the rows in order of time how much they vary by themselves; None where they cover too little.

    `pane` says how many rows, or milliseconds, make a pane of the detector; `by_hour`, that each hour of the day is
    compared with itself. Warns of a few times that cannot be read; raises ProfileError where they are more than a few,
    unless that is allowed, or all.
    """
    assert profile.time is not None
    try:
        times, unreadable = read_times(column, profile.time, profile.zone)
        said = note_on_unreadable(unreadable, len(times), allow=allow_unreadable_times and len(unreadable) < len(times))
    except InputError as error:
        raise ProfileError(str(error)) from error
    if said is not None:
        warnings.warn(f"{said} These rows count, but not in the order of time.", UnreadableWarning, stacklevel=4)
    order = np.argsort(times, kind="stable")[len(unreadable) :]
    ordered, binner = times[order], Binner(profile)
    cuts = list(cut(ordered, *pane))
    together = 1  # panes counted as one: of a reference of millions of them, memory could not hold each
    while len(cuts) // together > most_panes(profile.bins):
        together *= 2
    panes, starts, begun = [], [], 0
    for place in range(0, len(cuts) // together * together, together):
        group = cuts[place : place + together]
        end = group[-1][0]
        pace = Pace(sum(pace.held for _, pace in group), sum(pace.elapsed for _, pace in group))
        panes.append((binner.observe(rows.take(order[begun:end])).counts, pace))
        starts.append(int(ordered[begun]))
        begun = end
    days, known = days_of(ordered), rows.take(order)
    clusters: dict[tuple[int, str], tuple[float, float]] = {}
    numbers = 0
    for index, feature in enumerate(profile.features):
        found: dict[str, tuple[float, float]] = {}
        if feature.kind == "numeric":
            found = clusters_of_numbers(known.numbers[:, numbers], days)
            numbers += 1
        elif feature.part is None:
            found = clusters_of_categories(_codes_of(columns[feature.column])[order], days)
        clusters |= {(index, name): cluster for name, cluster in found.items()}
    zone = None if profile.zone is None else zone_named(profile.zone)
    hours = np.array([hour_at(start, zone) for start in starts], dtype=np.int64)
    return calibrate(profile.features, panes, clusters, hours if by_hour else None)


def _codes_of(column: Column) -> Codes:
    """Return a number for each row's category, -1 where it is missing."""
    if isinstance(column, np.ndarray):
        return np.unique(column, return_inverse=True)[1].reshape(-1).astype(np.intp)
    return (column if isinstance(column, Dictionary) else Dictionary.encode(column)).indices
