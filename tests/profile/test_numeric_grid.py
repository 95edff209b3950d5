from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from driftmeter.profile.numeric_grid import NumericGrid


def numeric(*values: float, bins: int = 64, whole: bool = False) -> NumericGrid:
    return NumericGrid.fit(np.array(values, np.float64), bins=bins, whole=whole)


def bin_of(grid: NumericGrid, value: float) -> str:
    return grid.labels[int(np.searchsorted(grid.edges, value, side="right"))]


def test_few_distinct_values_have_a_bin_each_that_is_called_by_the_value() -> None:
    grid = numeric(1, 1, 2, 5)
    assert [bin_of(grid, value) for value in (1, 2, 5)] == ["1", "2", "5"]
    assert grid.atoms == (1.0, 2.0, 5.0)


def test_cuts_lie_between_the_values_where_the_roundest_numbers_are() -> None:
    assert numeric(1, 1, 2, 5).cuts[2:-2] == (1.5, 4.0)
    assert numeric(0.1, 0.2, 0.3).cuts[2:-2] == (0.15, 0.25)
    assert numeric(100.01, 100.02).cuts[2:-2] == pytest.approx((100.015,))


@pytest.mark.parametrize("whole", [False, True])
def test_no_cut_is_as_near_to_a_value_as_rounding_could_bring_it(whole: bool) -> None:
    values = np.random.default_rng(9).integers(-3000, 3000, 400) * 1.0
    grid = numeric(*values, whole=whole)
    for rounded in (
        values.astype(np.float32).astype(np.float64),
        (values / 3 + values / 3) + values / 3,
        values * 0.1 * 10,
    ):
        bins, of_rounded = (np.searchsorted(grid.edges, side, side="right") for side in (values, rounded))
        assert np.array_equal(bins, of_rounded)
    gaps = np.abs(grid.edges[:, None] - values).min(axis=1)
    assert gaps.min() > 1e-6 * np.abs(values).min()
    assert gaps[1:-1].min() >= (0.5 if whole else 1e-3)


def test_values_that_six_digits_do_not_tell_apart_share_a_bin_unless_they_are_whole() -> None:
    assert numeric(1.0, 1.0 + 1e-7, 2.0).atoms == (1.0, 2.0)
    assert numeric(1_234_567.0, 1_234_568.0, 3e6).atoms == (1_234_567.0, 3e6)
    assert numeric(1_234_567.0, 1_234_568.0, 3e6, whole=True).atoms == (1_234_567.0, 1_234_568.0, 3e6)


def test_values_outside_the_reference_are_below_or_above_and_beyond_half_its_spread_far() -> None:
    grid = numeric(0, 10, 20)
    beyond = {-6: "far below", -5: "below", -1: "below", 21: "above", 24: "above", 25: "far above", 26: "far above"}
    assert {value: bin_of(grid, value) for value in beyond} == beyond


def test_the_extremes_of_the_reference_are_inside_with_a_margin() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    grid = numeric(*values)
    inside = range(*grid.core.indices(grid.size))
    for value in (grid.cuts[1], math.nextafter(grid.cuts[-2], -math.inf)):
        assert np.searchsorted(grid.edges, value, side="right") in inside
    for value in (values.min(), values.max()):
        assert np.searchsorted(grid.edges, [value * 0.999995, value * 1.000005], side="right").tolist() == (
            [inside[0 if value < 0 else -1]] * 2
        )
        assert np.searchsorted(grid.edges, value * 1.0001, side="right") not in inside


def test_a_constant_has_one_bin_with_a_margin_and_everything_else_is_far() -> None:
    grid = numeric(7, 7, 7)
    around = [6.9999, math.nextafter(7, -math.inf), 7, math.nextafter(7, math.inf), 7.0001]
    assert [bin_of(grid, value) for value in around] == ["far below", "7", "7", "7", "far above"]
    assert bin_of(numeric(0), 1e-12) == "far above"


