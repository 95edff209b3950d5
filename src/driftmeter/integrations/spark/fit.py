"""A profile of a DataFrame that no memory holds: a sample decides the cuts, all rows are counted on the executors.

    sample      which columns are monitored, their kinds and notes, the residuals, the cuts of numbers
    all rows    the least and the largest number; the categories; the counts of all bins; the calibration by time

A cut of a number is a quantile of the sample. By the inequality of Dvoretzky, Kiefer and Wolfowitz, with Massart's
constant (1990), its rank among n sampled rows and its rank among all are less than ε = √(ln(2/δ) / 2n) of the rows
apart, all cuts of a feature at once, but for a chance of δ.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from pyspark.sql import functions as sql

from driftmeter.counts.bad_cells import numbers_of
from driftmeter.counts.summary import Summary
from driftmeter.data.columns import Source, as_frame
from driftmeter.data.time_columns import MOST_UNREADABLE
from driftmeter.detectors.run import Pace, runs
from driftmeter.errors import ProfileError, UnreadableWarning
from driftmeter.fitting.cut import most_panes, resolution
from driftmeter.fitting.grids import category_grid, texts_with_rows
from driftmeter.fitting.times import times_of
from driftmeter.fitting.variation import LEAST_WINDOWS, calibrate
from driftmeter.integrations.spark.clusters import clusters_in, finite
from driftmeter.integrations.spark.panes import panes, quoted
from driftmeter.panes.codec import decode_counts
from driftmeter.panes.pane import Slice
from driftmeter.profile.bin_values import BinValues
from driftmeter.profile.category_grid import MOST_KNOWN, CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import DAY, hour_at, zone_named
from driftmeter.types import Counts, Milliseconds

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SAMPLE = 500_000
_CHANCE = 1e-6
_MARGIN = 1.05
"""The sample is drawn row by row, so that its size varies."""
_SOME_TIME = 1_000_000_000.0
"""Of rows that have none, in seconds: they are counted in one pane."""


def quantile_error(rows: int) -> float:
    """Return by how much of all rows the rank of a cut may be off that was taken from a sample of so many rows.

    >>> round(quantile_error(500_000), 4)
    0.0038
    """
    return math.sqrt(math.log(2 / _CHANCE) / (2 * rows))


def fit_spark(
    frame: DataFrame,
    *,
    model: str,
    sample: int = SAMPLE,
    seed: int = 0,
    independent: bool = False,
    pane_rows: int = 100,
    pane_length: Milliseconds = 3_600_000,
    by_hour: bool = False,
    bins: int = 64,
    allow_unreadable_times: bool = False,
    **options: Any,
) -> Profile:
    """Make a profile of a DataFrame; see `Profile.fit_spark`."""
    rows = frame.count()
    options |= {"model": model, "bins": bins, "allow_unreadable_times": allow_unreadable_times}
    if rows <= sample:
        paces: dict[str, Any] = {"pane_rows": pane_rows, "pane_length": pane_length, "by_hour": by_hour}
        return Profile.fit(frame.toArrow(), independent=independent, **paces, **options)
    table = frame.sample(fraction=min(1.0, _MARGIN * sample / rows), seed=seed).toArrow()
    # the sample's rows are not consecutive, and calibrate nothing: the fit takes them as independent
    draft = Profile.fit(table, independent=True, **options)
    drawn = as_frame(table)
    features = tuple(_on_all_rows(feature, frame, drawn, rows, bins) for feature in draft.features)
    draft = replace(draft, rows=rows, features=features, independent=independent)
    calibrating = draft.time is not None and not independent
    counted = _Counted.of(_slices(frame, draft, drawn), pane_rows, pane_length, draft.bins)
    if draft.time is not None:
        _check_times(draft.time, rows, counted.total.rows, allow_unreadable_times)
    filled = tuple(
        replace(feature, counts=tuple(counted.total.counts[part].tolist())) for feature, part in draft.slices()
    )
    profile = replace(draft, rows=counted.total.rows, features=filled)
    if draft.time is None:
        return profile
    profile = replace(profile, span=counted.span)
    if not calibrating or len(counted.panes) < LEAST_WINDOWS:
        return profile
    zone = None if profile.zone is None else zone_named(profile.zone)
    hours = np.array([hour_at(start, zone) for start in counted.starts], np.int64) if by_hour else None
    clusters = clusters_in(frame, profile)
    return replace(profile, calibration=calibrate(profile.features, counted.panes, clusters, hours))


def _on_all_rows(feature: Feature, frame: DataFrame, drawn: Any, rows: int, bins: int) -> Feature:
    """Return a feature with the extremes, or the categories, of all rows; its counts are yet to come."""
    grid, values = feature.grid, feature.values
    if isinstance(grid, NumericGrid) and feature.role != "derived":
        numbers, _ = numbers_of(feature.column, Source(drawn[feature.column]).column)
        numbers = np.concatenate([numbers[np.isfinite(numbers)], _extremes(frame, feature.column)])
        grid = NumericGrid.fit(numbers, bins=bins, whole=drawn[feature.column].dtype.is_integer())
        values = BinValues.of(grid, numbers)
    elif isinstance(grid, CategoryGrid) and feature.part is None and feature.kind == "categorical":
        column = sql.col(quoted(feature.column))
        counts = frame.groupBy(column.alias("value")).count().orderBy(sql.desc("count")).limit(MOST_KNOWN + 2)
        table = counts.toArrow()
        texts = texts_with_rows(table["value"].to_pylist(), table["count"].to_pylist(), grid.dtype)
        grid = category_grid(texts, grid.dtype, rows)
    return replace(feature, grid=grid, values=values, counts=(rows, *(0,) * (grid.size - 1)))


def _extremes(frame: DataFrame, name: str) -> list[float]:
    """Return the least and the largest finite number of a column, none where there is none."""
    number = finite(sql.col(quoted(name)))
    (row,) = frame.agg(sql.min(number).alias("least"), sql.max(number).alias("most")).collect()
    return [float(number) for number in row if number is not None]


def _slices(frame: DataFrame, draft: Profile, drawn: Any) -> Iterable[Slice]:
    """Yield the counts of all rows by time, ascending, in slices as short as the calibration of a fit cuts them."""
    time, pane = draft.time, DAY
    if time is None:
        time = "driftmeter's time"
        frame = frame.withColumn(time, sql.lit(_SOME_TIME))
    else:
        times = times_of(drawn[time], time, draft.zone, draft.time_format, needed=True, allow_unreadable=True)
        assert times is not None
        pane = resolution(np.sort(times[times >= 0]))
    for row in panes(frame, draft, time=time, pane=pane).summaries().orderBy("start").toLocalIterator():
        if row["start"] is not None:
            summary = Summary(row["rows"], decode_counts(bytes(row["counts"]), draft.bins))
            yield Slice(row["start"], pane, summary)


@dataclass
class _Counted:
    """All rows, and the panes of the detector that they make: counts, pace and start of each."""

    total: Summary
    panes: list[tuple[Counts, Pace]] = field(default_factory=list)
    starts: list[Milliseconds] = field(default_factory=list)
    span: tuple[Milliseconds, Milliseconds] | None = None

    @classmethod
    def of(cls, slices: Iterable[Slice], rows: int, length: Milliseconds, bins: int) -> _Counted:
        """Add up ascending slices; where they make more panes than memory holds, 2, 4, 8 … of these count as one."""
        counted = cls(Summary.zero(bins))
        together, waiting = 1, 0

        def noted() -> Iterable[Slice]:
            for slice_ in slices:
                counted.total += slice_.summary
                first = slice_.start if counted.span is None else counted.span[0]
                counted.span = (first, slice_.end - 1)
                yield slice_

        for run in runs(noted(), rows, length):
            pace = Pace(min(run.length, length), run.elapsed)
            if waiting:
                before, held = counted.panes[-1]
                counted.panes[-1] = before + run.counts, Pace(held.held + pace.held, held.elapsed + pace.elapsed)
            else:
                counted.panes.append((run.counts, pace))
                counted.starts.append(run.start)
            waiting = (waiting + 1) % together
            if not waiting and len(counted.panes) > most_panes(bins):
                counted._pair()
                together *= 2
        if waiting:  # an unfinished group is left out, as an unfinished pane is
            counted.panes.pop()
            counted.starts.pop()
        return counted

    def _pair(self) -> None:
        whole = len(self.panes) // 2 * 2
        pairs = zip(self.panes[0:whole:2], self.panes[1:whole:2], strict=True)
        self.panes = [
            (one + other, Pace(first.held + second.held, first.elapsed + second.elapsed))
            for (one, first), (other, second) in pairs
        ]
        self.starts = self.starts[0:whole:2]


def _check_times(name: str, rows: int, readable: int, allow: bool) -> None:
    """Warn of rows whose time cannot be read; raise ProfileError where they are many, unless that is allowed."""
    without = rows - readable
    if not without:
        return
    said = f"time {name!r}: {without:,} of {rows:,} rows have none that can be read"
    if not readable or (without > MOST_UNREADABLE * rows and not allow):
        raise ProfileError(f"{said}. To leave them out: allow_unreadable_times=True")
    warnings.warn(f"{said}. These rows are left out.", UnreadableWarning, stacklevel=4)
