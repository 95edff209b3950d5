"""How sure a window of some length and some rows is: the profile's calibration, read for both.

Rows that arrive together resemble each other. A calibration says by how much the mean of a score, or the share of a
bin, varies from one window to the next beyond what independent rows explain:

    Var(window mean) = σ² (1/n + τ²)         τ², learnt in the reference's own order of time
    τ² = max(τ²(length), τ²(n))              by length of window, and by the number of consecutive rows: a quiet hour
                                             varies more than most hours do, if rows come in groups
    n_eff = 1/(1/n + τ²)                     what n rows of a window are worth
    m_eff = m / (1 + τ²_last w)              what the reference's m rows are worth: τ² and the rows w of its longest
                                             windows
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, log

import numpy as np

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.protocol import Mask
from driftmeter.detectors.scores import NAMES
from driftmeter.profile.calibration import BY_ROWS, Calibration
from driftmeter.types import Floats, Milliseconds

LEAST_GROUPS = 4.0
"""A window of rows that depend on each other never alarms if they are worth fewer independent ones: too few to know how
heavy the tails are."""
_NEIGHBOURS = 16
"""Rows that are worth looking at for small groups that resemble each other."""
_FEW = 20
"""A rare bin with fewer reference rows has no variance of its own: too few rows to learn it from."""


@dataclass(frozen=True, eq=False)
class Excess:
    """Additive variances τ² at one length of window, and what else the reference says of such windows.

    `scores` and `tails` (features, scores): τ² and the excess kurtosis of window means.
    `rare` (rare,), `groups` (groups,), `cores` (features,): τ² of rare bins, of groups, and of ordinary bins.
    `stuck` (features, 4): mean, deviation, excess kurtosis and largest of the modal share's log-odds.
    """

    scores: Floats
    tails: Floats
    rare: Floats
    groups: Floats
    cores: Floats
    stuck: Floats


class Variance:
    """A calibration, read for the bins it was made with; without one, rows count as independent of each other."""

    def __init__(self, bins: CompiledBins, calibration: Calibration | None) -> None:
        """Read a calibration; raises ValueError where it was made with other bins."""
        if calibration is not None:
            _check_shapes(bins, calibration)
        self._bins = bins
        self._calibration = calibration
        self.usual = 1.0 if calibration is None else calibration.usual
        """Event time that the reference's panes stood for, divided by the time that held rows, see `Pace`."""
        self.clusters: Floats = np.zeros((len(bins.rare), 2)) if calibration is None else calibration.clusters
        """Reference rows, and the mean size of the clusters they came in, 0 where not known, (rare, 2)."""
        self.bursts: Floats = np.zeros(len(bins.rare))
        """The most rows of a rare bin, or outside of a common one, that came together in the reference, (rare,)."""
        if calibration is not None and len(calibration.bursts):
            self.bursts = calibration.bursts
        self.hours: Floats = np.zeros((0, len(bins.features), len(NAMES)))
        """Mean of each score in each hour of the day, (24, features, scores); (0, …) where hours do not matter."""
        if calibration is not None and len(calibration.hours):
            self.hours = calibration.hours
        self._few: Mask = bins.reference[bins.rare] < _FEW
        self._alike = self._alike_neighbours()
        self._by_length = lru_cache(maxsize=64)(self._read)
        self._by_rows = lru_cache(maxsize=64)(self._read_rows)
        self._set_reference()

    def _set_reference(self) -> None:
        """Work out m_eff of each score, rare bin and pooled group."""
        bins = self._bins
        rows = bins.rows
        self.score_rows: Floats = np.repeat(rows[:, None], len(NAMES), axis=1)
        """The reference's effective rows for each score, (features, scores)."""
        self.rare_rows: Floats = rows[bins.rare_owner]
        """Those for each rare bin, (rare,)."""
        self.group_rows: Floats = rows[bins.group_owner]
        """Those for each pooled group, (groups,)."""
        if self._calibration is None:
            return
        window = self._calibration.rows
        last = self.at(self._calibration.lengths[-1], ceil(window))
        self.score_rows = 1 / ((1 + last.scores * window) / rows[:, None])
        self.group_rows = 1 / ((1 + last.groups * window) / rows[bins.group_owner])
        by_bin = 1 / ((1 + last.rare * window) / rows[bins.rare_owner])
        ordinary = (1 / ((1 + last.cores * window) / rows))[bins.rare_owner]
        self.rare_rows = np.where(bins.reference[bins.rare] >= _FEW, by_bin, ordinary)

    def at(self, length: Milliseconds, rows: int) -> Excess:
        """Return the variances of windows of that length, in ms of event time, that hold so many rows.

        Each is the larger one of two. By length: between two calibrated lengths it is interpolated in the logarithm of
        the length. Above the longest length it stays: nothing shows that a longer window would vary less. At 1/k of the
        shortest length it is k times that of the shortest, at most 1: unless neighbouring stretches oppose each other,
        a window cannot vary more.

        By rows: the design effect n τ² is interpolated in the logarithm of n. Above the most rows it stays: groups that
        need more rows to show are the length's business. Below the least rows it stays too, but is at most n − 1.
        """
        by_length = self._by_length(length)
        if self._calibration is None or not self._calibration.sizes:
            return by_length
        scores, rare, groups, cores = self._by_rows(rows)
        return self._excess(
            [
                np.maximum(by_length.scores, scores),
                np.maximum(by_length.rare, rare),
                np.maximum(by_length.groups, groups),
                np.maximum(by_length.cores, cores),
            ],
            by_length.tails,
            by_length.stuck,
        )

    def _read_rows(self, rows: int) -> list[Floats]:
        """Return the additive variances by rows: of scores, rare bins, groups, and ordinary bins."""
        calibration = self._calibration
        assert calibration is not None
        sizes = calibration.sizes
        above = min(bisect_left(sizes, rows), len(sizes) - 1)
        below = max(above - 1, 0) if sizes[above] > rows else above
        part = 0.0 if above == below else log(rows / sizes[below]) / log(sizes[above] / sizes[below])
        read = []
        for name in BY_ROWS:
            array: Floats = getattr(calibration, name)
            grown = (1 - part) * sizes[below] * array[below] + part * sizes[above] * array[above]
            read.append(np.minimum(grown, rows - 1) / rows)
        alike = np.minimum(self._alike, rows - 1) / rows
        read[1] = np.where(self._few, np.maximum(read[1], alike[self._bins.rare_owner]), read[1])
        return read

    def _alike_neighbours(self) -> Floats:
        """Return by how many rows a group of neighbours is more than one row, by the values of a feature, (features,).

        Of a bin with very few reference rows nothing else says how many may come together.
        """
        calibration = self._calibration
        features = len(self._bins.features)
        if calibration is None or not calibration.sizes:
            return np.zeros(features)
        level = max(bisect_right(calibration.sizes, _NEIGHBOURS) - 1, 0)
        shares = self._bins.group_share * (1 - self._bins.group_share)
        owner = self._bins.group_owner
        spread = np.bincount(owner, shares * calibration.groups_by_rows[level], features)
        of_groups = spread / np.maximum(np.bincount(owner, shares, features), 1e-12)
        alike: Floats = np.maximum(of_groups, calibration.scores_by_rows[level].max(axis=1))
        return alike * calibration.sizes[level]

    def _read(self, length: Milliseconds) -> Excess:
        bins, calibration = self._bins, self._calibration
        features = len(bins.features)
        if calibration is None:
            none = np.zeros((features, len(NAMES)))
            stuck = np.zeros((features, 4))
            return Excess(
                none, none, np.zeros(len(bins.rare)), np.zeros(len(bins.group_owner)), np.zeros(features), stuck
            )
        variances = (calibration.scores, calibration.rare, calibration.groups, calibration.cores)
        lengths, tails, stuck = calibration.lengths, calibration.tails, calibration.stuck
        level = bisect_left(lengths, length)
        if level == 0:
            times = lengths[0] / max(length, 1)
            grown = [np.minimum(array[0] * times, np.maximum(array[0], 1.0)) for array in variances]
            return self._excess(grown, tails[0], stuck[0])
        if level == len(lengths):
            return self._excess([array[-1] for array in variances], tails[-1], stuck[-1])
        low, high = lengths[level - 1], lengths[level]
        part = log(length / low) / log(high / low)
        between = [(1 - part) * array[level - 1] + part * array[level] for array in variances]
        nearest = level if part > 0.5 else level - 1
        return self._excess(between, tails[nearest], stuck[nearest])

    def _excess(self, variances: list[Floats], tails: Floats, stuck: Floats) -> Excess:
        scores, rare, groups, cores = variances
        rare = np.where(self._few, np.maximum(rare, cores[self._bins.rare_owner]), rare)
        return Excess(scores, tails, rare, groups, cores, stuck)


