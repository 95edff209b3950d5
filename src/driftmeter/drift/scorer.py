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
from driftmeter.drift.share_bounds import surely_moved
from driftmeter.drift.views import ViewTable
from driftmeter.errors import InputError
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.types import Counts, Floats

RATES: tuple[View, ...] = ("missing", "unreadable", "unseen", "out_of_range")
"""The tests that are rates; they have the names of their views."""
_OF_MANY = ("chi_square_hashed", "vanished")
"""Tests for many categories only."""
_BEHIND_P_VALUE = ("ks", "chi_square", *_OF_MANY, *RATES)
_HASHED: tuple[tuple[View, int], ...] = (("hashed_1024", 1024), ("hashed_256", 256), ("hashed_64", 64))
_ROWS_PER_GROUP = 10
"""Rows of the smaller sample in each group by hash, on average, at least: this limits the number of groups."""


@dataclass(frozen=True, slots=True)
class FeatureScores:
    """The results of all tests of one feature in one window.

    `tests`: the scores of the tests that are shown, by name.
    `p_value`: Bonferroni over the test of the present values and the rates that apply, shown or not, at most 1.
    `effect`, `effect_low`: those of psi.py; of many categories at least the lower bound over many groups.
    `rates`: the share of rows in the reference and in the window, by the name of the rate.
    `present`: the window's rows with a finite number or a category.
    `vanished`: the share of the reference whose categories have vanished beyond chance.
    `effect_of_many`: the effect over many groups of many categories, chance included; 0 for few categories.
    `excess_low`: the lower bound of `excess`, by which severity is graded.
    """

    tests: dict[str, Score]
    p_value: float
    effect: float
    effect_low: float
    rates: dict[str, tuple[float, float]]
    present: int
    vanished: float = 0.0
    effect_of_many: float = 0.0
    excess_low: float = 0.0

    @property
    def largest_effect(self) -> float:
        """The effect that a tolerance is compared with, where chance is ruled out by the p-value.

        It is the largest of `effect`, `excess` and `effect_of_many`: an index over groups may miss rows in bins that
        should be empty, and few groups may average away what many groups show.
        """
        return max(self.effect, self.effect_of_many, self.excess)

    @property
    def excess(self) -> float:
        """The largest growth of a rate, as a share of rows, or the share of the reference that has vanished."""
        grown = max((now - reference for reference, now in self.rates.values()), default=0.0)
        return max(grown, self.vanished)


class Scorer:
    """Score windows against a reference; made once per profile.

    A feature's scores depend on its own counts alone, bit for bit, whatever features are beside it.

    >>> grid = CategoryGrid(("a", "b"), ())
    >>> feature = Feature("plan", "categorical", "feature", grid, (700, 300, 0, 0, 0, 0), "plan")
    >>> (score,) = Scorer([feature]).scores(np.array([60, 30, 0, 0, 10, 0]))
    >>> score.present, round(score.tests["total_variation"].statistic, 3), score.rates["missing"]
    (90, 0.033, (0.0, 0.1))
    """

    def __init__(self, features: Sequence[Feature], shown: Sequence[Collection[str] | None] | None = None) -> None:
        """Compile the tables; `features` are in the order of the counts, as `profile.features` is.

        `shown` names the tests to show of each feature, None for all that apply; by default all of every feature.
        """
        starts = [0, *accumulate(feature.size for feature in features)]
        self._bins = starts[-1]
        members: dict[tuple[tuple[DriftTest, ...], tuple[str, ...], int], list[int]] = {}
        named = [None] * len(features) if shown is None else shown
        for index, (feature, names) in enumerate(zip(features, named, strict=True)):
            # features of many categories are apart from the others: they would widen the arrays of all
            members.setdefault((*_chosen(feature, names), _most_groups(feature)), []).append(index)
        self._blocks = [
            _Block(
                tests, names, most, indices, [features[i] for i in indices], [starts[i] for i in indices], self._bins
            )
            for (tests, names, most), indices in members.items()
        ]

    def scores(self, counts: Counts) -> list[FeatureScores]:
        """Score a window: counts (bins,) of all features; raises InputError on another shape."""
        if counts.shape != (self._bins,):
            raise InputError("counts", f"shape ({self._bins},)", f"shape {counts.shape}")
        scores: dict[int, FeatureScores] = {}
        for block in self._blocks:
            scores.update(zip(block.indices, block.scores(counts), strict=True))
        return [scores[index] for index in sorted(scores)]


