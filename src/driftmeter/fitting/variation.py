"""Learn from a reference, in its own order of time, how much it varies by itself.

Neighbouring windows are added up two by two, again and again: a level of windows for each length, while there are 12 of
them or more. Of a mean over k windows with variance V, known to within a factor F = (k−1)/χ²_{.1}(k−1),

    τ² = max(0, F V/σ² − mean(1/n))

is what the windows vary by beyond what n independent rows do; see detectors/variance.py for how it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.pooling import MOST_GROUPS
from driftmeter.detectors.protocol import Mask
from driftmeter.detectors.run import Pace
from driftmeter.fitting.by_rows import RowScale
from driftmeter.fitting.cut import most_panes
from driftmeter.profile.calibration import Calibration
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.types import Counts, Floats, Milliseconds

LEAST_WINDOWS = 12
"""Fewer windows say too little about a variance; the variance of the longest calibrated windows then applies."""
CONFIDENCE = 0.1
"""Variances are taken at the upper end of their 90 % interval."""
HOURS = 24
LEAST_HOURLY = 100
"""Hours of the day with fewer reference rows are compared with the whole reference."""
MOST_EXPLAINED = 0.5
"""A score of which the hour explains a larger share is compared with the whole reference."""
_FEW_WINDOWS = 100
_DEPENDENT = 10.0
"""n τ² from which on rows depend on what comes before, as weather does, more than small groups of rows could make them:
then few windows show how far extreme ones go, and their kurtosis is taken a standard deviation higher."""
_FEW_ROWS = 50
"""With fewer reference rows a bin of rare categories has the variance that all such bins have together."""


def calibrate(
    features: Sequence[Feature],
    panes: Sequence[tuple[Counts, Pace]],
    clusters: Mapping[tuple[int, str], tuple[float, float]],
    hour_of: npt.NDArray[np.int64] | None = None,
    add_rows: Callable[[RowScale], None] | None = None,
) -> Calibration | None:
    """Make a calibration from consecutive panes; None where there are fewer than 12.

    Each of `panes` is counts (bins,) and its pace. `clusters` maps (index of the feature, name of the rare bin) to the
    reference's rows and the mean size of the clusters they came in. With `hour_of` (panes,), the hour of the day in
    which each pane began, each hour is compared with itself: the variances are those around the hours' means.
    `add_rows` adds the rows behind the panes to a scale of rows; without it, that has whole panes only.

    An excess kurtosis is kept where it is more than chance explains, and where rows depend on each other; over fewer
    than 100 windows it is at least half of that of the next shorter windows.
    """
    bins = CompiledBins(features)
    counts = np.stack([pane for pane, _ in panes]) if panes else np.zeros((0, bins.starts[-1]), np.int64)
    lengths = np.array([pace.elapsed for _, pace in panes], dtype=np.int64)
    if len(lengths) > 1:
        lengths[0] = lengths[1:].mean()  # the first pane has no pane before it, so its event time is unknown
    usual = Pace(sum(pace.held for _, pace in panes), int(lengths.sum())).ratio
    by_hour = np.zeros((len(panes), 0 if hour_of is None else HOURS), dtype=np.int64)
    if hour_of is not None:
        by_hour[np.arange(len(panes)), hour_of] = counts[:, : bins.starts[1]].sum(axis=1)
    hours = hourly_means(bins, counts, by_hour)
    by_rows = RowScale(bins, hours)
    if add_rows is not None:
        add_rows(by_rows)
    else:
        by_rows.add_blocks(counts.astype(np.float64))
    while len(counts) > most_panes(counts.shape[1]):
        counts, lengths, by_hour = _paired(counts), _paired(lengths), _paired(by_hour)
    levels: list[_Level] = []
    kurtosis: Floats | None = None
    while len(counts) >= LEAST_WINDOWS:
        rows = counts[:, : bins.starts[1]].sum(axis=1).astype(np.float64)
        expected = np.tensordot(by_hour / rows[:, None], hours, axes=1)
        level = _level(bins, counts, rows, expected, lengths, kurtosis)
        if levels and level.length <= levels[-1].length:
            break  # most of the time was in one sparse pane at the end, which no pair has room for
        kurtosis = level.tails
        levels.append(level)
        counts, lengths, by_hour = _paired(counts), _paired(lengths), _paired(by_hour)
    if not levels:
        return None
    # a two-sided bin is a category, which may be called "unseen"
    sizes = np.array(
        [
            (0.0, 0.0) if two_sided else clusters.get((int(owner), name), (0.0, 0.0))
            for owner, name, two_sided in zip(bins.rare_owner, bins.rare_names, bins.two_sided, strict=True)
        ]
    ).reshape(-1, 2)
    arrays = {
        name: np.stack([getattr(level, name) for level in levels])
        for name in ("scores", "tails", "rare", "groups", "cores", "stuck")
    }
    numbers_of_rows, of_rows = by_rows.calibrated()
    return Calibration(
        tuple(level.length for level in levels),
        tuple(level.windows for level in levels),
        levels[-1].rows,
        usual,
        **arrays,
        clusters=sizes,
        hours=hours,
        sizes=numbers_of_rows,
        **of_rows,
    ).rounded()


def hourly_means(bins: CompiledBins, counts: Counts, by_hour: Counts) -> Floats:
    """Return the mean of each score in each hour of the day, shape (24, features, scores).

    `by_hour` (panes, 24) are the rows of each pane by hour; of shape (panes, 0) it gives (0, features, scores). A mean
    is 0, as that of all rows is, where an hour has few rows, and for a score that the hour itself explains: within an
    hour it would hardly vary, and any odd row would look like drift.
    """
    number = by_hour.shape[1]
    means = np.zeros((number, len(bins.features), len(bins.scores)))
    if not number:
        return means
    rows = by_hour.sum(axis=0)
    for hour in np.flatnonzero(rows >= LEAST_HOURLY).tolist():
        means[hour] = bins.means(counts[by_hour[:, hour] > 0].sum(axis=0), float(rows[hour]))
    explained = np.tensordot(rows / rows.sum(), np.square(means), axes=1)
    unexplained: Floats = np.where(explained < MOST_EXPLAINED, means, 0.0)
    return unexplained


def _paired(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Add up neighbours along the first axis; an odd one at the end is left out."""
    whole = len(values) // 2 * 2
    return values[0:whole:2] + values[1:whole:2]