def too_few_groups(rows: int, excess: Floats) -> Mask:
    """Say where rows with an additive variance τ² are worth too few independent rows to alarm: shape of `excess`.

    >>> too_few_groups(8, np.array([0.0, 0.1, 0.5])).tolist()  # worth 8, 4.4 and 1.6
    [False, False, True]
    """
    few: Mask = (excess > 0) & (1 / rows + excess > 1 / LEAST_GROUPS)
    return few


def _check_shapes(bins: CompiledBins, calibration: Calibration) -> None:
    features, rare, groups = len(bins.features), len(bins.rare), len(bins.group_owner)
    per_score, levels = (features, len(NAMES)), len(calibration.lengths)
    shapes = {
        **dict.fromkeys(("scores", "tails"), (levels, *per_score)),
        "rare": (levels, rare),
        "groups": (levels, groups),
        "cores": (levels, features),
        "stuck": (levels, features, 4),
        "clusters": (rare, 2),
        **(_shapes_by_rows(len(calibration.sizes), per_score, rare, groups) if calibration.sizes else {}),
        **({"bursts": (rare,)} if len(calibration.bursts) else {}),
        **({"hours": (24, *per_score)} if len(calibration.hours) else {}),
    }
    for name, shape in shapes.items():
        got = getattr(calibration, name).shape
        if got != shape:
            raise ValueError(f"{name}: expected a calibration of the shape {shape}, got {got}")


def _shapes_by_rows(sizes: int, per_score: tuple[int, int], rare: int, groups: int) -> dict[str, tuple[int, ...]]:
    return dict(zip(BY_ROWS, ((sizes, *per_score), (sizes, rare), (sizes, groups), (sizes, per_score[0])), strict=True))
