"""How sure a window of some length is: the profile's calibration, read at that length."""

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
"""A rare bin of fewer reference rows is too rare to have a variance of its own."""


@dataclass(frozen=True, eq=False)
class Excess:
    """Additive variances τ² at one length of window; shapes as in `calibration.ARRAYS`, without the levels."""

    scores: Floats
    tails: Floats
    rare: Floats
    groups: Floats
    cores: Floats
    stuck: Floats


class Variance:
    """A calibration beside the tables it was made with; without one, rows count as independent of each other."""

    def __init__(self, tables: CompiledBins, calibration: Calibration | None) -> None:
        """Raise ValueError where the calibration is of other tables."""
        features, rare, groups = len(tables.features), len(tables.rare), len(tables.group_owner)
        self._tables = tables
        if calibration is not None:
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
                found = getattr(calibration, name).shape
                if found != shape:
                    raise ValueError(f"{name}: expected a calibration of the shape {shape}, got {found}")
        self._calibration = calibration
        self.usual = 1.0 if calibration is None else calibration.usual
        self.clusters: Floats = np.zeros((rare, 2)) if calibration is None else calibration.clusters
        self.hours: Floats = np.zeros((0, features, len(NAMES)))
        if calibration is not None and len(calibration.hours):
            self.hours = calibration.hours
        """Mean of each score in each hour of the day, (24, features, scores), or none."""
        self._at = lru_cache(maxsize=64)(self._read)
        self._set_reference()

    def _set_reference(self) -> None:
        """Work out the reference's own effective rows, 1/m_eff = 1/m + τ² of its longest windows by their number."""
        tables = self._tables
        rows = tables.rows
        if self._calibration is None:
            self.score_rows: Floats = np.repeat(rows[:, None], len(NAMES), axis=1)
            self.rare_rows: Floats = rows[tables.rare_owner]
            self.group_rows: Floats = rows[tables.group_owner]
            return
        last = self.at(self._calibration.lengths[-1])
        window = self._calibration.rows
        self.score_rows = 1 / ((1 + last.scores * window) / rows[:, None])
        self.group_rows = 1 / ((1 + last.groups * window) / rows[tables.group_owner])
        own = 1 / ((1 + last.rare * window) / rows[tables.rare_owner])
        ordinary = (1 / ((1 + last.cores * window) / rows))[tables.rare_owner]
        self.rare_rows = np.where(tables.reference[tables.rare] >= _FEW, own, ordinary)

    def at(self, length: Milliseconds) -> Excess:
        """Return the variances of windows that stand for so much of event time, in ms.

        Between two calibrated lengths they are interpolated in the logarithm of the length. A longer window has
        those of the longest: nobody knows that it would vary less. A shorter one of 1/k of the shortest has k times as
        much, at most 1: where neighbouring stretches do not oppose each other it cannot vary more.
        """
        return self._at(length)

    def _read(self, length: Milliseconds) -> Excess:
        tables, known = self._tables, self._calibration
        features = len(tables.features)
        if known is None:
            none = np.zeros((features, len(NAMES)))
            stuck = np.zeros((features, 4))
            return Excess(
                none, none, np.zeros(len(tables.rare)), np.zeros(len(tables.group_owner)), np.zeros(features), stuck
            )
        place = bisect_left(known.lengths, length)
        if place == 0:
            more = known.lengths[0] / max(length, 1)
            grown = [np.minimum(each[0] * more, np.maximum(each[0], 1.0)) for each in _variances(known)]
            return self._excess(grown, known.tails[0], known.stuck[0])
        if place == len(known.lengths):
            return self._excess([each[-1] for each in _variances(known)], known.tails[-1], known.stuck[-1])
        low, high = known.lengths[place - 1], known.lengths[place]
        part = log(length / low) / log(high / low)
        between = [(1 - part) * each[place - 1] + part * each[place] for each in _variances(known)]
        near = place if part > 0.5 else place - 1
        return self._excess(between, known.tails[near], known.stuck[near])

    def _excess(self, variances: list[Floats], tails: Floats, stuck: Floats) -> Excess:
        scores, rare, groups, cores = variances
        few = self._tables.reference[self._tables.rare] < _FEW
        rare = np.where(few, np.maximum(rare, cores[self._tables.rare_owner]), rare)
        return Excess(scores, tails, rare, groups, cores, stuck)

    def knows(self, length: Milliseconds, windows: int) -> bool:
        """Say whether windows of that length were calibrated on at least so many."""
        known = self._calibration
        if known is None:
            return True
        return any(
            each >= length and number >= windows for each, number in zip(known.lengths, known.windows, strict=True)
        )


def _variances(known: Calibration) -> tuple[Floats, Floats, Floats, Floats]:
    return known.scores, known.rare, known.groups, known.cores