@dataclass(frozen=True, eq=False)
class _Level:
    """The windows of one length: how many, how long, in ms, their mean rows, and what `Calibration` holds of them."""

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
    bins: CompiledBins,
    counts: Counts,
    rows: Floats,
    expected: Floats,
    lengths: npt.NDArray[np.int64],
    before: Floats | None,
) -> _Level:
    """Return what the windows of one length show.

    `counts` (windows, bins); `rows` (windows,); `expected` (windows, features, scores): the mean scores of their hours;
    `lengths` (windows,) in ms; `before`: the kurtosis of the next shorter windows.
    """
    number, features = len(counts), len(bins.features)
    factor = (number - 1) / float(chdtri(number - 1, 1 - CONFIDENCE))
    sampling = float((1 / rows).mean())
    scores, tails = np.zeros((features, len(bins.scores))), np.zeros((features, len(bins.scores)))
    cores, stuck = np.zeros(features), np.zeros((features, 4))
    excess = np.zeros(counts.shape[1])
    groups = np.zeros(len(bins.group_owner))
    for index in range(features):
        part = slice(bins.starts[index], bins.starts[index + 1])
        shares = counts[:, part] / rows[:, None]
        means = shares @ bins.scores[:, part].T - expected[:, index]
        scores[index] = np.maximum(0, factor * means.var(axis=0, ddof=1) - sampling)
        tails[index] = _kurtosis(means)
        share = np.clip(bins.share[part], 0.5 / bins.rows[index], 1 - 0.5 / bins.rows[index])
        excess[part] = np.maximum(0, factor * shares.var(axis=0, ddof=1) / (share * (1 - share)) - sampling)
        few = _few_by_hash(bins.features[index], bins.reference[part])
        excess[part][few] = pooled_excess(shares, share, np.where(few, 1 - share, 0.0), sampling)
        cores[index] = pooled_excess(shares, share, np.where(bins.core[part], 1 - share, 0.0), sampling)
        first = int(bins.group[part].min())
        pool = np.eye(int(bins.group[part].max()) - first + 1)[bins.group[part] - first]
        share = np.clip(bins.share[part] @ pool, 0.5 / bins.rows[index], 1 - 0.5 / bins.rows[index])
        pooled = shares @ pool
        if pool.shape[1] > MOST_GROUPS:
            # too many to know each one's: they are alike, being groups by hash
            groups[first : first + pool.shape[1]] = pooled_excess(pooled, share, 1 - share, sampling)
        else:
            groups[first : first + pool.shape[1]] = np.maximum(
                0, factor * pooled.var(axis=0, ddof=1) / (share * (1 - share)) - sampling
            )
        stuck[index] = _modal(shares[:, bins.inner[part]])
    noise = np.sqrt(24 / number)
    dependent = scores * float(rows.mean()) >= _DEPENDENT
    tails = np.where(dependent, np.maximum(tails, 0.0) + noise, np.where(tails > 2 * noise, tails, 0.0)) * bins.scored
    if before is not None and number < _FEW_WINDOWS:
        tails = np.maximum(tails, 0.5 * before)
    return _Level(
        ceil(lengths.mean()),
        number,
        float(rows.mean()),
        scores * bins.scored,
        tails,
        excess[bins.rare],
        groups,
        cores,
        stuck,
    )