def tests_of(feature: Feature) -> tuple[DriftTest, ...]:
    """Return the tests that apply to a feature, by its kind.

    `unseen` does not apply where the hashes of the rest were too many to keep; the tests for many categories apply only
    to many. Missing residuals are no drift of their own: their columns tell of it."""
    grid = feature.grid
    left_out = {"missing"} if feature.role == "derived" else set()
    if isinstance(grid, CategoryGrid) and grid.rest_hashes is None:
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
        self._tables = {view: ViewTable(view, features, starts, bins) for view in views}
        self._resolves = resolves(self._tables["present"].reference)

    def scores(self, counts: Counts) -> list[FeatureScores]:
        pairs = {view: table.pair(counts) for view, table in self._tables.items()}
        scores = {test.name: test.score(pairs[test.view]) for test in self._tests}
        rates = {name: _rates(pairs[name]) for name in RATES if name in pairs}
        size, fine = self._effect(pairs)
        vanished = np.zeros(len(self.indices)) if "vanished" not in scores else scores["vanished"].statistic
        shown = {name: _by_feature(scores[name]) for name in self._shown}
        grown = [_grown_low(pairs[name]) for name in rates]
        excess_low = np.maximum.reduce([vanished, *grown])
        rows = zip(
            self._p_values(scores).tolist(),
            size.estimate.tolist(),
            size.low.tolist(),
            zip(*rates.values(), strict=True),
            pairs["present"].n.tolist(),
            vanished.tolist(),
            fine.tolist(),
            excess_low.tolist(),
            strict=True,
        )
        return [
            FeatureScores(
                {name: tests[index] for name, tests in shown.items()},
                p,
                estimate,
                low,
                dict(zip(rates, rate, strict=True)),
                int(n),
                gone,
                of_many,
                surely,
            )
            for index, (p, estimate, low, rate, n, gone, of_many, surely) in enumerate(rows)
        ]

    def _effect(self, pairs: dict[View, Pair]) -> tuple[Effect, Floats]:
        """Return the effect, and that over as many groups of many categories as the rows allow, 0 for few categories.

        Chance alone makes the latter large, so that only its lower bound goes into the former.
        """
        coarse = effect(pairs["groups"])
        of_many = np.zeros_like(coarse.estimate)
        smaller = np.minimum(pairs["present"].n, pairs["present"].m)
        estimate, low = coarse.estimate, coarse.low
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


def _by_feature(scores: Scores) -> list[Score]:
    return [
        Score(statistic, None if p != p else p)
        for statistic, p in zip(scores.statistic.tolist(), _p_value(scores).tolist(), strict=True)
    ]


def _grown_low(pair: Pair) -> Floats:
    """Return by how much a rate has surely grown; independent rows are assumed."""
    n, m = np.maximum(pair.n, 1), np.maximum(pair.m, 1)
    moved = surely_moved(pair.window_shares[..., 0], n, pair.reference_shares[..., 0], m)
    return np.where(pair.comparable, np.maximum(moved, 0.0), 0.0)


def _rates(pair: Pair) -> list[tuple[float, float]]:
    reference = pair.reference[..., 0] / np.maximum(total(pair.reference), 1)
    window = pair.window[..., 0] / np.maximum(total(pair.window), 1)
    return list(zip(reference.tolist(), window.tolist(), strict=True))
