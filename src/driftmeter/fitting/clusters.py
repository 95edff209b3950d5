"""Rows of a reference that came together: of one record-breaking day, or of one category that came on one day only.

A cluster is given as (rows, mean size): the reference's rows in it, and how many of them came together on average.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from driftmeter.profile import bin_names
from driftmeter.timestamps import DAY
from driftmeter.types import Codes, Floats

LEAST_ROWS = 50
"""With fewer values there are no clusters of records."""


def clusters_of_numbers(values: Floats, days: Codes) -> dict[str, tuple[float, float]]:
    """Return the reference's own records, by the rare bin that they would fill: "below" and "above".

    `values` and `days` (rows,); missing and infinite values do not count. A record is the rows of one day beyond those
    of all other days; no clusters where there are fewer than 50 values.

    >>> values = np.concatenate([np.tile([1.0, 2.0, 3.0], 20), [9.0, 9.5]])
    >>> clusters_of_numbers(values, np.array([0] * 30 + [1] * 30 + [2, 2]))["above"]  # two rows of the third day
    (2.0, 2.0)
    """
    present = np.isfinite(values)
    values, days = values[present], days[present]
    if len(values) < LEAST_ROWS:
        return {}
    clusters = {}
    for name, sign in ((bin_names.BELOW, -1.0), (bin_names.ABOVE, 1.0)):
        largest = np.full(int(days.max()) + 1, -np.inf)
        np.maximum.at(largest, days, sign * values)
        ordered = np.sort(largest[np.isfinite(largest)])
        rows = float((sign * values > ordered[-2]).sum()) if len(ordered) > 1 else 0.0
        clusters[name] = (rows, max(1.0, rows))
    return clusters


def clusters_of_categories(codes: Codes, days: Codes) -> dict[str, tuple[float, float]]:
    """Return the rows of categories that came on one day only, for the rare bin "unseen".

    `codes` (rows,) number the categories, below 0 where they are missing; `days` (rows,).

    >>> clusters_of_categories(np.array([0, 0, 1, 1, 1, -1]), np.array([0, 1, 1, 1, 1, 1]))
    {'unseen': (3.0, 3.0)}
    """
    present = codes >= 0
    pairs = np.unique(np.stack([codes[present], days[present]]), axis=1)
    rows = np.bincount(codes[present])
    alone = np.bincount(pairs[0], minlength=len(rows)) == 1
    sizes = rows[alone].astype(np.float64)
    total = float(sizes.sum())
    return {bin_names.UNSEEN: (total, float((sizes**2).sum()) / total if total else 1.0)}


def days_of(times: npt.NDArray[np.int64]) -> Codes:
    """Return a number for each row's day, from 0."""
    days: Codes = np.unique(times // DAY, return_inverse=True)[1].reshape(-1).astype(np.intp)
    return days