def _few_by_hash(feature: Feature, expected: Floats) -> Mask:
    """Return the bins of rare categories with few rows, (bins,): too few to know each one's variance, and alike."""
    few = np.zeros(feature.size, dtype=bool)
    if isinstance(feature.grid, CategoryGrid):
        few[feature.grid.rest] = expected[feature.grid.rest] < _FEW_ROWS
    return few


def pooled_excess(shares: Floats, expected: Floats, weight: Floats, sampling: float) -> float:
    """Return the τ² that several bins have together, at the upper end of its 90 % interval; 0 without weight.

    `shares` (windows, bins) of the rows, `expected` and `weight` (bins,), `sampling` the mean of 1/n. Many bins tell
    more of a variance than one, unless they vary together. The windows show that: the weighted mean square deviation of
    a window has itself the mean μ and the variance s² over k windows, as a χ² of ν/k degrees of freedom has, with
    ν = 2 μ² (k−1) / s², which is at least that of one bin, k−1. Source: Satterthwaite (1946).

    >>> chance = np.random.default_rng(0)
    >>> shares = chance.multinomial(1_000, np.full(50, 0.02), 16) / 1_000
    >>> together = pooled_excess(shares, np.full(50, 0.02), np.ones(50), 1 / 1_000)
    >>> alone = [pooled_excess(shares[:, [bin_]], np.full(1, 0.02), np.ones(1), 1 / 1_000) for bin_ in range(50)]
    >>> bool(together < 0.0001 < np.mean(alone))
    True
    """
    whole, number = float(weight.sum()), len(shares)
    if whole <= 0:
        return 0.0
    squares = np.square(shares - shares.mean(axis=0)) / (expected * (1 - expected))
    of_window = (squares @ weight) / whole * number / (number - 1)
    mean, variance = float(of_window.mean()), float(of_window.var(ddof=1))
    most = (number - 1.0) * max(int(np.count_nonzero(weight)) - 1, 1)
    freedom = float(np.clip(2 * mean**2 * (number - 1) / max(variance, 1e-300), number - 1.0, most))
    return max(0.0, freedom / float(chdtri(freedom, 1 - CONFIDENCE)) * mean - sampling)


def _kurtosis(values: Floats) -> Floats:
    """Return the excess kurtosis of each column, 0 where it does not vary."""
    centred = values - values.mean(axis=0)
    variance = np.square(centred).mean(axis=0)
    fourth = (centred**4).mean(axis=0)
    kurtosis: Floats = np.where(variance > 1e-12, fourth / np.maximum(variance, 1e-12) ** 2 - 3, 0.0)
    return kurtosis


def _modal(shares: Floats) -> Floats:
    """Return mean, deviation, excess kurtosis and largest of the log-odds of the most frequent bin's share, (4,)."""
    if shares.shape[1] < 2:
        return np.zeros(4)
    modal = np.clip(shares.max(axis=1), 1e-4, 1 - 1e-4)
    odds = np.log(modal / (1 - modal))
    return np.array([odds.mean(), odds.std(ddof=1), float(_kurtosis(odds[:, None])[0]), odds.max()])
