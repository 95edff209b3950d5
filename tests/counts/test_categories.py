from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from driftmeter.counts.rows import Reader
from driftmeter.profile.category_grid import CategoryGrid
from tests.counts.samples import bins, got, reader_of


def test_categories_of_text_take_numbers_by_their_text(cities: Reader) -> None:
    values = ["Ulm", "Bonn", "1", 1, 1.0, "1.0", True, "", None, math.nan, "Köln"]
    # the reference wrote no truth but "1"
    expected = ["Ulm", "Bonn", *["other"] * 5, "unseen", "missing", "missing", "unseen"]
    assert bins(cities, values) == expected


def test_categories_of_integers_take_their_texts_too(codes: Reader) -> None:
    values = [1, 1.0, "1", "1.0", np.int8(2), 7, 8, 1.5, "x", None]
    assert bins(codes, values) == ["1", "1", "1", "1", "2", "other", "unseen", "unseen", "unseen", "missing"]


def test_a_boolean_is_one_or_zero_among_categories_of_integers(codes: Reader) -> None:
    assert bins(codes, [1, True, "true", False, np.True_]) == ["1", "1", "1", "unseen", "1"]


def test_true_and_one_are_two_categories_where_the_reference_wrote_both() -> None:
    reader = reader_of(c=["1"] * 40 + ["true"] * 30)
    assert bins(reader, [1, True, 1.0, "true", np.True_]) == ["1", "true", "1", "true", "true"]


def test_booleans_take_zero_and_one_and_their_texts(flags: Reader) -> None:
    values = [True, 1, 1.0, "true", "True", "1", False, 0, "FALSE", "0", None, np.False_]
    assert bins(flags, values) == ["true"] * 6 + ["false"] * 4 + ["missing", "false"]


@pytest.mark.parametrize(("value", "description"), [(2, "a number (2)"), ("yes", "text ('yes')"), ([], "a list")])
def test_what_is_no_boolean_is_unreadable(flags: Reader, value: object, description: str) -> None:
    assert got(flags, value) == description


@pytest.mark.parametrize("value", [["Ulm"], {"name": "Ulm"}, ("Ulm",), b"\xff", 1j])
def test_what_is_no_category_is_unreadable(cities: Reader, value: object) -> None:
    assert got(cities, value)


def test_an_integer_too_long_to_print_is_unreadable_and_not_raised(cities: Reader) -> None:
    assert got(cities, 10**5000) == "a number"


def test_half_a_surrogate_pair_is_unseen(cities: Reader) -> None:
    assert bins(cities, ["\ud800"]) == ["unseen"]


def test_identifiers_beyond_two_to_the_53_stay_apart() -> None:
    reader = reader_of("categorical", c=[2**53] * 40 + [2**53 + 1] * 50)
    assert bins(reader, [2**53, 2**53 + 1, str(2**53 + 1), 2**53 + 2]) == [
        str(2**53),
        str(2**53 + 1),
        str(2**53 + 1),
        "unseen",
    ]


@pytest.mark.parametrize(
    "column",
    [
        np.array([1, 2]),
        np.array([1.0, np.nan]),
        np.array([True, False]),
        np.array([1, "2", None], object),
        np.array(["1", "x"]),
        np.array([], np.float64),
    ],
    ids=str,
)
def test_a_category_falls_in_the_same_bin_from_an_array_as_from_a_list(
    cities: Reader, codes: Reader, column: np.ndarray[Any, Any]
) -> None:
    for reader in (cities, codes):
        by_array, by_list = reader.read_columns({"c": column}), reader.read_columns({"c": column.tolist()})
        assert np.array_equal(by_array[0].codes, by_list[0].codes)
        assert by_array[1] == by_list[1]


def test_more_categories_than_are_remembered_are_still_read_right(cities: Reader) -> None:
    many = [{"c": f"new {number}"} for number in range(70_000)] + [{"c": "Ulm"}]
    rows, _, _ = cities.read_records(many)
    grid = cities.profile.features[0].grid
    assert isinstance(grid, CategoryGrid)
    counts = np.bincount(rows.codes.ravel(), minlength=grid.size)
    assert counts[grid.unseen].sum() == 70_000
    assert counts[0] == 1
