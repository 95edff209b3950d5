from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.data.cells import picker, plain_numbers
from driftmeter.profile.values import UNREADABLE, number_of

PLAIN = [
    *(
        1.5,
        -0.0,
        1e308,
        5e-324,
        math.inf,
        math.nan,
        UNREADABLE,
        7,
        -(2**63),
        2**64,
        10**300,
        True,
        None,
        np.bool_(True),
    ),
    *(
        np.dtype(code).type(value)
        for code, value in zip("efdbhilqBHILQ", [0.1] * 3 + [-7] * 5 + [200] * 5, strict=True)
    ),
    *(np.float16("nan"), np.float32("nan"), np.float32("-inf"), np.float64(UNREADABLE)),
]
OTHERS = [
    "1.5",
    b"2",
    Decimal(1),
    np.longdouble(1),
    np.array(1.0),
    np.ma.masked,
    np.timedelta64(1, "s"),
    [1.0],
    10**400,
    1j,
]


def bits(numbers: Any) -> list[int]:
    found: list[int] = np.asarray(numbers, np.float64).view(np.uint64).tolist()
    return found


@given(st.lists(st.sampled_from(PLAIN), max_size=6), st.integers(1, 4), st.integers(1, 4))
def test_plain_numbers_are_the_same_to_the_bit_whatever_their_types(cells: list[Any], times: int, width: int) -> None:
    found = plain_numbers(cells * times, width)
    assert found is not None
    # a NaN keeps its payload, by which a number that could not be read is known
    expected = [cell if isinstance(cell, float) else number_of(cell) for cell in cells * times]
    assert bits(found) == bits(expected)


@pytest.mark.parametrize("other", OTHERS, ids=repr)
@pytest.mark.parametrize("position", [0, 1, 4, 5])
def test_another_type_or_a_number_too_large_is_left_to_those_who_read_one_by_one(other: Any, position: int) -> None:
    cells: list[Any] = [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]
    cells[position] = other
    assert plain_numbers(cells, 2) is None
    assert plain_numbers(cells) is None


@pytest.mark.parametrize("names", [[], ["b"], ["b", "a"], ["a", "b", "a"]])
def test_cells_are_picked_row_by_row_in_the_order_of_the_names(names: list[str]) -> None:
    records = [{"a": 1, "b": 2, "c": 3}, {"b": 5, "a": 4}]
    assert picker(names)(records) == [record[name] for record in records for name in names]
    if names:
        with pytest.raises(KeyError):
            picker(names)([*records, {"c": 1}])
