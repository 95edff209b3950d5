"""Rates: missing, unreadable, unseen and out-of-range rows, in windows that end now and begin at every block of panes.

A window of the scan comes when its panes are complete, so that a change of n rows waits for a window of up to 2n that
ends after it. The same blocks, added up from the latest one backwards, give one more window of each level at every
pane: of 2^j panes, of the panes since they ended, and so of 2^j to 2^(j+1) − 1.

    pane          8   9  10  11          at pane 11:
    1 pane                    ×
    2 panes           ══════ ──          of 3 panes
    4 panes      … ═══════════ ──        of 5 to 7 panes; here of 7, as 11 mod 4 is 3

Only the rates are judged there, each by the tail that rare.py gives its rare bin. A rate's part of the budget is

    α_j = w_j · weight · stride_j / (2 · budget · features) / min(2^j, 2),    w_j = 1/((j+1) H_L)

of L levels, H_L their harmonic number: short windows come most often and would else have the least. `stride_j` is the
time of the 2^j panes, after which a window begins anew; until then it is looked at 2^j times. These looks, and those of
the other levels, mostly see the same rows: with the divisor 2, streams whose share is the largest that is tolerated
alarm 0.2 to 1.1 times as often as the sum of all α allows (simulated: shares of .2, 1.5 and 13 %, 24 and 200 panes a
day). The parts of all rates of a feature add up to as much as its tests z, r and x have.

Only rates whose rows come nearly independently, v < 1.5 in a window (see pooled.py), are judged so: the outages of a
sensor last for longer than their variance says, and are left to the windows of the scan.

Nearly always nothing is near an alarm, so a bound is tried first: a Poisson count X with the mean λ has the tails
P(≥ X) ≤ exp(−KL) above λ and P(≤ X) ≤ exp(−KL) below it, KL = X ln(X/λ) − X + λ. X and λ are those of rare.py, of the
rows in the bin, or outside of it where it has most rows, over the share of the others; no further correction makes a
tail smaller.
Source: Siegmund, Sequential Analysis (1985), ch. 4: repeated significance tests, for C.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from scipy.special import xlogy

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.dws.rare import COMMON_SHARE
from driftmeter.detectors.dws.windows import Block
from driftmeter.detectors.protocol import Mask
from driftmeter.detectors.rare_bins import tolerated
from driftmeter.profile import bin_names
from driftmeter.types import Codes, Counts, Floats

LOOKS = 2.0
_WEIGHTS = {
    bin_names.MISSING: 12.0,
    bin_names.UNSEEN: 12.0,
    bin_names.BELOW: 4.0,
    bin_names.ABOVE: 4.0,
}
"""Parts of the budget, not yet adding up to 1: faults of these kinds are the common ones; every other bin has 1."""


@dataclass(frozen=True, eq=False)
class Suffixes:
    """The windows that end with some panes, one a level from 0 on, each longer than the one before.

    `blocks` are the parts that each adds to those before it, by pane; a level with `added` (panes, levels) False lends
    its block to no later one. `seen` (panes, levels, `rates`) are the rows in the bins of the rates of which any block
    has rows, `rows` (panes, levels) all those of the windows, `strides` (panes, levels) the time of the last block in
    each, in ms; at levels that a pane does not have yet the first two are 0.
    """

    blocks: tuple[tuple[Block, ...], ...]
    added: Mask
    rows: Counts
    rates: Codes
    seen: Counts
    strides: Counts

    def windows(self, pane: int) -> list[Block]:
        """Return the windows of a pane, one a level."""
        windows, rest = [], None
        for block, added in zip(self.blocks[pane], self.added[pane].tolist(), strict=False):
            windows.append(block if rest is None else block + rest)
            rest = windows[-1] if added else rest
        return windows


class Rates:
    """The rates of the features of a profile, compiled. Arrays have shape (rates,) unless they say otherwise."""

    def __init__(self, bins: CompiledBins, tolerance: Floats) -> None:
        """Take `tolerance` (features,) as ε, in standard deviations."""
        self.columns: Codes = bins.rates
        """The rates among the rare bins."""
        self.owner: Codes = bins.rare_owner[self.columns]
        self._bins = bins
        share = bins.rare_reference[self.columns] / bins.rows[self.owner]
        within = tolerated(share, tolerance[self.owner], np.ones(len(share), dtype=bool))
        self._most: Floats = share + within
        """p + δ: the largest share that is no drift."""
        self._common: Mask = share > COMMON_SHARE
        self._others: Floats = np.where(self._common, share, 1 - share)
        """The share of the rows that are not counted: X is the counted rows over this."""
        counted = 1 - self._others + np.where(self._common, -within, within)
        self._mean: Floats = np.maximum(counted / self._others, 1e-9)
        """λ of one row."""
        weight = np.array([_WEIGHTS.get(bins.rare_names[column], 1.0) for column in self.columns.tolist()])
        whole = np.bincount(self.owner, weight, len(bins.features))
        self.log10_weight: Floats = np.log10(weight / whole[self.owner])

    def suffixes(self, panes: Sequence[tuple[Sequence[Block | None], int]]) -> Suffixes:
        """Return the windows that end with some panes: of each the blocks after it, see `DwsState`, and its number."""
        blocks = [_whole(of) for of, _ in panes]
        numbers = np.array([number for _, number in panes])
        added = (numbers[:, np.newaxis] >> np.arange(max(map(len, blocks), default=0)) & 1).astype(bool)
        # a block stays while many panes come: its rows are counted once
        places: dict[int, int] = {}
        different = {places.setdefault(id(block), len(places)): block for whole in blocks for block in whole}
        place = np.full(added.shape, len(different))
        for row, whole in zip(place, blocks, strict=True):
            row[: len(whole)] = [places[id(block)] for block in whole]
        seen = np.zeros((len(different) + 1, len(self.columns)), dtype=np.int64)
        if different:
            seen[:-1] = self._bins.rates_in(np.stack([block.counts for block in different.values()]))
        sizes = [(block.rows, block.elapsed) for block in different.values()]
        rows, strides = np.array([*sizes, (0, 0)]).T
        rates = np.flatnonzero(seen.any(axis=0))
        there = place < len(different)
        return Suffixes(
            blocks=tuple(blocks),
            added=added,
            rows=_up_to(rows[place], added, there),
            rates=rates,
            seen=_up_to(seen[:, rates][place], added, there),
            strides=strides[place],
        )

    def near(self, suffixes: Suffixes, log10_alpha: Floats) -> Mask:
        """Say where some rate may alarm, (panes, levels); `log10_alpha`, so too, is α of a window before `weight`."""
        near = np.zeros(suffixes.rows.shape, dtype=bool)
        seen, expected = suffixes.seen, suffixes.rows[:, :, np.newaxis] * self._most[suffixes.rates]
        pane, level, place = np.nonzero(seen > expected)
        rate, rows = suffixes.rates[place], suffixes.rows[pane, level]
        inside = seen[pane, level, place]
        x = np.where(self._common[rate], rows - inside, inside) / self._others[rate]
        mean = rows * self._mean[rate]
        bound = xlogy(x, x / mean) - x + mean
        # exact tails are below the bound by a factor of about √(2πX)
        bound += 0.5 * np.log(8.0 * np.maximum(x, 1)) + 1
        limit = -(log10_alpha[pane, level] + self.log10_weight[rate]) * log(10)
        may = bound > limit
        near[pane[may], level[may]] = True
        return near


def _whole(blocks: Sequence[Block | None]) -> tuple[Block, ...]:
    """Return the blocks up to the first level that has none yet, without those of no window."""
    whole: list[Block] = []
    for block in blocks[1:]:
        if block is None:
            break
        whole.append(block)
    return tuple(whole)


def _up_to(own: Counts, added: Mask, there: Mask) -> Counts:
    """Return each level's own number plus those of the shorter levels that are added, along the second axis.

    It is 0 at levels that are not `there`.
    """
    further = np.ones(own.ndim - 2, dtype=np.int64)
    kept = own * added.reshape(*added.shape, *further)
    total: Counts = (own + np.cumsum(kept, axis=1) - kept) * there.reshape(*there.shape, *further)
    return total


def log10_alphas(strides: Floats | Counts, levels: Codes, allowed: float) -> Floats:
    """Return log10 α_j of the windows of each level, (panes, windows), before a rate's weight.

    `strides` (panes, windows) is the time of 2^j panes, in ms, `levels` (panes,) is L, `allowed` 2 · budget · features,
    in ms; a level without a stride has no chance.

    Eight levels of hours, 30 days for each of 30 features:

    >>> hours = 3_600_000 * 2.0 ** np.arange(4)
    >>> log10_alphas(hours[np.newaxis], np.array([8]), 2 * 30 * 30 * 24 * 3_600_000).round(1).tolist()
    [[-5.1, -5.4, -5.2, -5.1]]
    """
    numbers = np.arange(strides.shape[1])
    harmonic = np.cumsum(1 / np.arange(1, max(int(levels.max(initial=0)), 1) + 1))[np.maximum(levels, 1) - 1]
    share = 1 / ((numbers + 1) * harmonic[:, np.newaxis])
    chance = np.minimum(share * strides / allowed, 0.5) / np.minimum(2.0**numbers, LOOKS)
    log10_alpha: Floats = np.log10(np.maximum(chance, 1e-300))
    return log10_alpha
