"""How large a drift is that a test found: the effect, and lower bounds of it, by which severity is graded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.protocol import Mask
from driftmeter.drift.share_bounds import divergence, surely_moved
from driftmeter.profile import bin_names
from driftmeter.types import Codes, Floats

VANISHED = 0.1
"""A category that has no more than this part of its reference's share has vanished."""


@dataclass(frozen=True, eq=False)
class Size:
    """The size of a drift, one number for each feature, shape (…, features).

    `effect` estimates it as a population stability index without what chance adds. `effect_low` is a lower bound, wrong
    with a chance of about 2.5 %. `excess_low` is one of the share of all rows that are new in bins where the reference
    has few or none, or that are gone with categories that vanished.
    """

    effect: Floats
    effect_low: Floats
    excess_low: Floats

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> Size:
        """Return the size of no drift."""
        return cls(np.zeros(shape), np.zeros(shape), np.zeros(shape))

    def where(self, chosen: Mask) -> Size:
        """Return the sizes of the chosen features (…, features); those of the others are 0."""
        return Size(*(np.where(chosen, array, 0.0) for array in (self.effect, self.effect_low, self.excess_low)))

    def __or__(self, other: Size) -> Size:
        """Return the larger of two sizes of each feature, number by number."""
        return Size(
            np.maximum(self.effect, other.effect),
            np.maximum(self.effect_low, other.effect_low),
            np.maximum(self.excess_low, other.excess_low),
        )


def size_of_shifts(shift: Floats, deviation: Floats, scored: Mask) -> Size:
    """Return the size of shifts of orthonormal scores with these standard deviations; all (…, features, scores).

    Squares of such shifts add up to Pearson's χ² over the reference, which grows much faster than the index: of a
    normal law that moves by δ it is exp(δ²) − 1 where the index is δ². So the size is ln(1 + Σ).

    >>> size = size_of_shifts(np.array([[0.5, 0.05]]), np.array([[0.1, 0.1]]), np.array([[True, True]]))
    >>> size.effect.round(2).tolist(), size.effect_low.round(2).tolist()
    ([0.22], [0.09])
    """
    surely = np.where(scored, np.maximum(np.abs(shift) - 2 * deviation, 0), 0.0)
    mostly = np.where(scored, np.maximum(np.square(shift) - np.square(deviation), 0), 0.0)
    low: Floats = np.log1p(np.add.reduce(np.square(surely), axis=-1))
    return Size(np.log1p(np.add.reduce(mostly, axis=-1)), low, np.zeros(low.shape))


class ShareSizes:
    """The size of what moved in rare bins, compiled for the features of a profile. Arrays have shape (rare,).

    A bin with the share p of a window, q of the reference, is two bins with the rest: their index (p − q) ln(p (1−q) /
    q (1−p)) is at most that of the feature. So is the sum of (p − q) ln(p/q) over several bins. The larger of the
    largest and the sum counts. For the lower bound p is as near to q as it may be, see `surely_moved`.
    """

    def __init__(self, bins: CompiledBins) -> None:
        """Take the bins of the profile's features."""
        self._bins = bins
        self._rows: Floats = bins.rows[bins.rare_owner]
        self._share: Floats = bins.rare_reference / self._rows
        named = np.array(bins.rare_named, dtype=bool)
        special = np.array([name in bin_names.RARE_IN_REFERENCE for name in bins.rare_names], dtype=bool)
        self._special: Mask = special & ~named
        # the rows of unseen categories are counted once more with the rest bin of their hash
        unseen = np.array([name == bin_names.UNSEEN for name in bins.rare_names], dtype=bool)
        self._adds_up: Mask = ~(unseen & ~named)

    def of(self, chosen: Mask, share: Floats, rows: Floats, reference_rows: Floats) -> Size:
        """Return the size of what moved in the `chosen` bins (…, rare), whose `share` of a window these are.

        `rows` is what the window's rows are worth in each bin, `reference_rows` what the reference's are; these arrays
        broadcast with `chosen`.
        """
        shape = *chosen.shape[:-1], len(self._bins.features)
        if not chosen.any():
            return Size.none(shape)
        places = np.nonzero(chosen)
        bin_ = places[-1]
        owner: Codes = np.ravel_multi_index((*places[:-1], self._bins.rare_owner[bin_]), shape)
        before, now = self._share[bin_], share[chosen]
        worth = np.maximum(np.broadcast_to(rows, chosen.shape)[chosen], 1e-9)
        worth_before = np.maximum(np.broadcast_to(reference_rows, chosen.shape)[chosen], 1e-9)
        moved = surely_moved(now, worth, before, worth_before)
        few = 0.5 / self._rows[bin_]
        q = np.clip(before, few, 1 - few)
        adds_up, special, cells = self._adds_up[bin_], self._special[bin_], int(np.prod(shape))
        effect = _index(owner, np.clip(now, few, 1 - few), q, adds_up, cells)
        low = _index(owner, np.clip(before + moved, few, 1 - few), q, adds_up, cells)
        grown = np.where(special, np.maximum(moved, 0.0), 0.0)
        gone = np.where(~special & (now <= VANISHED * before), np.maximum(-moved, 0.0), 0.0)
        excess_low = np.maximum(np.bincount(owner, grown, cells), np.bincount(owner, gone, cells))
        return Size(np.maximum(effect, low).reshape(shape), low.reshape(shape), excess_low.reshape(shape))


def _index(owner: Codes, p: Floats, q: Floats, adds_up: Mask, owners: int) -> Floats:
    """Return the index of each feature of each window, (owners,), from the shares of some of its bins."""
    largest: Floats = np.zeros(owners)
    np.maximum.at(largest, owner, divergence(p, q))
    together = np.bincount(owner, np.where(adds_up, (p - q) * np.log(p / q), 0.0), owners)
    return np.maximum(largest, together)
