"""The search for the columns that changed: those that leave the least of the residuals' moves unexplained.

Columns that drift by themselves have changed. Of all others the one is added, again and again, whose change leaves the
least unexplained, as long as it explains much of what was: such a column looks as usual, and does not fit the rest.

The misfit is the sum of the squared differences of signatures (refit.py), each weighed by the share of the rows that
have that residual, to the power of 1.5: where many lost it, since a value is out of range, those that are left are a
choice of rows, and differ for that alone. The bounds were set on 600 cases of faults in flights (bench/blame.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from driftmeter.types import Counts, Floats
from driftmeter.verdict.refit import AGAINST, ColumnEffect, Refit

_FEWEST = 20
"""A residual that fewer rows have says nothing."""
_POWER = 1.5
_MOST_ADDED, _MOST_TRIED = 4, 16
"""Columns that are added at most, and tried at a time: those whose own residuals moved most."""
_LEAST_GAIN, _LEAST_PART, _LEAST_OF_ALL = 0.03, 0.5, 0.1
"""A further column lowers the misfit by this at least, by this part of it, and by this part of what it was at first."""
_TURNED_FACTOR, _TURNED = 1.3, 0.02
"""A column that looks as usual with its ranks turned round is rare: its misfit counts for more."""
_FEW = 4
"""So many columns are fitted twice, each beside what the others were found to do."""
_KEPT = 0.5
"""The part of its usual rows that a residual must have for its column to be added."""
_SURELY_MOVED, _SEEN_BY, _FAR_LESS = 0.25, 0.3, 0.15
"""A residual with this signature and weight is not explained by columns that account for less than this part of it."""
_UNMOVED, _HARDLY_MOVED = 0.15, 0.5
"""The largest signatures of the residuals of a number that is as expected, and of the one that it follows: by a fault
of that one, its own residual would have moved far."""
_LEAST_SHIFT = 0.2
"""Standard deviations by which a number that is as expected must have moved."""
_ACCOUNTS = (0.5, 1.5)
"""What a number must account for of another's shift for that to follow it, as a part of the shift."""


