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
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log

import numpy as np

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.protocol import Mask
from driftmeter.detectors.scores import NAMES
from driftmeter.profile import bin_names
from driftmeter.profile.calibration import BY_ROWS, Calibration
from driftmeter.types import Codes, Floats, Milliseconds

LEAST_GROUPS = 4.0
"""A window of rows that depend on each other never alarms if they are worth fewer independent ones: too few to know how
heavy the tails are."""
_NEIGHBOURS = 16
"""Rows that are worth looking at for small groups that resemble each other."""
_FEW = 20
"""A rare bin with fewer reference rows has no variance of its own: too few rows to learn it from."""
_FAULTS = (bin_names.MISSING, bin_names.UNREADABLE, bin_names.NOT_FINITE)
"""Rows of faults do not come and go with the values: a reference that hardly has any does not let one expect them."""


@dataclass(frozen=True, eq=False)
class Excess:
    """Additive variances τ² at one length of window, and what else the reference says of such windows.

    Of several windows each array has a leading axis more.
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
        named = zip(bins.rare_names, bins.rare_named, strict=True)
        faults = np.array([name in _FAULTS and not category for name, category in named], dtype=bool)
        self._as_values: Mask = self._few & ~faults
        """The rare bins that vary with time as the ordinary ones do, for want of rows to learn from."""
        self._alike = self._alike_neighbours()
        self._of_lengths, self._of_sizes = self._side_by_side()
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
        self.rare_rows = np.where(self._as_values, ordinary, by_bin)

    def at(self, length: Milliseconds, rows: int) -> Excess:
        """Return the variances of windows of that length, in ms of event time, that hold so many rows.

        Each is the larger one of two. By length: between two calibrated lengths it is interpolated in the logarithm of
        the length. Above the longest length it stays: nothing shows that a longer window would vary less. At 1/k of the
        shortest length it is k times that of the shortest, at most 1: unless neighbouring stretches oppose each other,
        a window cannot vary more.

        By rows: the design effect n τ² is interpolated in the logarithm of n. Above the most rows it stays: groups that
        need more rows to show are the length's business. Below the least rows it stays too, but is at most n − 1.
        """
        each = self.at_each([length], [rows])
        return Excess(**{name: getattr(each, name)[0] for name in Excess.__annotations__})

    def at_each(self, lengths: Sequence[Milliseconds], rows: Sequence[int]) -> Excess:
        """Return the variances of several windows, as `at`: arrays with a leading axis of windows."""
        bins, calibration = self._bins, self._calibration
        windows, features = len(lengths), len(bins.features)
        per_score = windows, features, len(NAMES)
        if calibration is None:
            none = np.zeros(per_score)
            groups, cores = np.zeros((windows, len(bins.group_owner))), np.zeros((windows, features))
            return Excess(none, none, np.zeros((windows, len(bins.rare))), groups, cores, np.zeros((*per_score[:2], 4)))
        variances, nearest = self._by_length(lengths)
        if calibration.sizes:
            variances = np.maximum(variances, self._by_rows(rows))
        scores, rare, groups, cores = np.split(variances, self._edges, axis=1)
        of_feature = np.take(cores, bins.rare_owner, axis=1)
        return Excess(
            scores.reshape(per_score),
            np.take(calibration.tails, nearest, axis=0),
            np.where(self._as_values, np.maximum(rare, of_feature), rare),
            groups,
            cores,
            np.take(calibration.stuck, nearest, axis=0),
        )

    def _side_by_side(self) -> tuple[Floats, Floats]:
        """Return the variances of scores, rare bins, groups and ordinary bins in one row, (lengths, …), (sizes, …)."""
        bins, calibration = self._bins, self._calibration
        numbers = len(bins.features) * len(NAMES), len(bins.rare), len(bins.group_owner)
        self._edges: list[int] = np.cumsum(numbers).tolist()
        if calibration is None:
            return np.zeros((0, 0)), np.zeros((0, 0))
        by_length = [calibration.scores, calibration.rare, calibration.groups, calibration.cores]
        by_rows = [getattr(calibration, name) for name in BY_ROWS] if calibration.sizes else []
        return _in_rows(by_length), _in_rows(by_rows)

    def _by_length(self, lengths: Sequence[Milliseconds]) -> tuple[Floats, Codes]:
        """Return the variances by length, (windows, …), and which calibrated length is the nearest, (windows,)."""
        calibration = self._calibration
        assert calibration is not None
        known, last = calibration.lengths, len(calibration.lengths) - 1
        different, place = _different(lengths)
        read = []
        for length in different:
            level = bisect_left(known, length)
            if 0 < level <= last:
                part = log(length / known[level - 1]) / log(known[level] / known[level - 1])
                read.append((level - 1, level, part, 1.0))
            else:
                read.append((min(level, last), min(level, last), 0.0, 1.0 if level else known[0] / max(length, 1)))
        low, high, parts, times = _columns(read)
        between = (1 - parts) * self._of_lengths[low] + parts * self._of_lengths[high]
        grown = np.minimum(between * times, np.maximum(between, 1.0))
        return np.take(grown, place, axis=0), np.where(parts[:, 0] > 0.5, high, low)[place]

    def _by_rows(self, rows: Sequence[int]) -> Floats:
        """Return the variances by rows, (windows, …)."""
        calibration = self._calibration
        assert calibration is not None
        sizes = calibration.sizes
        different, place = _different(rows)
        read = []
        for window in different:
            above = min(bisect_left(sizes, window), len(sizes) - 1)
            below = max(above - 1, 0) if sizes[above] > window else above
            part = 0.0 if above == below else log(window / sizes[below]) / log(sizes[above] / sizes[below])
            read.append((below, above, part, float(window)))
        low, high, parts, number = _columns(read)
        size = np.array(sizes, dtype=np.float64)[:, np.newaxis]
        grown = (1 - parts) * size[low] * self._of_sizes[low] + parts * size[high] * self._of_sizes[high]
        variances = np.minimum(grown, number - 1) / number
        alike = np.take(np.minimum(self._alike, number - 1) / number, self._bins.rare_owner, axis=1)
        rare = variances[:, self._edges[0] : self._edges[1]]
        np.copyto(rare, np.maximum(rare, alike), where=self._few)
        return np.take(variances, place, axis=0)

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


def _in_rows(arrays: Sequence[Floats]) -> Floats:
    """Put arrays of one first axis side by side, (first axis, …)."""
    if not arrays:
        return np.zeros((0, 0))
    return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)


def _different(values: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the different ones of some values, and the place of each value among them."""
    places: dict[int, int] = {}
    place = [places.setdefault(value, len(places)) for value in values]
    return list(places), place


def _columns(read: Sequence[tuple[int, int, float, float]]) -> tuple[Codes, Codes, Floats, Floats]:
    """Return two columns of indices, (rows,), and two of numbers, (rows, 1)."""
    low, high, part, number = zip(*read, strict=True)
    columns = np.array([part, number])[:, :, np.newaxis]
    return np.array(low, dtype=np.intp), np.array(high, dtype=np.intp), columns[0], columns[1]


def too_few_groups(rows: float | Floats, excess: Floats) -> Mask:
    """Say where rows with an additive variance τ² are worth too few independent rows to alarm; arrays broadcast.

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
