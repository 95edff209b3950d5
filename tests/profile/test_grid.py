from __future__ import annotations

import itertools
import math
from datetime import date, datetime, time
from decimal import Decimal

import numpy as np
import pytest

from driftmeter.profile.category_grid import CategoryGrid, hash64
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
    for each in (values.astype(np.float32), (values / 3 + values / 3) + values / 3, values * 0.1 * 10):
        bins = [np.searchsorted(grid.edges, one, side="right") for one in (values, each.astype(np.float64))]
        assert np.array_equal(*bins)
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
    for grid in (numeric(1, 2, 3), numeric(5), CategoryGrid(("a", "b"), ())):
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


def categories(
    counts: dict[str, int], *, min_rows: int = 30, most_bins: int = 128, most_known: int = 10_000
) -> CategoryGrid:
    return CategoryGrid.fit(counts, dtype="string", min_rows=min_rows, most_bins=most_bins, most_known=most_known)


def test_a_category_has_a_bin_of_its_own_from_thirty_rows_on() -> None:
    grid = categories({"a": 29, "b": 30, "c": 31})
    assert grid.categories == ("c", "b")
    assert [grid.labels[grid.bin_of(text)] for text in ("a", "b", "z", None)] == ["other", "b", "unseen", "missing"]


def test_the_rest_is_hashed_into_bins_twice_as_many_as_there_are_categories_of_it() -> None:
    for rest, hashed in ((0, 1), (1, 1), (2, 4), (3, 8), (5, 16), (64, 128), (65, 256), (512, 1024), (5000, 1024)):
        grid = categories({"a": 40, **{f"v{number}": 2 for number in range(rest)}})
        assert (grid.hashed, grid.rest, grid.unseen) == (
            hashed,
            slice(1, 1 + hashed),
            slice(1 + hashed, 1 + 2 * hashed),
        )
        assert grid.size == 1 + 2 * hashed + 2


def test_a_category_without_a_bin_falls_in_that_of_its_hash_and_an_unseen_one_in_the_same_place() -> None:
    grid = categories({"a": 40, **{f"v{number}": 2 for number in range(30)}})
    assert grid.hashed == 64
    for number in range(60):
        text = f"v{number}"
        start = grid.rest.start if number < 30 else grid.unseen.start
        assert grid.bin_of(text) == start + hash64(text) % 64
    assert grid.labels[grid.rest.start + 2] == "other 3 of 64"
    assert grid.labels[grid.unseen.start + 2] == "unseen 3 of 64"


def test_what_is_no_category_raises_and_what_is_wrapped_is_taken_out() -> None:
    grid = categories({"a": 40, "3": 40})
    assert [grid.bin_of(value) for value in (np.array(["a"]), b"a", 3, 3.0, Decimal("3.00"))] == [1, 1, 0, 0, 0]
    for value in (["a"], {"a": 1}, np.array(["a", "b"]), b"\xff", 1j):
        with pytest.raises(TypeError):
            grid.bin_of(value)


def test_a_reference_that_wrote_the_same_value_in_another_way_knows_it() -> None:
    cases = {
        "3.0": [3, 3.0, "3"],
        "3": [3.0, "3.0"],
        "True": [True, "true", "TRUE"],
        "2024-01-05": [date(2024, 1, 5), datetime(2024, 1, 5), np.datetime64("2024-01-05"), "2024-01-05 00:00:00"],
        "2024-01-05 08:00:00": [datetime(2024, 1, 5, 8), "2024-01-05T08:00:00"],
        "08:00": [time(8), "08:00:00"],
        "0.30000000000000004": [0.1 + 0.2],
        "0.3": [0.1 + 0.2, np.float32(0.3), Decimal("0.30")],
    }
    for text, values in cases.items():
        grid = categories({text: 40, "x": 50})
        assert [grid.labels[grid.bin_of(value)] for value in values] == [text] * len(values), text


def test_texts_that_only_look_alike_stay_apart() -> None:
    grid = categories({"1.10": 50, "1.1": 40, "01": 30, "1": 35, "a": 31})
    assert [grid.labels[grid.bin_of(text)] for text in ("1.10", "1.1", "01", "1")] == ["1.10", "1.1", "01", "1"]
    assert [grid.labels[grid.bin_of(text)] for text in ("001", "A", " a", "1.100")] == ["unseen"] * 4