def test_no_values_give_a_grid_all_the_same() -> None:
    grid = numeric()
    assert grid.size == 8
    assert grid.cuts == numeric(0.0).cuts


def test_many_values_share_the_bins_equally() -> None:
    values = np.random.default_rng(1).permutation(6400).astype(float)
    grid = numeric(*values)
    shares = np.bincount(np.searchsorted(grid.edges, values, side="right"), minlength=grid.size)[grid.core]
    assert shares.tolist() == [100] * 64


def test_a_value_with_sixty_percent_of_the_rows_is_a_bin_by_itself() -> None:
    values = np.concatenate([np.zeros(6000), np.random.default_rng(2).normal(size=4000)])
    grid = numeric(*values)
    alone = int(np.searchsorted(grid.edges, 0.0, side="right"))
    assert (grid.labels[alone], grid.atoms[alone - grid.core.start]) == ("0", 0.0)
    below, above = values[values < 0].max(), values[values > 0].min()
    assert below < grid.cuts[alone - 1] < 0 < grid.cuts[alone] < above
    assert grid.core.stop - grid.core.start <= 64


def test_exactly_as_many_values_as_bins_have_a_bin_each_however_rare() -> None:
    grid = numeric(*range(64), *[5.0] * 10_000)
    assert grid.core.stop - grid.core.start == 64


def test_a_value_that_fills_a_little_more_than_one_bin_is_a_bin_by_itself() -> None:
    values = np.arange(6400.0)
    values[1000:1150] = 1000.0  # the ranks of 1,000 and 1,100, but not the next
    grid = numeric(*values)
    assert bin_of(grid, 1000.0) == "1000"
    assert [bin_of(grid, value) for value in (999.0, 1150.0)] == ["[899.5, 999.5)", "[1100, 1199.5)"]


def test_a_heavy_maximum_is_a_bin_by_itself() -> None:
    values = np.concatenate([np.full(6000, 9.0), np.random.default_rng(3).random(4000)])
    grid = numeric(*values)
    assert bin_of(grid, 9.0) == bin_of(grid, math.nextafter(9.0, 10.0)) == "9"
    assert bin_of(grid, 9.001) == "far above"  # the median is the maximum: nothing is near


def test_the_sign_of_zero_does_not_show() -> None:
    grids = {str(numeric(*order).cuts) for order in itertools.permutations([0.0, -0.0, 1.0])}
    assert len(grids) == 1


@pytest.mark.parametrize("largest", [1.7976931348623157e308, 5e-324])
def test_the_ends_of_the_number_line_are_no_obstacle(largest: float) -> None:
    grid = numeric(-largest, 0.0, largest)
    assert all(map(math.isfinite, grid.cuts))
    assert list(grid.cuts) == sorted(grid.cuts)
    assert NumericGrid.from_json(grid.to_json()) == grid


def test_the_special_bins_are_where_the_labels_say() -> None:
    for grid in (numeric(1, 2, 3), numeric(5)):
        assert all(grid.labels[index] == name for name, index in grid.special.items())
        assert len(grid.labels) == grid.size
        assert grid.special["missing"] not in range(*grid.present.indices(grid.size))


@pytest.mark.parametrize("cuts", [[1, 2, 3], [1, 3, 2, 4], [1, 2, 3, math.inf], [1, 2, math.nan, 4]])
def test_cuts_that_do_not_ascend_are_refused(cuts: list[float]) -> None:
    with pytest.raises(ValueError, match="at least 4 finite ascending cuts"):
        NumericGrid.from_json({"cuts": cuts, "atoms": [None]})


@pytest.mark.parametrize("atoms", [[], [None, None]])
def test_another_number_of_atoms_than_of_bins_is_refused(atoms: list[None]) -> None:
    with pytest.raises(ValueError, match="an atom or null for each of 1 bins"):
        NumericGrid.from_json({"cuts": [1, 2, 3, 4], "atoms": atoms})
