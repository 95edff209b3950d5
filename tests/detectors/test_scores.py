from __future__ import annotations

import numpy as np
import pytest

from driftmeter.detectors.scores import LEAST_SHARE, NAMES, rank_scores
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import Floats
from tests.detectors.samples import categories, number_grid, numbers


@pytest.fixture(scope="module")
def values() -> Floats:
    return np.random.default_rng(1).normal(size=5_000)


def with_missing(values: Floats, share: float) -> Floats:
    chance = np.random.default_rng(2)
    return np.where(chance.random(len(values)) < share, np.nan, values)


def share_of(feature: Feature) -> Floats:
    return feature.reference / sum(feature.counts)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_scores_have_mean_0_and_variance_1_under_the_reference_and_do_not_correlate(
    values: Floats, missing: float
) -> None:
    feature = numbers(with_missing(values, missing))
    scores, share = rank_scores(feature), share_of(feature)
    assert scores.shape == (len(NAMES), feature.size)
    assert np.abs(scores @ share).max() < 1e-9
    assert np.abs((scores * share) @ scores.T - np.eye(len(NAMES))).max() < 1e-9


def test_scores_depend_on_ranks_alone(values: Floats) -> None:
    # neighbours that are closer than six digits tell apart would not be parted alike
    values = np.unique(values.round(2))
    assert np.array_equal(rank_scores(numbers(values)), rank_scores(numbers(1_000 + 8 * values)))


def test_the_first_score_rises_and_the_second_opens_upwards(values: Floats) -> None:
    feature = numbers(values)
    mean, spread = rank_scores(feature)[:2, number_grid(feature).core]
    assert (np.diff(mean) > 0).all()
    middle = len(spread) // 2
    assert (np.diff(spread[:middle]) < 0).all()
    assert (np.diff(spread[middle + 1 :]) > 0).all()


def test_what_is_missing_or_not_finite_scores_as_the_mean_does(values: Floats) -> None:
    feature = numbers(with_missing(values, 0.3))
    special = feature.grid.special
    assert np.abs(rank_scores(feature)[:, [special["missing"], special["not finite"]]]).max() < 1e-9


def test_what_is_out_of_range_scores_as_the_outermost_values_of_the_reference(values: Floats) -> None:
    feature = numbers(values)
    grid = number_grid(feature)
    scores = rank_scores(feature)
    for outside, inside in ((("far below", "below"), grid.core.start), (("above", "far above"), grid.core.stop - 1)):
        for name in outside:
            assert np.array_equal(scores[:, grid.special[name]], scores[:, inside])


def test_a_bin_without_rows_scores_as_the_nearest_one_with_rows() -> None:
    grid = NumericGrid((0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0), (None,) * 5)
    counts = np.zeros(grid.size, dtype=int)
    counts[[3, 5, 6]] = 300, 400, 300  # the first, third and, with its neighbour, last of the ordinary bins
    counts[4] = 0
    feature = Feature("x", "numeric", "feature", grid, tuple(counts.tolist()), "x")
    scores = rank_scores(feature)
    start, stop = grid.core.start, grid.core.stop
    populated = [index for index in range(start, stop) if counts[index]]
    assert len(populated) == 3
    for index in range(start, stop):
        below = [bin_ for bin_ in populated if bin_ <= index] or populated[:1]
        assert np.array_equal(scores[:, index], scores[:, below[-1]])
    share = share_of(feature)
    assert np.abs(scores @ share).max() < 1e-9


def test_bins_of_little_share_are_scored_together() -> None:
    values = np.concatenate([np.zeros(9_000), np.arange(1.0, 1_001.0)])
    feature = numbers(values, bins=1_024)
    scores = rank_scores(feature)[0, number_grid(feature).core]
    levels = np.unique(scores)
    # a tenth of the rows in bins of a hundredth each, and the ties
    assert 8 <= len(levels) <= 1 + round(0.1 / LEAST_SHARE)
    assert (np.diff(scores) >= 0).all()


def test_two_values_leave_one_score() -> None:
    feature = numbers(np.repeat([0.0, 1.0], [700, 300]))
    scores = rank_scores(feature)
    assert scores[0].any()
    assert not scores[1:].any()


@pytest.mark.parametrize(
    "feature",
    [
        numbers(np.full(1_000, 3.0)),
        numbers(np.full(1_000, np.nan)),
        numbers(np.arange(50.0)),
        categories([500, 500]),
    ],
    ids=["constant", "missing", "few", "category"],
)
def test_there_are_no_scores_where_ranks_say_nothing(feature: Feature) -> None:
    scores = rank_scores(feature)
    assert scores.shape == (len(NAMES), feature.size)
    assert not scores.any()
