from __future__ import annotations

import itertools
import math
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from driftmeter.grid import CategoryGrid, NumericGrid, hash64
from driftmeter.values import canonical


def numeric(*values: float, bins: int = 64, single: bool = False) -> NumericGrid:
    return NumericGrid.fit(np.array(values, np.float64), bins=bins, single=single)


def bin_of(grid: NumericGrid, value: float) -> str:
    return grid.labels[int(np.searchsorted(grid.edges, value, side="right"))]


def test_few_distinct_values_have_a_bin_each() -> None:
    grid = numeric(1, 1, 2, 5)
    assert [bin_of(grid, value) for value in (1, 2, 5)] == ["[1, 2)", "[2, 5)", "[5, 5)"]


def test_values_outside_the_reference_are_below_or_above_and_beyond_half_its_spread_far() -> None:
    grid = numeric(0, 10, 20)
    beyond = {-6: "far below", -5: "below", -1: "below", 21: "above", 25: "above", 26: "far above"}
    assert {value: bin_of(grid, value) for value in beyond} == beyond


def test_the_extremes_of_the_reference_are_inside() -> None:
    grid = numeric(*np.random.default_rng(0).normal(size=1000))
    inside = range(*grid.core.indices(grid.size))
    for value in (grid.cuts[1], math.nextafter(grid.cuts[-2], -math.inf)):
        assert np.searchsorted(grid.edges, value, side="right") in inside


def test_a_constant_has_one_bin_and_everything_else_is_far() -> None:
    grid = numeric(7, 7, 7)
    around = [math.nextafter(7, -math.inf), 7, math.nextafter(7, math.inf)]
    assert [bin_of(grid, value) for value in around] == ["far below", "[7, 7)", "far above"]


def test_no_values_give_a_grid_all_the_same() -> None:
    grid = numeric()
    assert grid.size == 7
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
    assert (grid.cuts[alone - 1], grid.cuts[alone]) == (0.0, math.nextafter(0.0, 1.0))
    assert grid.core.stop - grid.core.start <= 64


def test_exactly_as_many_values_as_bins_have_a_bin_each_however_rare() -> None:
    grid = numeric(*range(64), *[5.0] * 10_000)
    assert grid.core.stop - grid.core.start == 64


def test_a_value_that_fills_a_little_more_than_one_bin_is_a_bin_by_itself() -> None:
    values = np.arange(6400.0)
    values[1000:1150] = 1000.0  # the ranks of 1,000 and 1,100, but not the next
    grid = numeric(*values)
    assert {1000.0, math.nextafter(1000.0, 2000.0)} <= set(grid.cuts)


def test_a_heavy_maximum_is_a_bin_by_itself() -> None:
    values = np.concatenate([np.full(6000, 9.0), np.random.default_rng(3).random(4000)])
    grid = numeric(*values)
    assert bin_of(grid, 9.0).startswith("[9,")
    assert bin_of(grid, math.nextafter(9.0, 10.0)) == "far above"  # the median is the maximum: nothing is near


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
        NumericGrid.from_json({"cuts": cuts, "single": False})


def categories(
    counts: dict[str, int], *, min_rows: int = 30, most_bins: int = 128, most_known: int = 10_000
) -> CategoryGrid:
    return CategoryGrid.fit(counts, dtype="string", min_rows=min_rows, most_bins=most_bins, most_known=most_known)


def test_a_category_has_a_bin_of_its_own_from_thirty_rows_on() -> None:
    grid = categories({"a": 29, "b": 30, "c": 31})
    assert grid.categories == ("c", "b")
    assert [grid.labels[grid.bin_of(text)] for text in ("a", "b", "z", None)] == ["other", "b", "unseen", "missing"]


def test_equally_frequent_categories_stand_in_alphabetical_order() -> None:
    assert categories({"b": 40, "a": 40, "c": 50}).categories == ("c", "a", "b")


def test_the_rest_beyond_the_most_bins_is_other() -> None:
    grid = categories({f"{number:03}": 100 + number for number in range(130)})
    assert (len(grid.categories), grid.fewest) == (128, 102)
    assert grid.labels[grid.bin_of("001")] == "other"


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
    assert categories(many).bin_of("new") == categories(many).special["unseen"]
    grid = categories({**many, "one more": 1})
    assert grid.others is None
    assert grid.bin_of("new") == grid.special["other"]


