"""Learn from a reference in its own order of time how much it varies by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.run import LENGTH, ROWS, Pace, elapsed_since, length_after_gap
from driftmeter.profile import bin_names
from driftmeter.profile.calibration import Calibration
from driftmeter.profile.feature import Feature
from driftmeter.timestamps import DAY, HOUR, common_step
from driftmeter.types import Codes, Counts, Floats, Milliseconds

PANE: Milliseconds = 10_000
"""Event time is cut as the server does by default, before panes are merged."""
LEAST_WINDOWS = 12
"""Fewer windows say too little of a variance: the last one that is known is carried on."""
CONFIDENCE = 0.1
"""Variances are taken at the upper end of their 90 % interval."""
HOURS = 24
LEAST_HOURLY = 100
"""Hours of the day with fewer reference rows are compared with the whole reference."""
MOST_EXPLAINED = 0.5
"""A score of which the hour explains a larger share is compared with the whole reference."""
_FEW_WINDOWS = 100
_MOST_PANES = 8192
_MOST_CELLS = 50_000_000
_LEAST_PANES = 256


def cut(times: npt.NDArray[np.int64], rows: int = ROWS, length: Milliseconds = LENGTH) -> Iterator[tuple[int, Pace]]:
    """Cut ascending times (rows,) into a detector's panes, by the rule that live ones are cut by: yield the number of
    rows up to the end of each, and how it came."""
    pane = resolution(times)
    starts, first = np.unique(times // pane * pane, return_index=True)
    ends = np.append(first[1:], len(times))
    begun, before, last, held, done = -1, -1, -1, 0, 0
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        begun, held = (start, pane) if begun < 0 else (begun, length_after_gap(held, start + pane - before))
        before = start + pane
        if end - done >= rows or before - begun >= length:
            yield end, Pace(min(held, length), elapsed_since(begun if last < 0 else last, before))
            begun, last, done = -1, before, end


def resolution(times: npt.NDArray[np.int64]) -> Milliseconds:
    """Return how long the slices are that times are cut into: the server's default, or as long as their own grid.

    >>> resolution(np.array([3_600_000, 10_800_000])), resolution(np.array([1, 3_600_000]))
    (3600000, 10000)
    """
    grid = common_step(times)
    return HOUR if grid % HOUR == 0 else grid if grid % PANE == 0 and HOUR % grid == 0 else PANE


def most_panes(bins: int) -> int:
    """Return how many panes a calibration looks at: more are merged two by two, since memory ends."""
    return max(_LEAST_PANES, min(_MOST_PANES, _MOST_CELLS // bins))


def calibrate(
    features: Sequence[Feature],
    panes: Sequence[tuple[Counts, Pace]],
    clusters: Mapping[tuple[int, str], tuple[float, float]],
    hour_of: npt.NDArray[np.int64] | None = None,
) -> Calibration | None:
    """Make a calibration from consecutive panes, each counts (bins,) and how it came; None of too few panes.

    Per score, rare bin and pooled group, and per length of window: τ² = max(0, F·Var(window mean)/σ² − mean(1/n)),
    with F the upper 90 % bound of a variance known from k windows; the excess kurtosis of the window means where it is
    more than chance, and over fewer than 100 windows at least half of that of the next shorter ones. `clusters` maps
    (feature, rare bin) to reference rows and the mean size of the clusters they came in. With `hour_of`, the hour of
    the day in which each pane began, each hour is compared with itself, and what varies is what is left.
    """
    tables = CompiledBins(features)
    counts = np.stack([each for each, _ in panes]) if panes else np.zeros((0, tables.starts[-1]), np.int64)
    lengths = np.array([pace.elapsed for _, pace in panes], dtype=np.int64)
    if len(lengths) > 1:
        lengths[0] = lengths[1:].mean()  # nobody knows since when it stands for its time
    usual = Pace(sum(pace.held for _, pace in panes), int(lengths.sum())).ratio
    by_hour = np.zeros((len(panes), 0 if hour_of is None else HOURS), dtype=np.int64)
    if hour_of is not None:
        by_hour[np.arange(len(panes)), hour_of] = counts[:, : tables.starts[1]].sum(axis=1)
    hours = hourly_means(tables, counts, by_hour)
    while len(counts) > most_panes(counts.shape[1]):
        counts, lengths, by_hour = _paired(counts), _paired(lengths), _paired(by_hour)
    levels: list[_Level] = []
    kurtosis: Floats | None = None
    while len(counts) >= LEAST_WINDOWS:
        rows = counts[:, : tables.starts[1]].sum(axis=1).astype(np.float64)
        expected = np.tensordot(by_hour / rows[:, None], hours, axes=1)
        level = _level(tables, counts, rows, expected, lengths, kurtosis)
        if levels and level.length <= levels[-1].length:
            break  # most of the time was in one sparse pane at the end, which no pair has room for
        kurtosis = level.tails
        levels.append(level)
        counts, lengths, by_hour = _paired(counts), _paired(lengths), _paired(by_hour)
    if not levels:
        return None
    sizes = np.array(
        [
            (0.0, 0.0) if own else clusters.get((int(owner), name), (0.0, 0.0))  # a category may be called "unseen"
            for owner, name, own in zip(tables.rare_owner, tables.rare_names, tables.two_sided, strict=True)
        ]
    ).reshape(-1, 2)
    arrays = {
        name: np.stack([getattr(each, name) for each in levels])
        for name in ("scores", "tails", "rare", "groups", "cores", "stuck")
    }
    return Calibration(
        tuple(each.length for each in levels),
        tuple(each.windows for each in levels),
        levels[-1].rows,
        usual,
        **arrays,
        clusters=sizes,
        hours=hours,
    ).rounded()


def hourly_means(tables: CompiledBins, counts: Counts, by_hour: Counts) -> Floats:
    """Return the mean of each score in each hour of the day, shape (24, features, scores), or (0, …) of none.

    0, which is the mean of all, where an hour has few rows, and for a score that the hour itself explains: within an
    hour it would hardly vary, and any odd row would be news.
    """
    number = by_hour.shape[1]
    means = np.zeros((number, len(tables.features), len(tables.scores)))
    if not number:
        return means
    rows = by_hour.sum(axis=0)
    for hour in np.flatnonzero(rows >= LEAST_HOURLY).tolist():
        means[hour] = tables.means(counts[by_hour[:, hour] > 0].sum(axis=0), float(rows[hour]))
    explained = np.tensordot(rows / rows.sum(), np.square(means), axes=1)
    found: Floats = np.where(explained < MOST_EXPLAINED, means, 0.0)
    return found


def _paired(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Add up neighbours; an odd one at the end is left out."""
    whole = len(values) // 2 * 2
    return values[0:whole:2] + values[1:whole:2]


