from __future__ import annotations

import pytest

from driftmeter.profile.boundary import near_boundary
from tests.profile.samples import categories


def test_a_category_is_near_the_boundary_within_two_standard_deviations_above_it() -> None:
    assert [near_boundary(rows, 100) for rows in (99, 100, 120, 121)] == [False, True, True, False]


def test_no_category_is_near_where_the_bins_were_fixed_without_a_look_at_the_counts() -> None:
    assert not near_boundary(0, 0)


def test_what_chance_gave_is_the_rows_of_the_categories_at_the_boundary_read_off_a_smooth_curve() -> None:
    flat = {f"{rows} {copy}": rows for rows in range(20, 41) for copy in range(4)}
    assert categories(flat).boundary == 4 * 30
    falling = {f"{rows} {copy}": rows for rows in range(20, 41) for copy in range(2 ** max(0, 35 - rows))}
    assert categories(falling).boundary == pytest.approx(2**5 * 30, rel=0.15)


def test_chance_gave_no_rows_where_all_categories_are_far_from_the_boundary() -> None:
    assert categories({"a": 90, "b": 50, "c": 7}).boundary == 0


def test_chance_gave_no_rows_where_nothing_fell_just_short() -> None:
    assert categories({str(number): 30 for number in range(100)}).boundary == 0


def test_a_handful_just_below_takes_at_most_half_of_the_one_just_above() -> None:
    assert categories({"a": 31, **{str(number): 29 for number in range(50)}}).boundary == 15


def test_a_category_that_cannot_be_written_takes_nothing_from_the_others() -> None:
    grid = categories({"\ud800": 31, "a": 28})
    assert (grid.categories, grid.boundary) == ((), 0)
