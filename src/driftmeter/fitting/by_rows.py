"""Learn from a reference, in its own order of time, how much rows that come one after another resemble each other.

Rows may come in small groups: households, sessions, orders. Then a window of eight rows may hold a single group,
however long it lasts, which windows of an hour do not show. So sums over blocks of 4, 8, 16 … 4,096 consecutive rows
are compared too. Of the sums S over k blocks of n rows, where one row has the mean μ and the variance σ²,

    v  = Σ (S − n μ)² / n / (k − 1) / σ²    the design effect: rows that are worth one independent row
    τ² = max(0, F v − 1) / n                F = (k−1)/χ²_{.1}(k−1), the upper end of the 90 % interval

τ² is what the means vary by beyond what n independent rows do; see detectors/variance.py for how it is used.
Source: Kish, Survey Sampling (1965), §8.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from driftmeter.detectors.bins import CompiledBins
from driftmeter.types import Codes, Floats

LEAST_ROWS, MOST_ROWS = 4, 4096
"""Rows in the smallest and in the largest blocks."""
LEAST_BLOCKS = 24
"""Fewer blocks of a size say too little about a variance; the design effect of the next smaller size then applies."""
CONFIDENCE = 0.1
_STRETCH = 16 * MOST_ROWS
_MOST_STRETCHES = 16
"""A larger reference is looked at in so many stretches of consecutive rows, evenly spread: a million rows."""
_MOST_BLOCKS = 1 << 15
"""Of the small blocks about so many are looked at: a variance is then known to a hundredth."""
_MOST_CELLS = 1 << 21
"""Counts of blocks that are held at a time."""


def stretches(rows: int) -> Iterator[tuple[slice, int]]:
    """Yield the stretches to look at out of so many rows, and the size of the smallest blocks to look at in each.

    >>> list(stretches(1_000))
    [(slice(0, 1000, None), 4)]
    >>> [size for _, size in stretches(10_000_000)]
    [4, 32, 16, 32, 8, 32, 16, 32, 4, 32, 16, 32, 8, 32, 16, 32]
    """
    whole = max(1, -(-rows // _STRETCH))
    number = min(whole, _MOST_STRETCHES)
    for index in range(number):
        start = index * whole // number * _STRETCH
        size = LEAST_ROWS
        while index % max(1, number * _STRETCH // (size * _MOST_BLOCKS)):
            size *= 2
        yield slice(start, min(start + _STRETCH, rows)), size


@dataclass
class _Totals:
    """Of the blocks of one size: their number, the sums of n, of S and of S²/n, and the extremes of S − n μ.

    S and the expected μ of one row have the shape (columns,).
    """

    expected: Floats
    blocks: int = 0
    rows: float = 0.0

    def __post_init__(self) -> None:
        """Start from nothing."""
        self.sums, self.squares, self.least, self.most = np.zeros((4, len(self.expected)))

    def add(self, sums: Floats, rows: Floats) -> None:
        """Take sums (blocks, columns) over blocks of `rows` (blocks,) rows."""
        self.blocks += len(sums)
        self.rows += float(rows.sum())
        self.sums += sums.sum(axis=0)
        self.squares += np.einsum("ij,ij,i->j", sums, sums, 1 / rows)
        beyond = sums - rows[:, None] * self.expected
        np.minimum(self.least, beyond.min(axis=0), out=self.least)
        np.maximum(self.most, beyond.max(axis=0), out=self.most)

    @property
    def size(self) -> float:
        """The mean number of rows in a block."""
        return self.rows / self.blocks

    def additive(self, variance: Floats) -> Floats:
        """Return τ² of each column, whose one row has that variance (columns,)."""
        factor = (self.blocks - 1) / float(chdtri(self.blocks - 1, 1 - CONFIDENCE))
        spread = (self.squares - np.square(self.sums) / self.rows) / (self.blocks - 1)
        additive: Floats = np.maximum(factor * spread / variance - 1, 0) / self.size
        return additive


class RowScale:
    """Adds up blocks of consecutive rows, level by level: each level has blocks of twice as many rows."""

    def __init__(self, bins: CompiledBins, hours: Floats) -> None:
        """Take the bins, and the mean of each score by hour of the day, (24, features, scores), or none: (0, …)."""
        self._bins = bins
        self._hours = hours
        self._parts = [
            slice(int(start), int(end)) for start, end in zip(bins.starts[:-1], bins.starts[1:], strict=True)
        ]
        self._columns = [self._columns_of(part) for part in self._parts]
        self._levels: list[list[_Totals]] = [[] for _ in self._parts]
        """The totals of each feature by level; columns: its scores, its groups, its bins."""

    def _columns_of(self, part: slice) -> Floats:
        """Return what makes sums of scores and groups, (blocks, columns), out of a feature's counts (blocks, bins)."""
        group = self._bins.group[part] - self._bins.group[part].min()
        return np.concatenate([self._bins.scores[:, part].T, np.eye(int(group.max()) + 1)[group]], axis=1)

    def add_rows(self, codes: Codes, least: int, hour_of: Codes | None) -> None:
        """Take consecutive rows in blocks of `least` rows, a power of two, and more.

        `codes` (rows, features) are the bins of the rows among those of all features, `hour_of` (rows,) the hours of
        the day in which their panes began.
        """
        level = (least // LEAST_ROWS).bit_length() - 1
        whole = len(codes) // least * least
        for index, part in enumerate(self._parts):
            width = part.stop - part.start
            step = max(1, _MOST_CELLS // width * least // MOST_ROWS) * MOST_ROWS
            for start in range(0, whole, step):
                rows = slice(start, min(start + step, whole))
                counts = _counted(codes[rows, index] - part.start, least, width)
                by_hour = None if hour_of is None else _counted(hour_of[rows], least, len(self._hours))
                self._add(index, counts, np.full(len(counts), float(least)), by_hour, level)

    def add_blocks(self, counts: Floats) -> None:
        """Take blocks of consecutive rows that were counted before, (blocks, bins), as they are and in pairs."""
        rows = counts[:, self._parts[0]].sum(axis=1)
        for index, part in enumerate(self._parts):
            self._add(index, counts[:, part], rows, None, 0)

    def _add(self, index: int, counts: Floats, rows: Floats, by_hour: Floats | None, level: int) -> None:
        levels, columns = self._levels[index], self._columns[index]
        share = self._bins.share[self._parts[index]]
        expected = np.concatenate([share @ columns, share])
        while len(rows) and rows.mean() <= MOST_ROWS:
            while len(levels) <= level:
                levels.append(_Totals(expected))
            sums = counts @ columns
            if by_hour is not None:
                sums[:, : len(self._bins.scores)] -= by_hour @ self._hours[:, index].reshape(len(self._hours), -1)
            levels[level].add(np.concatenate([sums, counts], axis=1), rows)
            counts, rows, level = _paired(counts), _paired(rows), level + 1
            by_hour = None if by_hour is None else _paired(by_hour)

    def calibrated(self) -> tuple[tuple[int, ...], dict[str, Floats]]:
        """Return the sizes of blocks, ascending, and the arrays of `Calibration` by rows."""
        sizes: dict[int, int] = {}
        for level, totals in enumerate(self._levels[0]):
            # pairs may be no larger than their halves: where blocks have hardly a row, and where the last one, which
            # no pair has room for, had most of the rows
            if totals.blocks >= LEAST_BLOCKS and (size := max(1, round(totals.size))) > max(sizes, default=0):
                sizes[size] = level
        arrays = {
            "scores_by_rows": np.zeros((len(sizes), len(self._parts), len(self._bins.scores))),
            "rare_by_rows": np.zeros((len(sizes), len(self._bins.rare))),
            "groups_by_rows": np.zeros((len(sizes), len(self._bins.group_owner))),
            "cores_by_rows": np.zeros((len(sizes), len(self._parts))),
        }
        for position, level in enumerate(sizes.values()):
            self._read(level, {name: array[position] for name, array in arrays.items()})
        return tuple(sizes), arrays | {"bursts": self._bursts(list(sizes.values()))}

    def _read(self, level: int, arrays: dict[str, Floats]) -> None:
        """Fill in the arrays of one level."""
        bins, scores = self._bins, len(self._bins.scores)
        every = np.zeros(bins.starts[-1])
        for index, part in enumerate(self._parts):
            least = 0.5 / bins.rows[index]
            first = int(bins.group[part].min())
            groups = slice(first, int(bins.group[part].max()) + 1)
            shares = np.clip(np.concatenate([bins.group_share[groups], bins.share[part]]), least, 1 - least)
            variance = np.concatenate([np.ones(scores), shares * (1 - shares)])
            additive = self._levels[index][level].additive(variance)
            arrays["scores_by_rows"][index] = additive[:scores] * bins.scored[index]
            arrays["groups_by_rows"][groups] = additive[scores : len(additive) - len(bins.share[part])]
            every[part] = additive[len(additive) - len(bins.share[part]) :]
            arrays["cores_by_rows"][index] = mean_of_core(bins, part, every[part])
        arrays["rare_by_rows"][:] = every[bins.rare]

    def _bursts(self, levels: Sequence[int]) -> Floats:
        """Return the most rows in a rare bin, or outside of one that most rows are in, that came together, (rare,).

        They are those of one block beyond what is expected there, of the largest blocks that expect at most one row.
        """
        bins = self._bins
        bursts = np.zeros(len(bins.rare))
        for position, (bin_, owner) in enumerate(zip(bins.rare.tolist(), bins.rare_owner.tolist(), strict=True)):
            rarer = min(bins.share[bin_], 1 - bins.share[bin_])
            totals = [self._levels[owner][level] for level in levels]
            fitting = [of_size for of_size in totals if of_size.size * rarer <= 1] or totals[:1]
            if fitting:
                column = bin_ - bins.starts[owner + 1]  # the last columns are the bins
                common = bins.share[bin_] > rarer
                bursts[position] = -fitting[-1].least[column] if common else fitting[-1].most[column]
        return bursts


def mean_of_core(bins: CompiledBins, part: slice, of_bins: Floats) -> float:
    """Return the mean over the ordinary bins of one feature, each weighted by the variance it leaves to the others."""
    weight = np.where(bins.core[part], 1 - bins.share[part], 0.0)
    return float((weight * of_bins).sum() / max(weight.sum(), 1e-12))


def _counted(codes: Codes, rows: int, width: int) -> Floats:
    """Count codes below `width` in blocks of `rows` codes: (blocks, width)."""
    blocks = len(codes) // rows
    place = np.repeat(np.arange(blocks) * width, rows)
    return np.bincount(place + codes, minlength=blocks * width).reshape(blocks, width).astype(np.float64)


def _paired(values: Floats) -> Floats:
    """Add up neighbours along the first axis; an odd one at the end is left out."""
    whole = len(values) // 2 * 2
    paired: Floats = values[0:whole:2] + values[1:whole:2]
    return paired
