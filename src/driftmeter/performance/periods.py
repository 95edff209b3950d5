"""Rows of any source, counted by period: all that estimates and realised metrics need, in bounded memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.data.blocks import Frame, blocks_of
from driftmeter.data.columns import as_frame, column_of, columns_of
from driftmeter.data.time_columns import Times, read_times
from driftmeter.errors import InputError
from driftmeter.performance.estimate import Estimates, estimate
from driftmeter.performance.labels import values_of
from driftmeter.performance.realised import label_sums, realised
from driftmeter.profile.performance import Performance, bins_of
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import HOUR, zone_named
from driftmeter.types import JSON, Codes, Counts, Floats

_BLOCK = 50_000
_QUARTER = HOUR // 4
NO_TIME = "no time"


@dataclass
class PeriodCounts:
    """The counts of a period: rows by cell of all tables; rows with labels, and their sums, by group of all tables."""

    name: str
    rows: int
    counts: Counts
    label_rows: Floats
    label_sums: Floats

    @property
    def labelled(self) -> int:
        """The number of rows that have a label and a prediction, counted once in each table."""
        return int(self.label_rows.sum())


@dataclass(frozen=True)
class PeriodPerformance:
    """What a period shows: the estimates, and the realised metrics of its `labelled` rows; {} where there are none."""

    name: str
    rows: int
    labelled: int
    estimates: Estimates
    realised: Mapping[str, float | None]

    def to_json(self) -> JSON:
        """Return plain JSON: each metric with its estimate and what was realised."""
        estimates = self.estimates.to_json()
        for name, metric in estimates["metrics"].items():
            metric["realised"] = self.realised.get(name)
        return {"period": self.name, **estimates, "rows": self.rows, "labelled": self.labelled}


@dataclass(frozen=True)
class Cut:
    """How rows are cut into periods: by the day of `time`, by `chunk` rows as they come, or not at all."""

    by: Literal["day"] | None = None
    chunk: int | None = None
    time: str | None = None
    time_format: str | None = None
    zone: str | None = None


def performance_of(
    profile: Profile,
    names: Sequence[str],
    frames: Iterable[Any],
    *,
    cut: Cut = Cut(),
    label: str | None = None,
    cost: Mapping[str, float] | None = None,
) -> list[PeriodPerformance]:
    """Estimate the performance of rows by period, in order; and the realised one where the column `label` is there.

    `names` are all columns of the frames. `label` is by default that of the profile, if the frames have it. Raises
    InputError where the profile has no performance, where there are no rows, and where a column is missing.
    """
    performance = profile.performance
    if performance is None:
        expected = "a profile with labels: driftmeter profile --prediction COLUMN --label COLUMN"
        raise InputError("profile", expected, "one without")
    if label is not None and label not in names:
        raise InputError("label", f"one of the columns {', '.join(names)}", repr(label))
    chosen = label or (performance.label if performance.label in names else None)
    periods = count_periods(profile, performance, names, frames, cut, chosen)
    tables = len(performance.tables) if performance.task == "multiclass" else 1
    return [
        PeriodPerformance(
            period.name,
            period.rows,
            period.labelled // tables,
            estimate(performance, period.counts, cost=cost),
            realised(performance, period.label_rows, period.label_sums, cost),
        )
        for period in periods
    ]


def count_periods(
    profile: Profile,
    performance: Performance,
    names: Sequence[str],
    frames: Iterable[Any],
    cut: Cut,
    label: str | None,
) -> list[PeriodCounts]:
    """Count the rows of frames by period; `label` is the column of labels, None where there is none."""
    reader, binner = Reader(profile, unseen_texts=False), Binner(profile)
    prediction = profile.prediction_column
    if prediction not in names:
        raise InputError("data", f"the column {prediction!r} of the predictions", ", ".join(names[:8]) or "no columns")
    if cut.by is not None and cut.time not in names:
        got = "no column of times" if cut.time is None else f"no column {cut.time!r}"
        raise InputError("time", "the column of the times, by which days are told (--time)", got)
    number = next((i for i, f in enumerate(reader.numeric) if f.column == prediction), None)
    found: dict[str, PeriodCounts] = {}
    before = 0
    for block in blocks_of(map(as_frame, frames), _BLOCK):
        rows, _, _ = reader.read_columns(columns_of(block, reader.names))
        bins = bins_of(binner.places(rows), profile.offsets)
        predictions = np.zeros(len(rows)) if number is None else rows.numbers[:, number]
        labels = np.full(len(rows), np.nan)
        if label is not None:
            labels = values_of(performance, column_of(block[label]))[rows.index]
        texts, period_of = _periods(block, cut, before)
        for period in np.unique(period_of).tolist():
            chosen = np.flatnonzero(period_of[rows.index] == period)
            _add(found, texts[period], performance, bins[chosen], predictions[chosen], labels[chosen])
        before += len(block)
    if not before:
        raise InputError("data", "rows", "none")
    return [found[name] for name in sorted(found)] if cut.by is not None else [*found.values()]


def _add(
    found: dict[str, PeriodCounts],
    name: str,
    performance: Performance,
    bins: Codes,
    predictions: Floats,
    labels: Floats,
) -> None:
    counts = [np.bincount(table.cells_of(bins), minlength=table.size) for table in performance.tables]
    rows, sums = label_sums(performance, bins, predictions, labels)
    period = found.get(name)
    if period is None:
        found[name] = PeriodCounts(name, len(bins), np.concatenate(counts), rows, sums)
        return
    period.rows += len(bins)
    period.counts += np.concatenate(counts)
    period.label_rows += rows
    period.label_sums += sums


def _periods(block: Frame, cut: Cut, before: int) -> tuple[list[str], Codes]:
    """Return the names of the periods of a block, and the number of the period of each row, (rows,)."""
    if cut.by == "day":
        assert cut.time is not None
        times, _ = read_times(block[cut.time], cut.time, cut.zone, cut.time_format)
        return _days(times, cut.zone)
    if cut.chunk is None:
        return ["all rows"], np.zeros(len(block), dtype=np.intp)
    chunks = (before + np.arange(len(block))) // cut.chunk
    first = int(chunks[0])
    names = [f"rows {n * cut.chunk + 1}–{(n + 1) * cut.chunk}" for n in range(first, int(chunks[-1]) + 1)]
    return names, chunks - first


def _days(times: Times, zone: str | None) -> tuple[list[str], Codes]:
    """Return days by the clocks of a zone, and the number of each row's."""
    clocks = dt.UTC if zone is None else zone_named(zone)
    quarters, inverse = np.unique(np.where(times < 0, -1, times // _QUARTER), return_inverse=True)
    days = [
        NO_TIME if one < 0 else dt.datetime.fromtimestamp(one * _QUARTER / 1000, clocks).date().isoformat()
        for one in quarters.tolist()
    ]
    names = list(dict.fromkeys(days))
    position = np.array([names.index(day) for day in days], dtype=np.intp)
    return names, position[inverse.reshape(-1)]
