"""Cells of rows that are dicts: how they are picked, and read where they are plain numbers, all at once."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from driftmeter.types import Floats

NUMPY_NUMBERS = tuple(dict.fromkeys([np.float64, np.bool_, *(np.dtype(code).type for code in "efbhilqBHILQ")]))
"""Types of numpy whose `float` is the number that `number_of` makes of them."""
_NUMBER_TYPES = frozenset([float, int, bool, type(None), *NUMPY_NUMBERS])
"""Types of which numpy and struct make the float64 that `number_of` makes; numpy makes NaN of None."""


def picker(names: Sequence[str]) -> Callable[[Sequence[dict[str, Any]]], list[Any]]:
    """Return a function that gives the values of dicts under some names, row by row; KeyError where one is absent.

    >>> picker(["a", "b"])([{"a": 1, "b": 2}, {"b": 4, "a": 3, "c": 5}])
    [1, 2, 3, 4]
    """
    if len(names) < 2:  # itemgetter would take none, and not give a tuple for one
        return lambda records: [record[name] for record in records for name in names]
    pick = itemgetter(*names)

    def cells(records: Sequence[dict[str, Any]]) -> list[Any]:
        picked: list[Any] = []
        for record in records:
            picked += pick(record)
        return picked

    return cells


def plain_numbers(cells: Sequence[Any], width: int = 1) -> Floats | None:
    """Return cells as float64, shape (cells,), NaN for None; None if one is no plain number, or too large.

    It takes less time where each `width` cells have the types of those before them.

    >>> plain_numbers([1.5, True, None]), plain_numbers([1.5, "2"])
    (array([1.5, 1. , nan]), None)
    """
    each = list(map(type, cells))
    types = set(each[:width] if each == each[:width] * (len(each) // width) else each)
    if not types <= _NUMBER_TYPES:
        return None
    try:
        if type(None) in types:
            return np.array(cells, dtype=np.float64)
        numbers = np.empty(len(cells))
        struct.pack_into(f"{len(cells)}d", numbers.data, 0, *cells)  # a third of the time that numpy takes
    except (OverflowError, struct.error):
        return None
    return numbers
