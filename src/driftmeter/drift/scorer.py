"""Scores of all features of a profile, from one vector of counts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from driftmeter.drift.ks import resolves
from driftmeter.drift.protocol import DriftTest, Pair, Score, Scores, View, total
from driftmeter.drift.psi import Effect, effect
from driftmeter.drift.registry import DRIFT_TESTS
from driftmeter.drift.views import Table
from driftmeter.errors import InputError
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.types import Counts, Floats

RATES: tuple[View, ...] = ("missing", "unreadable", "unseen", "out_of_range")
"""The tests that are rates; they have the names of their views."""
_OF_MANY = ("chi_square_hashed", "vanished")
"""The tests that are for many categories only."""
_BEHIND_P_VALUE = ("ks", "chi_square", *_OF_MANY, *RATES)
_HASHED: tuple[tuple[View, int], ...] = (("hashed_1024", 1024), ("hashed_256", 256), ("hashed_64", 64))
_ROWS_PER_GROUP = 10
"""Groups by hash are as many as leave each so many rows of the smaller sample."""


@dataclass(frozen=True, slots=True)
class FeatureScores:
    """All that the tests say of one feature in one window.

    `tests` are those that are shown; `p_value`, whatever is shown, is Bonferroni over the test of the present
    values and the rates that apply, at most 1; `effect` and `effect_low` are those of psi.py, of many categories
    at least what many groups say for sure, and `effect_of_many` what those say; `rates` maps a rate's name to the
    reference's and the window's; `present` counts the window's rows with a finite number or a category; `vanished` is
    the share of the reference whose categories have vanished beyond chance.
    """

    tests: dict[str, Score]
    p_value: float
    effect: float
    effect_low: float
    rates: dict[str, tuple[float, float]]
    present: int
    vanished: float = 0.0
    effect_of_many: float = 0.0

    @property
    def largest_effect(self) -> float:
        """What a tolerance is compared with, where chance is ruled out by the p-value.

        A share of the rows where none should be is an effect that no index of groups need show; and what few groups
        average away many may show.
        """
        return max(self.effect, self.effect_of_many, self.excess)

    @property
    def excess(self) -> float:
        """By how much the share of rows that are missing, unreadable, new or out of range has grown, at most; or the
        share of the reference whose categories have vanished beyond chance."""
        grown = max((now - reference for reference, now in self.rates.values()), default=0.0)
        return max(grown, self.vanished)


class Scorer:
    """Score windows against a reference; made once per profile.

    A feature's scores depend on its own counts alone, bit for bit, whatever features are beside it.

    >>> grid = CategoryGrid(("a", "b"), (), 0)
    >>> feature = Feature("plan", "categorical", "feature", grid, (700, 300, 0, 0, 0, 0), "plan")
    >>> (score,) = Scorer([feature]).scores(np.array([60, 30, 0, 0, 10, 0]))
    >>> score.present, round(score.tests["total_variation"].statistic, 3), score.rates["missing"]
    (90, 0.033, (0.0, 0.1))
    """

    def __init__(self, features: Sequence[Feature], shown: Sequence[Collection[str] | None] | None = None) -> None:
        """Compile the tables; `features` in the order of the counts, as `profile.features` is.

        `shown` names, for each feature, the tests to show of it, None for all that apply; by default all of all.
        """
        starts = [0, *accumulate(feature.size for feature in features)]
        self._bins = starts[-1]
        members: dict[tuple[tuple[DriftTest, ...], tuple[str, ...], int], list[int]] = {}
        named = [None] * len(features) if shown is None else shown
        for index, (feature, names) in enumerate(zip(features, named, strict=True)):
            # those of many categories by themselves: they would widen the arrays of all
            members.setdefault((*_chosen(feature, names), _most_groups(feature)), []).append(index)
        self._blocks = [
            _Block(
                tests, names, most, indices, [features[i] for i in indices], [starts[i] for i in indices], self._bins
            )
            for (tests, names, most), indices in members.items()
        ]

    def scores(self, counts: Counts) -> list[FeatureScores]:
        """Score a window: counts of shape (bins,) over all features; raises InputError on another shape."""
        if counts.shape != (self._bins,):
            raise InputError("counts", f"shape ({self._bins},)", f"shape {counts.shape}")
        scores: dict[int, FeatureScores] = {}
        for block in self._blocks:
            scores.update(zip(block.indices, block.scores(counts), strict=True))
        return [scores[index] for index in sorted(scores)]


def score_feature(feature: Feature, counts: Counts) -> FeatureScores:
    """Score one feature's window, counts of shape (bins,); for more of them keep a `Scorer`."""
    return Scorer([feature]).scores(counts)[0]


def tests_of(feature: Feature) -> tuple[DriftTest, ...]:
    """Return the tests that apply: those of its kind; `unseen` not where its categories were too many to know, and
    those for many categories only where there are many."""
    grid = feature.grid
    left_out = set()
    if isinstance(grid, CategoryGrid) and grid.others is None:
        left_out.add("unseen")
    if isinstance(grid, CategoryGrid) and grid.hashed == 1:
        left_out |= {*_OF_MANY}
    return tuple(test for test in DRIFT_TESTS if feature.kind in test.kinds and test.name not in left_out)


