"""How sure a window of some length is: the profile's calibration, read at that length.

Rows that arrive together resemble each other. A calibration says by how much the mean of a score, or the share of a
bin, varies from one window to the next beyond what independent rows explain:

    Var(window mean) = σ² (1/n + τ²)         τ² by length of window, learnt in the reference's own order of time
    n_eff = 1/(1/n + τ²)                     what n rows of a window are worth
    m_eff = m / (1 + τ²_last w)              what the reference's m rows are worth: τ² and the rows w of its longest
                                             windows
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from math import log

import numpy as np

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.scores import NAMES
from driftmeter.profile.calibration import Calibration
from driftmeter.types import Floats, Milliseconds

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
        self.hours: Floats = np.zeros((0, len(bins.features), len(NAMES)))
        """Mean of each score in each hour of the day, (24, features, scores); (0, …) where hours do not matter."""
        if calibration is not None and len(calibration.hours):
            self.hours = calibration.hours
        self._at = lru_cache(maxsize=64)(self._read)
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
        last = self.at(self._calibration.lengths[-1])
        window = self._calibration.rows
        self.score_rows = 1 / ((1 + last.scores * window) / rows[:, None])
        self.group_rows = 1 / ((1 + last.groups * window) / rows[bins.group_owner])
        by_bin = 1 / ((1 + last.rare * window) / rows[bins.rare_owner])
        ordinary = (1 / ((1 + last.cores * window) / rows))[bins.rare_owner]
        self.rare_rows = np.where(bins.reference[bins.rare] >= _FEW, by_bin, ordinary)

    def at(self, length: Milliseconds) -> Excess:
        """Return the variances of windows of that length, in ms of event time.

        Between two calibrated lengths they are interpolated in the logarithm of the length. Above the longest length
        they stay: nothing shows that a longer window would vary less. At 1/k of the shortest length they are k times
        those of the shortest, at most 1: unless neighbouring stretches oppose each other, a window cannot vary more.
        """
        return self._at(length)

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
        few = self._bins.reference[self._bins.rare] < _FEW
        rare = np.where(few, np.maximum(rare, cores[self._bins.rare_owner]), rare)
        return Excess(scores, tails, rare, groups, cores, stuck)


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
        **({"hours": (24, *per_score)} if len(calibration.hours) else {}),
    }
    for name, shape in shapes.items():
        got = getattr(calibration, name).shape
        if got != shape:
            raise ValueError(f"{name}: expected a calibration of the shape {shape}, got {got}")