class Search:
    """The columns that changed, of some rows; made once for these."""

    def __init__(self, refit: Refit, drifting: Sequence[str], counts: Mapping[str, Counts]) -> None:
        """Search; `counts` (bins,) are those of all features, `drifting` the names of those that drift."""
        self._refit, self._counts = refit, counts
        self._effects: dict[int, ColumnEffect] = {}
        names = set(drifting)
        self._alone = [column for column, feature in enumerate(refit.features) if feature.name in names]
        self._moved = [target for target, feature in enumerate(refit.derived) if feature.name in names]
        self._signature, rows = refit.seen(counts)
        all_rows = max(int(counts[refit.derived[0].name].sum()), 1)
        self._kept = rows / np.maximum(refit.usual * all_rows, 1.0)
        weight = np.where(rows < _FEWEST, 0.0, (rows / all_rows) ** _POWER)
        self._weight = weight
        # what a column does to its own residual, out of its range too, its own feature tells better
        self._counted = np.where(np.isin(refit.own, self._alone), 0.0, weight)[:, np.newaxis]
        self._chosen = self._choose()

    def explained(self) -> dict[str, str | None]:
        """Return whom each drifting derived feature follows, None where it is to blame itself."""
        follows: dict[str, str | None] = {}
        for target in self._moved:
            name, own = self._refit.derived[target].name, int(self._refit.own[target])
            if own in self._chosen:
                follows[name] = self._name(own) if self._name(own) != name else None
            else:
                follows[name] = self._mover(target)
        return follows

    def expected(self, worst_first: Sequence[str]) -> dict[str, str]:
        """Return whom those drifting numbers follow that are as the others let one expect."""
        refit, follows = self._refit, dict[str, str]()
        place = {refit.features[column].name: column for column in self._alone}
        target = {column: index for index, column in enumerate(refit.own.tolist())}
        numbers = [name for name in worst_first if name in place]
        for index, name in enumerate(numbers):
            own = target.get(place[name], -1)
            if own in self._moved or not self._fits(own, _UNMOVED):
                continue
            shift = self._effect(place[name]).shift
            if abs(shift) < _LEAST_SHIFT:
                continue
            parts = {
                other: -float(refit.straight[own, place[other]]) * self._effect(place[other]).shift / shift
                for other in numbers[:index]
                if self._fits(target.get(place[other], -1), _HARDLY_MOVED)
            }
            best = max(parts, key=lambda other: parts[other], default=None)
            if best is not None and _ACCOUNTS[0] <= parts[best] <= _ACCOUNTS[1]:
                follows[name] = follows.get(best, best)
        return follows

    def _fits(self, target: int, most: float) -> bool:
        """Say whether there is such a residual, and its signature is at most so large."""
        return target >= 0 and float(np.abs(self._signature[target]).max()) <= most

    def _name(self, column: int) -> str:
        """Return the feature by which a column is blamed: its own, or its residual where only that drifts."""
        if column in self._alone:
            return self._refit.features[column].name
        target: int = self._refit.own.tolist().index(column)
        return self._refit.derived[target].name

    def _mover(self, target: int) -> str | None:
        """Return the column that moves a residual most; None where all that changed cannot be why it moved."""
        sizes = {
            column: float(effect.total_mean[pairing, target] ** 2 + effect.total_variance[pairing, target])
            for column, pairing in self._chosen.items()
            if (effect := self._effect(column))
        }
        most = max(sizes, key=lambda column: sizes[column], default=None)
        if most is None or not sizes[most] > 0:
            return None
        others = {column: pairing for column, pairing in self._chosen.items() if column != most}
        predicted = self._refit.predicted([self._effect(most)], *self._added(others))
        of_this = predicted[0, self._chosen[most], target]
        moved, accounted = (float(np.linalg.norm(signature)) for signature in (self._signature[target], of_this))
        sure = moved > _SURELY_MOVED and self._weight[target] >= _SEEN_BY and self._kept[target] >= 0.8
        return None if sure and accounted < _FAR_LESS * moved else self._name(most)

    def _effect(self, column: int) -> ColumnEffect:
        if column not in self._effects:
            self._effects[column] = self._refit.effect(column, self._counts[self._refit.features[column].name])
        return self._effects[column]

    def _choose(self) -> dict[int, int]:
        """Return the columns that changed, each with its pairing."""
        before = float((self._counted * np.square(self._signature)).sum())
        chosen = dict.fromkeys(self._alone, 0)
        left = self._fit(chosen, before)
        sizes = {
            int(self._refit.own[target]): float(np.square(self._signature[target]).sum())
            for target in self._moved
            if self._kept[target] >= _KEPT or not chosen
        }
        for _ in range(_MOST_ADDED):
            others = sorted((column for column in sizes if column not in chosen), key=lambda column: -sizes[column])
            if not others:
                break
            misfits = self._misfits(others[:_MOST_TRIED], *self._added(chosen)).min(axis=1)
            gain = left - float(misfits.min())
            if chosen and gain < max(_LEAST_GAIN, _LEAST_PART * left, _LEAST_OF_ALL * before):
                break
            chosen[others[int(misfits.argmin())]] = 0
            left = self._fit(chosen, before)
        return chosen

    def _fit(self, chosen: dict[int, int], left: float) -> float:
        """Set the pairings of columns, one after the other, of few once more; return the misfit.

        It is `left` without columns, or where the residuals say nothing of them.
        """
        if not self._counted.any():
            return left
        mean, variance = self._added(chosen)
        for _ in range(2 if 1 < len(chosen) <= _FEW else 1):
            for column, pairing in list(chosen.items()):
                effect = self._effect(column)
                mean, variance = mean - effect.total_mean[pairing], variance - effect.total_variance[pairing]
                misfits = self._misfits([column], mean, variance)[0]
                chosen[column], left = int(misfits.argmin()), float(misfits.min())
                mean = mean + effect.total_mean[chosen[column]]
                variance = variance + effect.total_variance[chosen[column]]
        return left

    def _misfits(self, tried: Sequence[int], mean: Floats, variance: Floats) -> Floats:
        """Return the misfits (tried, pairings) with each of some columns, where all others add a normal law."""
        predicted = self._refit.predicted([self._effect(column) for column in tried], mean, variance)
        misfits: Floats = (self._counted * np.square(predicted - self._signature)).sum(axis=(-1, -2))
        usual = [index for index, column in enumerate(tried) if column not in self._alone]
        misfits[usual, AGAINST] = _TURNED_FACTOR * misfits[usual, AGAINST] + _TURNED
        return misfits

    def _added(self, chosen: Mapping[int, int]) -> tuple[Floats, Floats]:
        """Return mean and variance (targets,) of what columns add to the residuals."""
        mean, variance = np.zeros((2, len(self._refit.derived)))
        for column, pairing in chosen.items():
            mean += self._effect(column).total_mean[pairing]
            variance += self._effect(column).total_variance[pairing]
        return mean, variance