def _most_groups(feature: Feature) -> int:
    """Return by how many groups of its hash a category may be compared, 0 for few categories and for numbers."""
    hashed = feature.grid.hashed if isinstance(feature.grid, CategoryGrid) else 0
    return next((number for _, number in _HASHED if number <= hashed), 0)


def _chosen(feature: Feature, names: Collection[str] | None) -> tuple[tuple[DriftTest, ...], tuple[str, ...]]:
    """Return the tests to compute of a feature, and the names of those to show."""
    tests = tests_of(feature)
    shown = tuple(test.name for test in tests if names is None or test.name in names)
    return tuple(test for test in tests if test.name in shown or test.name in _BEHIND_P_VALUE), shown


class _Block:
    """Features of which the same tests are computed and shown, together as arrays of shape (features, bins)."""

    def __init__(
        self,
        tests: tuple[DriftTest, ...],
        shown: tuple[str, ...],
        most_groups: int,
        indices: Sequence[int],
        features: Sequence[Feature],
        starts: Sequence[int],
        bins: int,
    ) -> None:
        self.indices = indices
        self._tests = tests
        self._shown = shown
        self._hashed = [(view, number) for view, number in _HASHED if number <= most_groups]
        views: dict[View, None] = dict.fromkeys(
            ["present", "groups", *(view for view, _ in self._hashed), *(test.view for test in tests)]
        )
        self._tables = {view: Table(view, features, starts, bins) for view in views}
        self._resolves = resolves(self._tables["present"].reference)

    def scores(self, counts: Counts) -> list[FeatureScores]:
        pairs = {view: table.pair(counts) for view, table in self._tables.items()}
        scores = {test.name: test.score(pairs[test.view]) for test in self._tests}
        rates = {name: _rates(pairs[name]) for name in RATES if name in pairs}
        size, fine = self._effect(pairs)
        vanished = np.zeros(len(self.indices)) if "vanished" not in scores else scores["vanished"].statistic
        shown = {name: _each(scores[name]) for name in self._shown}
        rows = zip(
            self._p_values(scores).tolist(),
            size.estimate.tolist(),
            size.low.tolist(),
            zip(*rates.values(), strict=True),
            pairs["present"].n.tolist(),
            vanished.tolist(),
            fine.tolist(),
            strict=True,
        )
        return [
            FeatureScores(
                {name: tests[place] for name, tests in shown.items()},
                p,
                estimate,
                low,
                dict(zip(rates, rate, strict=True)),
                int(n),
                gone,
                of_many,
            )
            for place, (p, estimate, low, rate, n, gone, of_many) in enumerate(rows)
        ]

    def _effect(self, pairs: dict[View, Pair]) -> tuple[Effect, Floats]:
        """Return the effect, and what it is over as many groups of many categories as rows allow, 0 of few categories.

        Chance alone makes the latter large, so that only its lower bound goes into the former.
        """
        found = effect(pairs["groups"])
        of_many = np.zeros_like(found.estimate)
        smaller = np.minimum(pairs["present"].n, pairs["present"].m)
        estimate, low = found.estimate, found.low
        larger = np.zeros(len(smaller), dtype=bool)
        for view, number in self._hashed:
            enough = (smaller >= _ROWS_PER_GROUP * number) & ~larger
            larger |= enough
            if enough.any():
                fine = effect(pairs[view])
                estimate = np.where(enough, np.maximum(estimate, fine.low), estimate)
                low = np.where(enough, np.maximum(low, fine.low), low)
                of_many = np.where(enough, fine.estimate, of_many)
        return Effect(estimate, low), of_many

    def _p_values(self, scores: dict[str, Scores]) -> Floats:
        of_values = _p_value(scores["chi_square"])
        if "ks" in scores:
            of_values = np.where(self._resolves, _p_value(scores["ks"]), of_values)
        judged = [of_values, *(_p_value(scores[name]) for name in (*_OF_MANY, *RATES) if name in scores)]
        least: Floats = np.minimum.reduce(judged)
        return np.minimum(len(judged) * least, 1.0)


def _p_value(scores: Scores) -> Floats:
    return np.full_like(scores.statistic, np.nan) if scores.p_value is None else scores.p_value


def _each(scores: Scores) -> list[Score]:
    return [
        Score(statistic, None if p != p else p)
        for statistic, p in zip(scores.statistic.tolist(), _p_value(scores).tolist(), strict=True)
    ]


def _rates(pair: Pair) -> list[tuple[float, float]]:
    reference = pair.reference[..., 0] / np.maximum(total(pair.reference), 1)
    window = pair.window[..., 0] / np.maximum(total(pair.window), 1)
    return list(zip(reference.tolist(), window.tolist(), strict=True))
