"""The winner's curse of categories: how many rows chance gave to those that it lifted over the limit for a bin.

A category has its own bin from `least_rows` rows on, and the same rows serve as its expectation. Take 100 categories
with 30 rows each on average, and a limit of 30. By chance about 52 of them get a bin, with 34 rows on average. In the
next sample these 52 have 30 rows each again: together they seem to lose about 220 rows, which the rest seems to win,
though nothing drifts. So these rows are subtracted before samples are compared (expected.py). `boundary_rows`
estimates their number: about 7 of the 100 categories have exactly 30 rows, and 7 times 30 is 210.
"""

from __future__ import annotations

import math
from collections.abc import Collection


def near_boundary(rows: int, least_rows: int) -> bool:
    """Say whether a category of `rows` rows may owe its bin to chance: it is within two deviations of the limit.

    >>> near_boundary(41, 30), near_boundary(40, 30), near_boundary(29, 30)
    (False, True, False)
    """
    return 0 < least_rows <= rows <= least_rows + 2 * math.sqrt(least_rows)


def boundary_rows(counts: Collection[int], least_rows: int, near: int) -> int:
    """Return how many rows chance gave to the categories that it lifted to `least_rows` rows or more.

    `counts` are the rows of all categories; `near` is the number of those for which `near_boundary` holds.

    Take any one row away: only a category with exactly `least_rows` rows then loses its bin. So the rows that chance
    gave are `least_rows` times the number of such categories (Good 1953, eq. 2). That number alone is noisy. So it is
    read off a geometric curve through all counts within half a standard deviation of `least_rows` (smoothing as in
    Gale & Sampson 1995), and is at most half of `near`: a few categories just below the limit say little of the one
    just above. The result is 0 where no category is just below: such a reference was constructed, not drawn.

    With 4 categories for each number of rows from 20 to 40, 4 of them have exactly 30 rows:

    >>> boundary_rows([rows for rows in range(20, 41) for _ in range(4)], 30, near=44)
    120
    """
    reach = max(1, round(math.sqrt(least_rows) / 2))
    gaps = [rows - least_rows for rows in counts if abs(rows - least_rows) <= reach]
    if not near or min(gaps, default=0) >= 0:
        return 0
    slope = 3 * math.fsum(gaps) / (len(gaps) * reach * (reach + 1))
    expected = len(gaps) / math.fsum(math.exp(slope * gap) for gap in range(-reach, reach + 1))
    return round(least_rows * min(expected, near / 2))
