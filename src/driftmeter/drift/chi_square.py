"""Pearson's chi-square of the two-by-bins table."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from driftmeter.drift.protocol import Pair, Scores, View, total
from driftmeter.drift.tail import two_sided
from driftmeter.types import Codes, Floats, Kind

LEAST_EXPECTED = 10.0


class ChiSquare:
    """Compare the shares of all bins.

    Bins that expect fewer than 10 rows in the smaller sample are pooled in order until they do. Expected
    counts are those of both samples together: given them the pooling is fixed, so it keeps the size. Where
    nothing is pooled this is Pearson's test to the last digits.
    Pooling alone would hide a window that is all in one new bin, since beside a large reference that bin
    still expects little. So what does not fill a group is kept apart in the statistic, and the p-value is
    Bonferroni over the chi-square tail of the full groups and the exact tail of all rare bins together.
    One populated bin, or an empty sample, gives 0 and p = 1.

    >>> scores = ChiSquare().score(Pair(np.array([300, 500, 200]), np.array([30, 40, 30])))
    >>> round(float(scores.statistic), 3), round(float(scores.p_value), 4)
    (6.2, 0.0451)
    """

    name = "chi_square"
    kinds: tuple[Kind, ...] = ("numeric", "categorical", "boolean")
    view: View = "present"
    unit = "squared standard deviations, summed"
    bounds = (0.0, np.inf)
    citation = "Pearson (1900, 1911); pooling: Cochran (1954)"

    def score(self, pair: Pair) -> Scores:
        """Return the statistic and its p-value."""
        smaller = np.minimum(pair.n, pair.m) / np.maximum(pair.n + pair.m, 1)
        expected = (pair.reference + pair.window) * smaller[..., None]
        rare = (expected > 0) & (expected < LEAST_EXPECTED)
        apart, joined = _groups(expected, rare)
        statistic, groups = _pearson(pair, apart)
        full, groups = _pearson(pair, joined) if np.any(rare) else (statistic, groups)
        tail = np.where(groups > 1, chdtrc(np.maximum(groups - 1, 1), full), 1.0)
        mixed = np.any(rare, axis=-1) & np.any(expected >= LEAST_EXPECTED, axis=-1)
        x, r = total(np.where(rare, pair.window, 0)), total(np.where(rare, pair.reference, 0))
        both = np.where(groups > 1, 2.0, 1.0) * np.minimum(tail, two_sided(x, r, pair.n, pair.m))
        p = np.where(mixed, np.minimum(both, 1.0), tail)
        return Scores(statistic, np.where(pair.comparable, p, 1.0))


class ChiSquareHashed(ChiSquare):
    """Compare the shares of many categories, the rest of them hash by hash.

    With as many degrees of freedom as there are bins it sees what few groups average away, such as a mix of rare
    categories that has changed; and it sees less of a single frequent one, which `ChiSquare` is for.

    >>> ChiSquareHashed().name, ChiSquareHashed().view
    ('chi_square_hashed', 'hashed')
    """

    name = "chi_square_hashed"
    kinds: tuple[Kind, ...] = ("categorical",)
    view: View = "hashed"


def _groups(expected: Floats, rare: npt.NDArray[np.bool_]) -> tuple[Codes, Codes]:
    """Return each bin's group, named by its first bin; in the second array no group is short of rows."""
    codes = np.broadcast_to(np.arange(expected.shape[-1]), expected.shape).copy()
    first = np.zeros(expected.shape[:-1], dtype=np.intp)
    filled = np.full(expected.shape[:-1], -1, dtype=np.intp)
    held = np.zeros(expected.shape[:-1])
    # a bin that is rare nowhere is by itself, and fills no group: of hashed bins at least half are empty
    for bin_ in np.flatnonzero(rare.any(axis=tuple(range(rare.ndim - 1)))).tolist():
        first = np.where(held == 0, bin_, first)
        codes[..., bin_] = np.where(rare[..., bin_], first, bin_)
        held = held + np.where(rare[..., bin_], expected[..., bin_], 0.0)
        full = held >= LEAST_EXPECTED
        filled, held = np.where(full, first, filled), np.where(full, 0.0, held)
    smallest = np.argmin(np.where(expected >= LEAST_EXPECTED, expected, np.inf), axis=-1)
    # where nothing is full, argmin's 0 may be no group yet: joining to it renames the only group there is
    partner = np.where(filled >= 0, filled, smallest)
    short = (held > 0)[..., None] & (codes == first[..., None]) & rare
    return codes, np.where(short, partner[..., None], codes)


def _pearson(pair: Pair, codes: Codes) -> tuple[Floats, Floats]:
    """Return the statistic over the groups, and how many groups hold rows."""
    reference, window = pooled(pair.reference, codes), pooled(pair.window, codes)
    table = Pair(reference, window)
    rows = reference + window
    terms = np.square(table.window_shares - table.reference_shares) / np.maximum(rows, 1)
    return pair.n * pair.m * total(terms), np.asarray(np.count_nonzero(rows, axis=-1), dtype=np.float64)


def pooled(counts: Floats, codes: Codes) -> Floats:
    """Add up the bins of each group, at the index that is the group's number; the shape stays."""
    width = counts.shape[-1]
    flat = codes.reshape(-1, width) + width * np.arange(codes.size // width)[:, None]
    sums: Floats = np.asarray(np.bincount(flat.ravel(), counts.ravel(), counts.size), dtype=np.float64)
    return sums.reshape(counts.shape)
