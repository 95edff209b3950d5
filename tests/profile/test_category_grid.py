from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from driftmeter.profile.category_grid import CategoryGrid, hash64
from tests.profile.samples import categories


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


def test_the_special_bins_are_where_the_labels_say() -> None:
    grid = CategoryGrid(("a", "b"), ())
    assert all(grid.labels[index] == name for name, index in grid.special.items())
    assert len(grid.labels) == grid.size
    assert grid.special["missing"] not in range(*grid.present.indices(grid.size))


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
    cases: dict[str, list[Any]] = {
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
    assert (len(grid.categories), grid.least_rows) == (128, 102)
    assert grid.hashed == 4
    assert grid.bin_of("001") == grid.rest.start + hash64("001") % 4


def test_of_equally_frequent_categories_either_all_have_a_bin_or_none() -> None:
    grid = categories({"a": 90, "b": 50, "c": 50, "d": 40}, most_bins=2)
    assert (grid.categories, grid.least_rows) == (("a",), 51)
    assert categories({"a": 90, "b": 50, "c": 50, "d": 40}, most_bins=3).categories == ("a", "b", "c")


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
    assert grid.rest_hashes is None
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
        CategoryGrid(("a",), None, least_rows=30, boundary=7),
        CategoryGrid((), ()),
        categories({f"v{number}": 1 + number % 2 for number in range(90)}),
    ],
)
def test_a_category_grid_survives_json(grid: CategoryGrid) -> None:
    assert CategoryGrid.from_json(grid.to_json()) == grid


@pytest.mark.parametrize("wrong", [{"fewest": -1}, {"fewest": 1.5}, {"boundary": -1}, {"boundary": 61}])
def test_a_category_grid_with_an_impossible_boundary_is_refused(wrong: dict[str, float]) -> None:
    right = CategoryGrid(("a", "b"), (), least_rows=30, boundary=60).to_json()
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


def test_bytes_of_a_text_are_that_text_also_in_another_way_to_write_it() -> None:
    grid = categories({"1": 40, "2024-01-05": 40})
    for text in ("1", "1.0", "2024-01-05 00:00:00", "2.0"):
        assert grid.bin_of(text.encode()) == grid.bin_of(text) == grid.bin_of(np.bytes_(text))
    assert grid.labels[grid.bin_of(b"1.0")] == "1"
