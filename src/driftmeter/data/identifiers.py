"""Identifiers: columns that name a row rather than describe it. They are left out: drift would mean nothing.

That all values differ is not enough, since all amounts may differ. The order of the rows in a file never decides, but
their order in time does: the values of an identifier do not return.
"""

from __future__ import annotations

import re

import numpy as np

from driftmeter.data.clocks import RowTimes
from driftmeter.data.columns import EXACT, Column, Dictionary
from driftmeter.profile.values import plain
from driftmeter.types import Codes, Floats

LARGE = "looks like an identifier: nearly every row has another integer beyond 2**53"
NAMED = "looks like an identifier: it is called so, and nearly every row has another integer"
NUMBERED = "looks like row numbers: nearly every row has another one out of evenly stepped integers"
OF_CATEGORIES = "looks like an identifier: hardly a value comes twice"
PASSING = "looks like an identifier: its values do not return"
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
FEWEST_PASSING = 100
"""With so many values of several rows each, it is no coincidence that none returns."""
MOST_ROWS_EACH = 30
"""With this many rows a value or more on average, values have bins of their own, as versions and campaigns do."""
RETURNING = 0.02
"""Values whose rows keep coming for more than this share of how long they would by chance do return.

It leaves room for the rows of neighbouring orders or sessions to mix. Of public tables, the categories with the least
had 0.15, and the users of a film site, who rate all their films in one evening, 0.07.
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


def are_passing_values(codes: Codes, order: RowTimes | None) -> bool:
    """Say whether the rows of a value come together and none returns later, as of orders, sessions and trips.

    `codes` (rows,) are the numbers of the values, −1 where there is none; `order` is that of the rows in time. The
    mean of `RowTimes.lasting` over the rows decides, without the most frequent value: it may stand for none.

    >>> order = RowTimes(np.arange(1_000))
    >>> are_passing_values(np.repeat(np.arange(500), 2), order), are_passing_values(np.arange(1_000) % 500, order)
    (True, False)
    """
    if order is None or np.max(codes, initial=-1) < FEWEST_PASSING:
        return False
    lasting = order.lasting(codes)
    if lasting is None:
        return False
    rows, shares = (np.delete(part, np.argmax(lasting[0])) for part in lasting)
    several = rows > 1
    if np.count_nonzero(several) < FEWEST_PASSING or rows.mean() >= MOST_ROWS_EACH:
        return False
    return float(np.average(shares[several], weights=rows[several])) <= RETURNING


def passing_numbers(name: str, numbers: Floats, order: RowTimes | None) -> str | None:
    """Return why numbers (rows,), NaN where there is none, are an identifier by their order in time, or None.

    Only whole numbers that are called so may be one: the amount of an order does not return either.
    """
    if order is None or not is_called_identifier(name):
        return None
    present = np.isfinite(numbers)
    distinct, inverse = np.unique(numbers[present], return_inverse=True)
    if len(distinct) == 0 or distinct[0] < 0 or not (distinct == np.floor(distinct)).all():
        return None
    codes = np.full(len(numbers), -1, dtype=np.intp)
    codes[present] = inverse.reshape(-1)
    return PASSING if are_passing_values(codes, order) else None
