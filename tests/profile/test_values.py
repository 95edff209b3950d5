from __future__ import annotations

import datetime as dt
import enum
import math
import uuid
from decimal import Decimal
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.profile.values import (
    MISSING_WORDS,
    UNREADABLE,
    CategoryType,
    canonical,
    is_missing,
    is_unreadable,
    number_of,
    other_ways,
    plain,
    texts_of,
)


class Colour(enum.Enum):
    RED = "red"
    ONE = 1


UNREAD = object()
TEXT = object()
UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")
TABLE: list[tuple[Any, object, object, object, object]] = [
    # cell, as a number, as a truth, among numbers, among texts: the rows of the module's own table
    *((nothing, None, None, None, None) for nothing in (None, math.nan, np.float32("nan"), Decimal("NaN"))),
    *((nothing, None, None, None, None) for nothing in (pd.NaT, pd.NA, np.datetime64("NaT", "us"))),
    *((blank, None, None, None, TEXT) for blank in ("", "  ", "\t")),
    *((word, None, None, None, TEXT) for word in ("NaN", "NA", "N/A", "null", "None", "<NA>", "nat", " #N/A ", "NULL")),
    (True, 1.0, "true", "1", "true"),
    (False, 0.0, "false", "0", "false"),
    (np.True_, 1.0, "true", "1", "true"),
    *((one, 1.0, "true", "1", "1") for one in (1, 1.0, Decimal("1.0"), Fraction(1), np.int8(1), np.float32(1))),
    (-0.0, 0.0, "false", "0", "0"),
    *((one, 1.0, "true", "1", TEXT) for one in ("1", " 1.0 ", "1.0")),
    *((one, 1.0, "true", "1", TEXT) for one in ("+1", "1.00", "1.")),
    *((truth, 1.0, "true", "1", TEXT) for truth in ("true", "TRUE", " True ")),
    ("false", 0.0, "false", "0", TEXT),
    (0.1 + 0.2, 0.1 + 0.2, UNREAD, "0.3", "0.3"),
    (np.float32(0.3), float(np.float32(0.3)), UNREAD, "0.3", "0.3"),
    (Decimal("0.30"), 0.3, UNREAD, "0.3", "0.3"),
    ("0.30", 0.3, UNREAD, "0.3", TEXT),
    ("-0", 0.0, "false", "0", TEXT),
    ("2", 2.0, UNREAD, "2", TEXT),
    ("1e3", 1000.0, UNREAD, "1000", TEXT),
    (7, 7.0, UNREAD, "7", "7"),
    (math.inf, math.inf, UNREAD, "inf", "inf"),
    ("-inf", -math.inf, UNREAD, "-inf", TEXT),
    (2**53 + 1, float(2**53), UNREAD, str(2**53 + 1), str(2**53 + 1)),
    (str(2**53 + 1), float(2**53), UNREAD, str(2**53 + 1), TEXT),
    (dt.date(2024, 1, 5), UNREAD, UNREAD, "2024-01-05", "2024-01-05"),
    (dt.datetime(2024, 1, 5, 8), UNREAD, UNREAD, "2024-01-05 08:00:00", "2024-01-05 08:00:00"),
    (np.datetime64("2024-01-05T08:00:00.000000000"), UNREAD, UNREAD, "2024-01-05 08:00:00", "2024-01-05 08:00:00"),
    (dt.time(8), UNREAD, UNREAD, "08:00:00", "08:00:00"),
    (dt.timedelta(hours=1), UNREAD, UNREAD, "1:00:00", "1:00:00"),
    (UUID, UNREAD, UNREAD, str(UUID), str(UUID)),
    (pd.Interval(0, 5), UNREAD, UNREAD, "(0, 5]", "(0, 5]"),
    (pd.Period("2024-01"), UNREAD, UNREAD, "2024-01", "2024-01"),
    *((text, UNREAD, UNREAD, TEXT, TEXT) for text in ("unknown", "1_000", "12 kg", "0x10", "yes")),
    *((what, UNREAD, UNREAD, UNREAD, UNREAD) for what in ([1], (1,), {"a": 1}, {1}, 1j, b"\xff\xfe", object)),
    *((what, UNREAD, UNREAD, UNREAD, UNREAD) for what in (np.array([1, 2]), np.array([]), pd.Series([1, 2]))),
]
DTYPES: dict[CategoryType, int] = {"boolean": 2, "integer": 3, "float": 3, "string": 4}


def same_number(cell: object, expected: object) -> None:
    if expected is UNREAD:
        with pytest.raises((TypeError, ValueError, OverflowError)):
            number_of(cell)
    elif expected is None:
        assert math.isnan(number_of(cell))
        assert not is_unreadable(np.array([number_of(cell)]))[0]
    else:
        assert number_of(cell) == expected
        assert type(number_of(cell)) is float


def same_category(cell: object, dtype: CategoryType, expected: object) -> None:
    if expected is UNREAD:
        with pytest.raises((TypeError, ValueError, OverflowError)):
            canonical(cell, dtype)
    else:
        assert canonical(cell, dtype) == (cell if expected is TEXT else expected), dtype


