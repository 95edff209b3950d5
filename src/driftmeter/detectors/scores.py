"""Smooth rank scores: a number for each bin, whose mean moves with the mean, the spread, the skew or the tails."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from driftmeter.profile import bin_names
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import Codes, Floats

NAMES = ("mean", "spread", "skew", "tails")
LEAST_ROWS = 50
"""With no more reference rows in range than this, ranks say nothing."""
LEAST_SHARE = 0.01
"""Bins of a smaller share are merged before they are scored: rows that tie have no ranks among them."""


def rank_scores(feature: Feature) -> Floats:
    """Return four scores of each bin, shape (4, bins), with mean 0 and variance 1 under the reference.

    With u the mid-rank of a bin under the reference: 2u−1, (Φ⁻¹u)², (2u−1)³ and (2u−1)⁴, made orthonormal in this
    order. Missing values and those that are not finite score as the mean of the reference; values out of range score as
    the nearest bin that the reference populated. A row of zeros is a score that the reference leaves undefined: of
    categories, of a constant, or of too few rows.
    Source: Neyman's smooth test on ranks; see Rayner & Best, Smooth Tests of Goodness of Fit (1989), ch. 4.

    Of four bins with a quarter of the rows each, the first score rises, and the second is large at both ends:

    >>> grid = NumericGrid((0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 4.0), (None,) * 4)
    >>> counts = [0, 0, 100, 100, 100, 100, *[0] * (grid.size - 6)]
    >>> feature = Feature("x", "numeric", "feature", grid, tuple(counts), "x")
    >>> rank_scores(feature)[:2, grid.core].round(2).tolist()
    [[-1.34, -0.45, 0.45, 1.34], [1.0, -1.0, -1.0, 1.0]]
    """
    scores = np.zeros((len(NAMES), feature.size))
    grid = feature.grid
    if not isinstance(grid, NumericGrid):
        return scores
    reference = feature.reference
    core = reference[grid.core].astype(np.float64)
    if core.sum() <= LEAST_ROWS:
        return scores
    share = core / core.sum()
    middle = _mid_ranks(share)
    centred = 2 * middle - 1
    normal = ndtri(np.clip(middle, 1e-6, 1 - 1e-6))
    smooth = _orthonormal((centred, normal**2, centred**3, centred**4), share)
    nearest = _nearest_populated(share)
    special = grid.special
    scores[:, grid.core] = smooth[:, nearest]
    scores[:, [special[name] for name in bin_names.BELOW_RANGE]] = smooth[:, nearest[:1]]
    scores[:, [special[name] for name in bin_names.ABOVE_RANGE]] = smooth[:, nearest[-1:]]
    return _standardised(scores, reference / reference.sum())


def _mid_ranks(share: Floats) -> Floats:
    """Return the mid-rank of each bin, shape (bins,), small bins merged with those after them."""
    if share.min() >= 0.8 * LEAST_SHARE:
        ranks: Floats = np.cumsum(share) - share / 2
        return ranks
    group = np.zeros(len(share), dtype=np.intp)
    mass, code = 0.0, 0
    for index, bin_share in enumerate(share.tolist()):
        group[index] = code
        mass += bin_share
        if mass >= LEAST_SHARE:
            code, mass = code + 1, 0.0
    if mass and code:
        group[group == code] = code - 1
    merged = np.bincount(group, share)
    merged_ranks: Floats = np.cumsum(merged) - merged / 2
    return merged_ranks[group]


def _orthonormal(columns: tuple[Floats, ...], share: Floats) -> Floats:
    """Return the columns made orthonormal by Gram–Schmidt, (columns, bins); one that adds nothing becomes zero."""
    done: list[Floats] = []
    for column in columns:
        rest = column - (share * column).sum()
        for other in done:
            rest = rest - (share * rest * other).sum() * other
        variance = (share * rest**2).sum()
        done.append(rest / np.sqrt(variance) if variance > 1e-9 else np.zeros_like(rest))
    return np.stack(done)


def _nearest_populated(share: Floats) -> Codes:
    """Return for each bin the nearest populated bin at or below it, or else the first populated one."""
    populated = np.flatnonzero(share > 0)
    index = np.searchsorted(populated, np.arange(len(share)), side="right") - 1
    nearest: Codes = populated[np.clip(index, 0, len(populated) - 1)]
    return nearest


def _standardised(scores: Floats, share: Floats) -> Floats:
    """Return the scores with mean 0 and variance 1 over all rows, with and without a value; a constant score is 0."""
    mean = scores @ share
    spread = np.sqrt(np.maximum(np.square(scores) @ share - mean**2, 0.0))
    standardised: Floats = np.where(
        spread[:, None] > 1e-6, (scores - mean[:, None]) / np.maximum(spread, 1e-6)[:, None], 0.0
    )
    return standardised
