"""Identifiers: columns that name a row rather than describe it. They are left out: drift would mean nothing.

That all values differ is not enough, since all amounts may differ. The order of the rows never decides.
"""

from __future__ import annotations

import re

import numpy as np

from driftmeter.data.columns import EXACT, Column, Dictionary
from driftmeter.profile.values import plain
from driftmeter.types import Floats

LARGE = "looks like an identifier: nearly every row has another integer beyond 2**53"
NAMED = "looks like an identifier: it is called so, and nearly every row has another integer"
NUMBERED = "looks like row numbers: nearly every row has another one out of evenly stepped integers"
OF_CATEGORIES = "looks like an identifier: hardly a value comes twice"
DISTINCT_SHARE = 0.95
"""A larger share of a column's values must differ for it to be an identifier."""
FEWEST_NUMBERS = 20
"""With more numbers than this, it is no coincidence that all differ."""
FEWEST_ROWS = 1_000
"""With this many rows of categories or more, it is no coincidence that nearly all differ."""
FILLED = 0.4
"""The share of the integers of a range that must be there for it to be no coincidence that hardly one comes twice.

Of n integers drawn from 2.5 n, about n/5 would come twice.
"""
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_IDS = frozenset(["id", "ids", "uuid", "guid", "pk", "key", "idx", "rowid", "rownum", "rownumber", "no", "nr"])
_THINGS = (
    "account|application|booking|card|case|claim|client|contract|customer|device|document|employee|event|invoice|item|"
    "loan|member|message|object|order|passenger|patient|payment|person|policy|product|record|request|row|serial|"
    "session|ticket|transaction|trip|user|visit"
)
_NUMBER_OF_THING = re.compile(rf"(?:{_THINGS})(?:id|no|nr|num|number|key)")


def is_called_identifier(name: str) -> bool:
    """Say whether the name of a column ends in a word for identifiers.

    >>> [is_called_identifier(name) for name in ("id", "user_id", "OrderNo", "policy number", "passengerid")]
    [True, True, True, True, True]
    >>> [is_called_identifier(name) for name in ("paid", "humid", "number of rooms", "keys pressed")]
    [False, False, False, False]
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    return bool(words) and (words[-1] in _IDS or _NUMBER_OF_THING.fullmatch("".join(words[-2:])) is not None
                            or _NUMBER_OF_THING.fullmatch(words[-1]) is not None)  # fmt: skip


def are_large_identifiers(column: Column) -> bool:
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
    return present > FEWEST_NUMBERS and distinct > DISTINCT_SHARE * present and 2 * large > distinct


def are_identifying_categories(column: Column) -> bool:
    """Say whether nearly every row with a value has another category."""
    if not isinstance(column, Dictionary):
        return False
    present = int(np.count_nonzero(column.indices >= 0))
    return present >= FEWEST_ROWS and len(column.values) > DISTINCT_SHARE * present


def identifier_of_numbers(name: str, numbers: Floats, *, whole: bool) -> str | None:
    """Return why a column of numbers is an identifier, None where it is none.

    `numbers` (rows,) hold NaN where there is no number. `whole` says that they are integers by their type; others
    count as integers only where some are missing, since pandas makes floats of integers of which some are missing.

    >>> identifier_of_numbers("row", np.arange(100.0), whole=True)[:27]
    'looks like row numbers: nea'
    >>> identifier_of_numbers("user_id", np.random.default_rng(1).integers(1, 10**9, 100) + 0.0, whole=True)[:26]
    'looks like an identifier: '
    >>> identifier_of_numbers("income", np.random.default_rng(1).integers(1, 10**9, 100) + 0.0, whole=True)
    """
    present = numbers[np.isfinite(numbers)]
    if len(present) <= FEWEST_NUMBERS or not (whole or len(present) < len(numbers)):
        return None
    distinct = np.unique(present)
    if len(distinct) <= DISTINCT_SHARE * len(present) or not (distinct == np.floor(distinct)).all():
        return None
    span = distinct[-1] - distinct[0]
    if span < EXACT:
        step = float(np.gcd.reduce(np.diff(distinct).astype(np.int64)))
        if len(distinct) >= FILLED * (span / step + 1):
            return NUMBERED
    return NAMED if distinct[0] >= 0 and is_called_identifier(name) else None