def test_the_categories_seen_once_are_counted() -> None:
    assert categories({"a": 1, "b": 1, "c": 2, "d": 50}).once == 2


@pytest.mark.parametrize(
    "grid",
    [
        categories({"a": 40, "b": 3, "ü": 1}),
        CategoryGrid(("a",), None, fewest=30, boundary=7),
        CategoryGrid((), ()),
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


def test_the_hash_of_a_category_is_the_same_for_ever() -> None:
    assert hash64("Ulm") == 16797968501358574361
    assert hash64("") != hash64(" ")


def test_half_a_surrogate_pair_is_just_another_unseen_category() -> None:
    grid = categories({"a": 40})
    assert grid.bin_of("\ud800") == grid.special["unseen"]


TEXTS = [
    # value, and its text as a category of string, integer, float, boolean; TypeError where it can be none
    (1, ("1", "1", "1", "true")),
    (1.0, ("1", "1", "1", "true")),
    ("1", ("1", "1", "1", "true")),
    ("1.0", ("1.0", "1", "1", TypeError)),
    (1.5, ("1.5", "1.5", "1.5", TypeError)),
    ("x", ("x", "x", "x", TypeError)),
    ("True", ("True", "True", "True", "true")),
    ("", ("", "", "", TypeError)),
    (2**53 + 1, (*["9007199254740993"] * 3, TypeError)),
    ("9007199254740993", (*["9007199254740993"] * 3, TypeError)),
    (-0.0, ("0", "0", "0", "false")),
    (math.inf, ("inf", "inf", "inf", TypeError)),
    (math.nan, (None,) * 4),
    (None, (None,) * 4),
]


@pytest.mark.parametrize(("value", "texts"), TEXTS, ids=repr)
def test_a_category_has_one_text_by_the_type_of_its_column(value: object, texts: tuple[object, ...]) -> None:
    for dtype, expected in zip(("string", "integer", "float", "boolean"), texts, strict=True):
        if expected is TypeError:
            with pytest.raises(TypeError):
                canonical(value, dtype)
        else:
            assert canonical(value, dtype) == expected


@pytest.mark.parametrize("truth", [True, np.True_])
def test_a_boolean_is_no_number_and_has_one_text(truth: object) -> None:
    assert canonical(truth, "boolean") == canonical(truth, "string") == "true"
    for dtype in ("integer", "float"):
        with pytest.raises(TypeError):
            canonical(truth, dtype)


@pytest.mark.parametrize("value", [np.int8(1), np.uint64(1), np.float32(1), np.float64(1), np.str_("1")])
def test_the_numbers_of_numpy_are_numbers(value: object) -> None:
    assert canonical(value, "integer") == "1"


@pytest.mark.parametrize("value", [[1], {"a": 1}, (1,), b"1", date(2024, 1, 1), np.timedelta64(1, "s"), 1j])
def test_what_is_neither_text_nor_number_is_no_category(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value, "string")


@pytest.mark.parametrize(
    "value", [None, math.nan, np.float32("nan"), np.datetime64("NaT", "us"), pd.NaT, pd.NA, Decimal("NaN")]
)
def test_what_frames_put_where_there_is_nothing_is_missing(value: object) -> None:
    for dtype in ("string", "integer", "float", "boolean"):
        assert canonical(value, dtype) is None


def test_a_decimal_is_a_number() -> None:
    values = [Decimal("1.00"), Decimal("0.1"), Decimal(2**53 + 1), Decimal("1e400")]
    assert [canonical(value, "float") for value in values] == ["1", "0.1", str(2**53 + 1), "inf"]


@pytest.mark.parametrize("value", [0.1, np.float32(0.1), float(np.float32(0.1)), "0.1", "0.10000000149011612"])
def test_single_numbers_have_one_text_whatever_carried_them(value: object) -> None:
    assert canonical(value, "float", single=True) == "0.1"


def test_single_numbers_are_rounded_as_float32_are() -> None:
    values = [2**24 + 1, 1e39, 3.0, "7.0", "n/a"]
    texts = [canonical(value, "float", single=True) for value in values]
    assert texts == [str(2**24), "inf", "3", "7", "n/a"]