def test_the_categories_that_the_reference_knows_win() -> None:
    grid = categories({"true": 40, "True": 50, "1": 30})
    assert [grid.labels[grid.bin_of(value)] for value in ("true", "True", True, 1)] == ["true", "True", "true", "1"]


def test_equally_frequent_categories_stand_in_alphabetical_order() -> None:
    assert categories({"b": 40, "a": 40, "c": 50}).categories == ("c", "a", "b")


def test_the_rest_beyond_the_most_bins_is_other() -> None:
    grid = categories({f"{number:03}": 100 + number for number in range(130)})
    assert (len(grid.categories), grid.fewest) == (128, 102)
    assert grid.hashed == 4
    assert grid.bin_of("001") == grid.rest.start + hash64("001") % 4


def test_of_equally_frequent_categories_either_all_have_a_bin_or_none() -> None:
    grid = categories({"a": 90, "b": 50, "c": 50, "d": 40}, most_bins=2)
    assert (grid.categories, grid.fewest) == (("a",), 51)
    assert categories({"a": 90, "b": 50, "c": 50, "d": 40}, most_bins=3).categories == ("a", "b", "c")


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


def test_the_order_of_the_categories_depends_on_their_names_alone() -> None:
    names = [f"{number:03}" for number in range(40)]
    up = categories({name: 40 + rank for rank, name in enumerate(names)})
    down = categories({name: 90 - rank for rank, name in enumerate(names)})
    ordered = [[grid.categories[bin_] for bin_ in grid.order] for grid in (up, down)]
    assert ordered[0] == ordered[1] != names
    assert CategoryGrid(tuple(names), ()).order == tuple(range(40))


def test_beyond_ten_thousand_categories_nothing_is_unseen() -> None:
    many = {str(number): 1 for number in range(10_000)}
    grid = categories(many)
    assert grid.bin_of("new") == grid.unseen.start + hash64("new") % 1024
    grid = categories({**many, "one more": 1})
    assert grid.others is None
    assert grid.bin_of("new") == grid.rest.start + hash64("new") % 1024
    assert (grid.unseen.stop - grid.unseen.start, grid.size) == (1, 1024 + 1 + 2)


def test_the_categories_seen_once_are_counted() -> None:
    grid = categories({"a": 1, "b": 1, "c": 2, "d": 50})
    assert (grid.once, grid.twice) == (2, 1)


def test_unseen_rows_come_together_where_the_reference_held_categories_twice() -> None:
    once, both = ({f"v{number}": 1 + (number < twice) for number in range(100)} for twice in (0, 60))
    assert categories(once).clustering(100) == 0
    assert categories(both).clustering(160) == pytest.approx(2 * 60 / (40 * (1 - 40 / 160)))
    assert CategoryGrid(("a",), ()).clustering(0) == 0


@pytest.mark.parametrize(
    "grid",
    [
        categories({"a": 40, "b": 3, "ü": 1}),
        CategoryGrid(("a",), None, fewest=30, boundary=7),
        CategoryGrid((), ()),
        categories({f"v{number}": 1 + number % 2 for number in range(90)}),
    ],
)
def test_a_category_grid_survives_json(grid: CategoryGrid) -> None:
    assert CategoryGrid.from_json(grid.to_json()) == grid


@pytest.mark.parametrize("wrong", [{"fewest": -1}, {"fewest": 1.5}, {"boundary": -1}, {"boundary": 61}])
def test_a_category_grid_with_an_impossible_boundary_is_refused(wrong: dict[str, float]) -> None:
    right = CategoryGrid(("a", "b"), (), fewest=30, boundary=60).to_json()
    assert CategoryGrid.from_json(right).boundary == 60
    with pytest.raises(ValueError, match="expected"):
        CategoryGrid.from_json({**right, **wrong})


@pytest.mark.parametrize("hashed", [0, 1025, 2.0, True])
def test_an_impossible_number_of_hashed_bins_is_refused(hashed: object) -> None:
    right = CategoryGrid(("a", "b"), ()).to_json()
    with pytest.raises(ValueError, match="expected"):
        CategoryGrid.from_json({**right, "hashed": hashed})


def test_the_hash_of_a_category_is_the_same_for_ever() -> None:
    assert hash64("Ulm") == 16797968501358574361
    assert hash64("") != hash64(" ")


def test_half_a_surrogate_pair_is_just_another_unseen_category() -> None:
    grid = categories({"a": 40})
    assert grid.labels[grid.bin_of("\ud800")] == "unseen"
