from __future__ import annotations

import numpy as np

from driftmeter.drift.protocol import Pair, View
from driftmeter.drift.views import ViewTable, reference_of, slots_of
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.types import Counts
from tests.drift.samples import boolean, categorical, counted, numeric


def viewed(view: View, feature: Feature, counts: Counts) -> Pair:
    return ViewTable(view, [feature], [0], feature.size).pair(counts)


def test_out_of_range_is_the_four_outer_bins_and_what_is_not_finite_among_rows_with_a_value() -> None:
    feature = numeric(np.arange(100.0))
    window = np.array([-500, -1, 50, 51, 100, 5000, np.inf, -np.inf, np.nan])
    pair = viewed("out_of_range", feature, counted(feature.grid, window))
    assert pair.window.tolist() == [[6, 2]]
    assert pair.reference.tolist() == [[0, 100]]


def test_missing_is_counted_among_all_rows() -> None:
    feature = numeric(np.array([1.0, 2, 3, np.nan]))
    pair = viewed("missing", feature, counted(feature.grid, np.array([np.nan, np.inf, 1, 9])))
    assert pair.window.tolist() == [[1, 3]]
    assert pair.reference.tolist() == [[1, 3]]


def test_present_is_all_finite_values() -> None:
    feature = numeric(np.arange(100.0))
    window = np.array([-500, -1, 50, 100, 5000, np.inf, np.nan])
    assert viewed("present", feature, counted(feature.grid, window)).window.sum() == 5


def test_unseen_expects_the_categories_seen_once_and_is_present_as_other() -> None:
    feature = categorical([500, 300], other=40, missing=60, once=25)
    counts = np.array([50, 30, 4, 6, 10, 0])
    unseen = viewed("unseen", feature, counts)
    assert unseen.reference.tolist() == [[25, 815]]
    assert unseen.window.tolist() == [[6, 84]]
    assert viewed("present", feature, counts).window.tolist() == [[50, 30, 10]]


def test_a_boolean_has_two_bins_that_matter() -> None:
    counts = np.array([7, 3, 0, 0, 2, 0])
    assert viewed("present", boolean(60, 40), counts).window.tolist() == [[7, 3, 0]]
    assert viewed("missing", boolean(60, 40), counts).window.tolist() == [[2, 10]]


def test_groups_hold_every_row_with_the_missing_and_the_infinite_apart() -> None:
    feature = numeric(np.random.default_rng(1).normal(size=10_000))
    slots = slots_of("groups", feature)
    special = feature.grid.special
    assert (slots >= 0).all()
    assert reference_of("groups", feature, slots).tolist() == [625] * 16 + [0, 0, 0, 0]
    assert (slots == slots[special["missing"]]).sum() == (slots == slots[special["not finite"]]).sum() == 1


def test_the_group_of_the_unseen_holds_what_good_and_turing_expect() -> None:
    grid = CategoryGrid(("a", "b"), (1, 2, 3), once=2)
    feature = Feature("c", "categorical", "feature", grid, (50, 40, 7, 0, 3, 0), "c")
    slots = slots_of("groups", feature)
    reference = reference_of("groups", feature, slots)
    assert reference.sum() == 100
    assert reference[slots[grid.unseen.start]] == 2
    assert reference[slots[grid.rest.start]] == 5
    unbounded = Feature(
        "c", "categorical", "feature", CategoryGrid(("a", "b"), None, once=2), (50, 40, 7, 0, 3, 0), "c"
    )
    assert reference_of("groups", unbounded, slots).tolist() == [50, 40, 7, 0, 3, 0]
