from __future__ import annotations

import numpy as np

from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.expected import expected_counts
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid


def city(grid: CategoryGrid, *counts: int) -> Feature:
    return Feature("city", "categorical", "feature", grid, counts, "city")


def test_categories_far_above_the_boundary_keep_their_counts() -> None:
    feature = city(CategoryGrid(("a", "b"), (), least_rows=30), 500, 300, 6, 0, 0, 0)
    assert expected_counts(feature).tolist() == list(feature.counts)


def test_rows_that_chance_gave_go_back_to_the_rest_by_what_each_of_its_bins_holds() -> None:
    grid = CategoryGrid(("Ulm", "Bonn"), (), least_rows=30, boundary=9, hashed=2)
    assert expected_counts(city(grid, 700, 35, 20, 10, 0, 0, 3, 1)).tolist() == [700, 26, 26, 13, 0, 0, 3, 1]


def test_a_rest_that_holds_nothing_takes_the_rows_in_equal_parts() -> None:
    grid = CategoryGrid(("Ulm",), (), least_rows=30, boundary=4, hashed=2)
    assert expected_counts(city(grid, 31, 0, 0, 0, 0, 0, 0)).tolist() == [27, 2, 2, 0, 0, 0, 0]


def test_no_category_gives_more_rows_than_it_holds() -> None:
    grid = CategoryGrid(("a", "b"), (), least_rows=1, boundary=2)
    assert expected_counts(city(grid, 1, 1, 0, 0, 0, 0)).tolist() == [0, 0, 2, 0, 0, 0]


def test_numbers_are_expected_as_the_reference_held_them() -> None:
    grid = NumericGrid.fit(np.arange(3.0), bins=64)
    feature = Feature("x", "numeric", "feature", grid, tuple(range(grid.size)), "x")
    counts = expected_counts(feature)
    assert counts.tolist() == list(feature.counts)
    counts[:] = 0
    assert feature.reference.sum() > 0