@pytest.mark.parametrize("row", TABLE, ids=lambda row: repr(row[0])[:40])
def test_a_cell_means_what_the_table_says(row: tuple[Any, ...]) -> None:
    same_number(row[0], row[1])
    for dtype, place in DTYPES.items():
        same_category(row[0], dtype, row[place])


@pytest.mark.parametrize("row", TABLE, ids=lambda row: repr(row[0])[:40])
def test_wrappings_do_not_count(row: tuple[Any, ...]) -> None:
    cell, number, *_ = row
    make_enum: Any = enum.Enum  # whose members mypy knows where it is called by its own name only
    wrapped: list[Any] = [make_enum("E", {"x": cell}).x] if not isinstance(cell, type) else []
    if isinstance(cell, str):
        wrapped += [cell.encode(), bytearray(cell.encode()), memoryview(cell.encode()), np.str_(cell)]
    if (
        isinstance(cell, bool | int | float | str | np.generic)
        and abs(number if number.__class__ is float else 0) < 2e9
    ):
        wrapped += [np.array(cell), np.array([cell]), np.array([[cell]]), pd.Series([cell]), np.array([cell], object)]
        wrapped += [pl.Series([cell])] if not isinstance(cell, np.datetime64 | np.generic) else []
    for value in wrapped:
        same_number(value, number)
        for dtype, place in DTYPES.items():
            same_category(value, dtype, canonical(cell, dtype) if row[place] is TEXT else row[place])


def test_the_words_of_the_docstring_are_those_that_are_missing() -> None:
    for word in MISSING_WORDS:
        for text in (word, word.upper(), f" {word}\n"):
            assert math.isnan(number_of(text))
            assert canonical(text, "boolean") is canonical(text, "integer") is canonical(text, "float") is None
            assert canonical(text, "string") == text


@pytest.mark.parametrize("dtype", get_args(CategoryType))
def test_nothing_is_missing_whatever_wraps_it(dtype: CategoryType) -> None:
    for cell in (np.array([None]), np.array(np.nan), pd.Series([pd.NA]), np.array(["NaT"], "datetime64[ns]")):
        assert canonical(cell, dtype) is None
        assert plain(cell) is None


def test_a_number_beyond_float64_is_none_and_a_text_of_one_is_infinite() -> None:
    with pytest.raises(OverflowError):
        number_of(10**400)
    assert number_of("1e400") == math.inf
    with pytest.raises(ValueError, match="integer string conversion"):
        canonical(10**5000, "integer")  # too long to print


def test_an_unreadable_number_is_a_nan_that_is_told_from_all_others() -> None:
    assert math.isnan(UNREADABLE)
    others = np.array([math.nan, -math.nan, np.float32("nan"), 0.0, math.inf, 1e300])
    assert not is_unreadable(others).any()
    assert not is_unreadable(np.array([UNREADABLE], np.float32).astype(np.float64)).any()
    block = np.array([[UNREADABLE, 1.0], [math.nan, UNREADABLE]])
    assert is_unreadable(block).tolist() == [[True, False], [False, True]]
    assert is_unreadable(block[:, 1]).tolist() == [False, True]
    assert is_missing(math.nan)


@given(st.integers(-(2**60), 2**60))
def test_a_whole_number_has_one_text_whatever_carried_it(number: int) -> None:
    for dtype in ("integer", "float", "string"):
        assert canonical(number, dtype) == canonical(Decimal(number), dtype) == str(number)
        if abs(number) <= 2**53:
            assert canonical(float(number), dtype) == str(number)
    assert canonical(str(number), "integer") == canonical(f" {number} ", "float") == str(number)


@given(st.integers(-999_999, 999_999), st.integers(-12, 12))
def test_a_number_of_six_digits_has_one_text_in_float32_and_added_up_otherwise(digits: int, exponent: int) -> None:
    number = float(f"{digits}e{exponent}")
    for other in (float(np.float32(number)), (number / 3 + number / 3) + number / 3, number * 0.1 * 10):
        if not other.is_integer() and not number.is_integer():
            assert canonical(other, "float") == canonical(number, "float") == texts_of(number, "string")[0]
    assert number_of(canonical(number, "float")) == pytest.approx(number, rel=1e-9)


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("3", {"3.0"}),
        ("3.0", {"3"}),
        ("-12.0", {"-12"}),
        ("TRUE", {"true", "True"}),
        ("False", {"false", "FALSE"}),
        ("08:00", {"08:00:00", "08:00:00.000", "08:00:00.000000"}),
        ("1.10", set()),
        ("01", set()),
        ("003.0", set()),
        ("1e3", set()),
        ("yes", set()),
        ("", set()),
        ("12-34", set()),
    ],
)
def test_a_text_is_known_in_the_other_ways_its_value_is_written(text: str, ways: set[str]) -> None:
    assert set(other_ways(text)) == ways
    for way in other_ways(text):
        assert text in other_ways(way)


def test_a_moment_is_known_to_every_precision() -> None:
    for text in ("2024-01-05T08:00:00", "2024-01-05 08:00:00.000", "2024-01-05 08:00:00.000000"):
        assert "2024-01-05 08:00:00" in other_ways(text)
    for text in ("2024-01-05 00:00:00", "2024-01-05T00:00:00"):
        assert other_ways(text)[0] == "2024-01-05"
    assert "2024-01-05 00:00:00" in other_ways("2024-01-05")
