"""A profile as tables: what is monitored, what is left out, and what the profile knows of time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
from rich.table import Table

from driftmeter.cli.console import console, plain
from driftmeter.data.columns import as_frame, column_of
from driftmeter.data.kinds import placeholders_note
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import DAY, moment_of
from driftmeter.verdict import sentences
from driftmeter.verdict.figures import percent, span
from driftmeter.verdict.readiness import covers_days, judged_after

_HEAVY = 0.5
"""Share of the values in one bin that is worth a note."""


def show_profile(profile: Profile, frame: Any, path: Path) -> None:
    """Print what is monitored, what is left out and why, what the profile knows of time, and its digest.

    `frame` is the reference, None if it is not at hand: then there are no notes on its columns.
    """
    out = console()
    data = None if frame is None else as_frame(frame)
    table = Table("feature", "kind", "role", box=None, header_style="bold", pad_edge=False)
    table.add_column("bins", justify="right")
    table.add_column("missing", justify="right")
    table.add_column("notes")
    for feature in profile.features:
        table.add_row(
            plain(feature.name),
            feature.kind if feature.part is None else f"{feature.part}, {feature.zone or 'as written'}",
            feature.role,
            str(_core_bins(feature)),
            percent(feature.counts[feature.grid.special[bin_names.MISSING]] / profile.rows),
            plain("" if data is None else "; ".join(notes_on(feature, data[feature.column]))),
        )
    out.print(table)
    if profile.left_out:
        left_out = Table("left out", "why", box=None, header_style="bold", pad_edge=False)
        for name, why in profile.left_out.items():
            left_out.add_row(plain(name), plain(why))
        out.print()
        out.print(left_out)
    size = path.stat().st_size / 1000
    out.print()
    out.print(plain(time_sentence(profile)), soft_wrap=True)
    out.print(
        plain(
            f"{path}: {_feature_count(profile)} of {profile.model} from {profile.rows:,} rows, {size:,.0f} kB, "
            f"digest {profile.digest}"
        ),
        soft_wrap=True,
    )


def _feature_count(profile: Profile) -> str:
    count = len(profile.features)
    return f"{count:,} features" if count != 1 else "1 feature"


def time_sentence(profile: Profile) -> str:
    """Say whether a profile knows how much change is normal, and what that means for alarms."""
    if profile.independent:
        return "Its rows count as independent of each other: alarms rest on that."
    calibration = profile.calibration
    if calibration is None:
        return (
            f"Not calibrated. {sentences.NO_ORDER_OF_TIME}"
            if profile.time is None
            else f"Not calibrated. {sentences.REFERENCE_TOO_SHORT}"
        )
    first, last = calibration.lengths[0], calibration.lengths[-1]
    calibrated = f"Calibrated by windows of {span(first)} to {span(last)}, not counting days without rows."
    if covers_days(calibration):
        return f"{calibrated} {_pace_sentence(profile)}"
    return f"{calibrated} {sentences.too_few_days(calibration.covered)}"


def _pace_sentence(profile: Profile) -> str:
    """Say after how many rows a model is judged: the first question after `serve`."""
    after, blind = judged_after(profile)
    if not after:
        return "Rows that come as these did are too few, or too alike, to be judged soon."
    later = f", and {blind} of {len(profile.features)} features later" if blind else ""
    assert profile.calibration is not None
    pace = profile.calibration.covered / profile.rows
    # windows of a day or more come from batches: their times say nothing on how fast rows come
    time = f", {span(round(after * pace))}" if profile.calibration.lengths[0] < DAY else ""
    return f"Rows that come as these did are judged after about {after:,} of them{time}{later}."


def notes_on(feature: Feature, series: nw.Series[Any]) -> Iterable[str]:
    """Yield notes on what deserves a second look in a feature of the reference.

    `series` is the feature's column.
    """
    grid, counts = feature.grid, feature.reference
    if feature.part is not None and _in_utc(feature, series):
        yield f"the {feature.part} of UTC: --zone NAME if people there live by clocks with summer time"
    present = counts[grid.present]
    total = int(present.sum())
    if total == 0:
        yield "no values at all"
        return
    if isinstance(grid, NumericGrid):
        heaviest = int(np.argmax(present))
        share = int(present[heaviest]) / total
        if share == 1.0 and _core_bins(feature) == 1:
            yield "constant"
        elif share >= _HEAVY:
            inside = range(*grid.core.indices(grid.size))
            alone = heaviest in inside and grid.atoms[heaviest - grid.core.start] is not None
            yield f"{share:.0%} {'at' if alone else 'in'} {grid.labels[heaviest]}"
        if feature.role != "derived" and not series.dtype.is_numeric():
            yield from filter(None, [placeholders_note(column_of(series))])
        if feature.role != "derived" and _all_differ(series, total):
            yield "looks like an identifier: every row has another value"
        return
    yield from _category_notes(grid, present, total, feature)


def _category_notes(grid: CategoryGrid, present: Any, total: int, feature: Feature) -> Iterable[str]:
    if (
        len(grid.categories) == 1
        and int(np.count_nonzero(present)) == 1
        and not grid.rest_hashes
        and feature.part is None
    ):
        yield "constant"
    if grid.once >= 0.9 * total and total > 1:
        yield "looks like an identifier: hardly a value comes twice"
    if grid.rest_hashes is None:
        yield "too many categories to know them all: none is ever unseen"
    elif grid.rest_hashes:
        bins = "the bin other" if grid.hashed == 1 else f"{grid.hashed:,} bins by their hash"
        yield f"{len(grid.rest_hashes):,} rare categories share {bins}"


def _in_utc(feature: Feature, series: nw.Series[Any]) -> bool:
    """Return whether hours are those of UTC, by the feature's zone or by how its first value is written."""
    if feature.zone is not None:
        return feature.zone == "UTC"
    try:
        return moment_of(next(iter(series.drop_nulls().head(1).to_list()))).utcoffset() == dt.timedelta(0)
    except (StopIteration, ValueError, TypeError, ArithmeticError):
        return False


def _all_differ(series: nw.Series[Any], present: int) -> bool:
    if not series.dtype.is_integer() or present <= 20:
        return False
    distinct: int = series.drop_nulls().n_unique()
    return distinct == present


def _core_bins(feature: Feature) -> int:
    grid = feature.grid
    return grid.core.stop - grid.core.start if isinstance(grid, NumericGrid) else len(grid.categories)
