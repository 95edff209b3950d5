"""Identifiers: columns that name a row rather than describe it. They are left out: drift would mean nothing."""

from __future__ import annotations

import numpy as np

from driftmeter.data.columns import EXACT, Column, Dictionary
from driftmeter.profile.values import plain

OF_NUMBERS = (
    "looks like an identifier: nearly every row has another integer beyond 2**53; a quantity where it is asked for as "
    "numeric"
)
OF_CATEGORIES = "looks like an identifier: hardly a value comes twice"
DISTINCT_SHARE = 0.95
"""Share of a column's values that must differ for it to be an identifier."""
FEWEST_NUMBERS = 20
"""With more numbers than this, it is no coincidence that all differ."""
FEWEST_ROWS = 1_000
"""With this many rows of categories or more, it is no coincidence that nearly all differ."""


def are_identifying_numbers(column: Column) -> bool:
    """Say whether nearly all of some integers differ and most are beyond 2**53, as no quantity needs."""
    if isinstance(column, Dictionary):
        integers = [value for value in map(plain, column.values) if isinstance(value, int)]
        present = int(np.count_nonzero(column.indices >= 0))
        large = sum(abs(value) > EXACT for value in integers)
        distinct = len(integers)
    elif isinstance(column, np.ndarray) and column.dtype.kind in "iu":
        present = len(column)
        distinct = len(np.unique(column))
        signed = column.dtype.kind == "i"
        large = int(np.count_nonzero((column > EXACT) | (column < -EXACT) if signed else column > EXACT))
    else:
        return False
    return present > FEWEST_NUMBERS and distinct >= DISTINCT_SHARE * present and 2 * large > distinct


def are_identifying_categories(column: Column) -> bool:
    """Say whether nearly every row has another category."""
    rows = len(column)
    return rows >= FEWEST_ROWS and isinstance(column, Dictionary) and len(column.values) > DISTINCT_SHARE * rows