@dataclass(frozen=True, eq=False)
class _Level:
    length: Milliseconds
    windows: int
    rows: float
    scores: Floats
    tails: Floats
    rare: Floats
    groups: Floats
    cores: Floats
    stuck: Floats


def _level(
    tables: CompiledBins,
    counts: Counts,
    rows: Floats,
    expected: Floats,
    lengths: npt.NDArray[np.int64],
    before: Floats | None,
) -> _Level:
    """Describe windows: counts (windows, bins), rows (windows,), `expected` means of scores (windows, features, 4)."""
    number, features = len(counts), len(tables.features)
    upper = (number - 1) / float(chdtri(number - 1, 1 - CONFIDENCE))
    once = float((1 / rows).mean())
    scores, tails = np.zeros((features, len(tables.scores))), np.zeros((features, len(tables.scores)))
    cores, stuck = np.zeros(features), np.zeros((features, 4))
    excess = np.zeros(counts.shape[1])
    groups = np.zeros(len(tables.group_owner))
    for index in range(features):
        part = slice(tables.starts[index], tables.starts[index + 1])
        shares = counts[:, part] / rows[:, None]
        means = shares @ tables.scores[:, part].T - expected[:, index]
        scores[index] = np.maximum(0, upper * means.var(axis=0, ddof=1) - once)
        tails[index] = _kurtosis(means)
        share = np.clip(tables.share[part], 0.5 / tables.rows[index], 1 - 0.5 / tables.rows[index])
        excess[part] = np.maximum(0, upper * shares.var(axis=0, ddof=1) / (share * (1 - share)) - once)
        own = tables.core[part]
        weight = np.where(own, 1 - share, 0.0)
        cores[index] = (weight * excess[part]).sum() / max(weight.sum(), 1e-12)
        first = int(tables.group[part].min())
        pool = np.eye(int(tables.group[part].max()) - first + 1)[tables.group[part] - first]
        share = np.clip(tables.share[part] @ pool, 0.5 / tables.rows[index], 1 - 0.5 / tables.rows[index])
        groups[first : first + pool.shape[1]] = np.maximum(
            0, upper * (shares @ pool).var(axis=0, ddof=1) / (share * (1 - share)) - once
        )
        stuck[index] = _modal(shares[:, tables.inner[part]])
    tails = np.where((tables.scored) & (tails > 2 * np.sqrt(24 / number)), tails, 0.0)
    if before is not None and number < _FEW_WINDOWS:
        tails = np.maximum(tails, 0.5 * before)
    return _Level(
        ceil(lengths.mean()),
        number,
        float(rows.mean()),
        scores * tables.scored,
        tails,
        excess[tables.rare],
        groups,
        cores,
        stuck,
    )


