"""The winner's curse of categories: how many rows chance gave to those that it lifted over the limit for a bin."""

from __future__ import annotations

import math
from collections.abc import Collection


def near_boundary(rows: int, fewest: int) -> bool:
    """Say whether a category of so many rows may owe its bin to chance: it is within two standard deviations."""
    return 0 < fewest <= rows <= fewest + 2 * math.sqrt(fewest)


def boundary_rows(counts: Collection[int], fewest: int, near: int) -> int:
    """Return how many rows chance gave to the categories that it lifted to `fewest` rows or more.

    Leave one out: those of the categories with exactly `fewest` rows, each of which is in a bin of its own
    only because it was itself counted. The number of such categories is read off a geometric curve through
    the counts within half a standard deviation, since it alone is too noisy for large windows. They are at
    most half of the `near` ones: a handful just below says little of the one just above. Where none fell just
    short there are none: a reference with as many rows of each category was so made, not drawn.
    Source: Good (1953), eq. 2; smoothing: Gale & Sampson (1995).
    """
    reach = max(1, round(math.sqrt(fewest) / 2))
    gaps = [rows - fewest for rows in counts if abs(rows - fewest) <= reach]
    if not near or min(gaps, default=0) >= 0:
        return 0
    slope = 3 * math.fsum(gaps) / (len(gaps) * reach * (reach + 1))
    expected = len(gaps) / math.fsum(math.exp(slope * gap) for gap in range(-reach, reach + 1))
    return round(fewest * min(expected, near / 2))
