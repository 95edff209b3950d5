"""Which of several explanations of a window's counts holds, if any surely does.

Each explanation says what shares of the rows it lets one expect in the bins, from those of the reference. With w the
window's shares, e the expected ones, and v their variance by chance, in the window of n rows and in the reference of m:

    v   = (e + 1/n) (1/n + 1/m) + what is not known of where in their bins the reference's values lie
    X²  = Σ (w − e)² / v           it fits if X² is within 2.5 standard deviations of its degrees of freedom,
    D   = max |Σ (w − e)|          and D √(1/(1/n + 1/m)) ≤ 1.5, of cumulative sums: by chance it is once in 45 times
    score = X² + parameters × log n                                  as in the Bayesian information criterion

The explanation with the smallest score is told if it fits, if "nothing changed" does not, and is worse by 25, and if
every one of another kind is worse by 6, 20 times less likely: but for those that contain it, such as a factor and an
offset a mere offset.
Source: Schwarz (1978); Pearson (1900).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from driftmeter.types import Floats
from driftmeter.verdict.changes.change import Change, ChangeKind

_DEVIATIONS = 2.5
_FARTHEST = 1.5
_MARGIN = 6.0
_NEARLY = 4.0
_ALL = 0.98
_CHANGED = 25.0
"""X² less its degrees of freedom, by which "nothing changed" must be worse than what is told."""


@dataclass(frozen=True, eq=False)
class Noise:
    """What chance does to shares: `window` and `reference` are the rows, or independent rows that they are worth."""

    window: float
    reference: float

    @property
    def rate(self) -> float:
        """The variance of a share, per share."""
        return 1 / self.window + 1 / self.reference

    def variance(self, expected: Floats) -> Floats:
        """Return the variance of shares by chance, same shape."""
        variance: Floats = (expected + 1 / self.window) * self.rate
        return variance


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One explanation: `expected` (bins,) shares, and with what variance they are `unsure`, (bins,) or 0.

    `parameters` are worth log n each: fractions are allowed. `within` are the kinds that contain it. Without a `change`
    the hypothesis is one that is not told, but may hold: nothing is told then. `is_sure` is asked of the best one:
    where its numbers are not sure, one of the kinds that contain it may be told instead.
    """

    change: Change | None
    expected: Floats
    parameters: float
    unsure: Floats | float = 0.0
    within: tuple[ChangeKind, ...] = ()
    is_sure: Callable[[], bool] | None = None

    @property
    def kind(self) -> str | None:
        """The kind of the change, None of one that is not told."""
        return None if self.change is None else self.change.kind


def misfit(now: Floats, expected: Floats, noise: Noise, unsure: Floats | float = 0.0) -> Floats:
    """Return X² over the last axis; infinite where an expected share is not finite."""
    squares: Floats = (np.square(now - expected) / (noise.variance(expected) + unsure)).sum(axis=-1)
    return np.where(np.isfinite(squares), squares, np.inf)


def unchanged(was: Floats, now: Floats, noise: Noise) -> bool:
    """Say whether a window looks like the reference."""
    return fits(Hypothesis(None, was, 0.0), now, noise)


def fits(hypothesis: Hypothesis, now: Floats, noise: Noise) -> bool:
    """Say whether a window is within chance of what a hypothesis lets one expect."""
    held = np.maximum(hypothesis.expected, now) * noise.window >= 1
    if np.count_nonzero(held) < 2 + np.ceil(hypothesis.parameters) and hypothesis.expected.max() < _ALL:
        return False  # as many numbers as there are to explain
    by_chance = hypothesis.expected * noise.rate + hypothesis.unsure
    bins = float((by_chance / (noise.variance(hypothesis.expected) + hypothesis.unsure)).sum())
    degrees = max(bins - 1 - hypothesis.parameters, 1.0)
    squares = float(misfit(now, hypothesis.expected, noise, hypothesis.unsure))
    if squares > degrees + _DEVIATIONS * np.sqrt(2 * degrees):
        return False
    gap = np.abs(np.cumsum(now - hypothesis.expected)) - 2 * np.sqrt(hypothesis.unsure)
    return bool(gap.max() <= _FARTHEST * np.sqrt(noise.rate))


def choose(hypotheses: Sequence[Hypothesis], was: Floats, now: Floats, noise: Noise) -> Change | None:
    """Return the change that explains a window, None where none surely does.

    `was` and `now` (bins,) are the shares of the reference and of the window.
    """
    if not hypotheses:
        return None
    price = float(np.log(max(noise.window, 2.0))) * np.array([one.parameters for one in hypotheses])
    expected = np.stack([one.expected for one in hypotheses])
    unsure = np.stack([np.broadcast_to(one.unsure, was.shape) for one in hypotheses])
    scores = misfit(now, expected, noise, unsure) + price
    dropped: set[int] = set()
    while len(dropped) < len(hypotheses):
        place = _simplest(hypotheses, scores, dropped)
        best, least = hypotheses[place], float(scores[place])
        if best.change is None or float(misfit(now, was, noise, best.unsure)) - least < _CHANGED:
            return None
        # what the best one need not know of where values lie, the others need not know either
        fair = np.minimum(scores, misfit(now, expected, noise, np.maximum(unsure, best.unsure)) + price)
        rivals = (hypotheses[index] for index in np.flatnonzero(fair < least + _MARGIN).tolist())
        if not fits(best, now, noise) or any(_competes(other, best) for other in rivals):
            return None
        if best.is_sure is None or best.is_sure():
            return best.change
        if not best.within:
            return None
        dropped.add(place)
    return None


def _simplest(hypotheses: Sequence[Hypothesis], scores: Floats, dropped: Collection[int]) -> int:
    """Return the place of the best hypothesis, or of one that it contains and that is nearly as good."""
    left = [index for index in range(len(hypotheses)) if index not in dropped]
    best = min(left, key=scores.__getitem__)
    near = [
        index
        for index in left
        if hypotheses[best].kind in hypotheses[index].within and scores[index] < scores[best] + _NEARLY
    ]
    return min(near, key=scores.__getitem__, default=best)


def _competes(other: Hypothesis, best: Hypothesis) -> bool:
    """Say whether a hypothesis that is nearly as good as the best one says something else."""
    if other.kind == best.kind or other.kind in best.within:
        return False
    # a special case of the best one, with numbers that nobody can be sure of
    return best.kind not in other.within or other.is_sure is None or other.is_sure()