def _kurtosis(values: Floats) -> Floats:
    """Return the excess kurtosis of each column, 0 where it does not vary."""
    centred = values - values.mean(axis=0)
    variance = np.square(centred).mean(axis=0)
    found: Floats = np.where(variance > 1e-12, (centred**4).mean(axis=0) / np.maximum(variance, 1e-12) ** 2 - 3, 0.0)
    return found


def _modal(shares: Floats) -> Floats:
    """Describe how the most frequent bin's share varies: log-odds' mean, deviation, excess kurtosis, largest."""
    if shares.shape[1] < 2:
        return np.zeros(4)
    modal = np.clip(shares.max(axis=1), 1e-4, 1 - 1e-4)
    odds = np.log(modal / (1 - modal))
    return np.array([odds.mean(), odds.std(ddof=1), float(_kurtosis(odds[:, None])[0]), odds.max()])


def clusters_of_numbers(values: Floats, days: Codes) -> dict[str, tuple[float, float]]:
    """Return the reference's own records: the rows of one day beyond those of all other days, below and above."""
    present = np.isfinite(values)
    values, days = values[present], days[present]
    if len(values) < 50:
        return {}
    found = {}
    for name, sign in ((bin_names.BELOW, -1.0), (bin_names.ABOVE, 1.0)):
        largest = np.full(int(days.max()) + 1, -np.inf)
        np.maximum.at(largest, days, sign * values)
        ordered = np.sort(largest[np.isfinite(largest)])
        rows = float((sign * values > ordered[-2]).sum()) if len(ordered) > 1 else 0.0
        found[name] = (rows, max(1.0, rows))
    return found


def clusters_of_categories(codes: Codes, days: Codes) -> dict[str, tuple[float, float]]:
    """Return how many rows were of categories that came on one day only, and how many of one together."""
    present = codes >= 0
    pairs = np.unique(np.stack([codes[present], days[present]]), axis=1)
    rows = np.bincount(codes[present])
    alone = np.bincount(pairs[0], minlength=len(rows)) == 1
    sizes = rows[alone].astype(np.float64)
    total = float(sizes.sum())
    return {bin_names.UNSEEN: (total, float((sizes**2).sum()) / total if total else 1.0)}


def days_of(times: npt.NDArray[np.int64]) -> Codes:
    """Return a number for each row's day, from 0."""
    days: Codes = np.unique(times // DAY, return_inverse=True)[1].reshape(-1).astype(np.intp)
    return days
