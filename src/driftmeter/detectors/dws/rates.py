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

Nearly always nothing is near an alarm, so a bound is tried first: a Poisson count X with the mean λ has the tail
P(≥ X) ≤ exp(−KL), KL = X ln(X/λ) − X + λ, and no correction makes a tail smaller.
Source: Siegmund, Sequential Analysis (1985), ch. 4: repeated significance tests, for C.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from scipy.special import xlogy

from driftmeter.detectors.bins import CompiledBins
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
    """The windows that end now, one a level from 0 on, each longer than the one before.

    `blocks` are the parts that each adds to those before it; a level with `added` False lends its block to no later
    one. `seen` (levels, rates) are the rows in the bins of the rates, `rows` (levels,) those of the windows.
    """

    blocks: tuple[Block, ...]
    added: Mask
    rows: Floats
    seen: Floats

    def window(self, level: int) -> Block:
        """Return the window of a level."""
        window = self.blocks[level]
        for block, added in zip(self.blocks[:level][::-1], self.added[:level][::-1], strict=True):
            window = window + block if added else window
        return window


class Rates:
    """The rates of the features of a profile, compiled. Arrays have shape (rates,) unless they say otherwise."""

    def __init__(self, bins: CompiledBins, tolerance: Floats) -> None:
        """Take `tolerance` (features,) as ε, in standard deviations."""
        self.columns: Codes = bins.rates
        """The rates among the rare bins."""
        self.owner: Codes = bins.rare_owner[self.columns]
        self._bins = bins
        share = bins.rare_reference[self.columns] / bins.rows[self.owner]
        self._most: Floats = share + tolerated(share, tolerance[self.owner], np.ones(len(share), dtype=bool))
        """p + δ: the largest share that is no drift."""
        weight = np.array([_WEIGHTS.get(bins.rare_names[column], 1.0) for column in self.columns.tolist()])
        whole = np.bincount(self.owner, weight, len(bins.features))
        self.log10_weight: Floats = np.log10(weight / whole[self.owner])

    def suffixes(self, blocks: Sequence[Block | None], panes: int) -> Suffixes:
        """Return the windows that end with the last of `panes` panes; for `blocks` see `DwsState`."""
        whole = []
        for block in blocks[1:]:
            if block is None:
                break
            whole.append(block)
        added = np.array([bool(panes >> level & 1) for level in range(len(whole))], dtype=bool)
        own_seen = np.array([self._seen(block.counts) for block in whole], dtype=np.float64)
        own_rows = np.array([block.rows for block in whole], dtype=np.float64)
        return Suffixes(tuple(whole), added, _up_to(own_rows, added), _up_to(own_seen, added))

    def near(self, suffixes: Suffixes, log10_alpha: Floats) -> Codes:
        """Return the levels at which some rate may alarm; `log10_alpha` (levels,) is α of a level before `weight`."""
        active = np.flatnonzero(suffixes.seen[-1])
        if not len(active):
            return active
        seen, expected = suffixes.seen[:, active], suffixes.rows[:, None] * self._most[active]
        bound = xlogy(seen, seen / np.maximum(expected, 1e-9)) - seen + expected
        # exact tails are below the bound by a factor of about √(2πX)
        bound += 0.5 * np.log(8 * np.maximum(seen, 1.0)) + 1
        limit = -(log10_alpha[:, None] + self.log10_weight[active]) * log(10)
        return np.flatnonzero(((seen > expected) & (bound > limit)).any(axis=1))

    def _seen(self, counts: Counts) -> Counts:
        return self._bins.rates_in(counts)


def _up_to(own: Floats, added: Mask) -> Floats:
    """Return each level's own number plus those of the shorter levels that are added, along the first axis."""
    kept = own * added.reshape(-1, *[1] * (own.ndim - 1))
    total: Floats = own + np.cumsum(kept, axis=0) - kept
    return total


def log10_alphas(strides: Floats, levels: int, allowed: float) -> Floats:
    """Return log10 α_j of the windows of each level, (levels,), before a rate's weight.

    `strides` (windows,) is the time of 2^j panes, in ms, `allowed` 2 · budget · features, in ms, `levels` is L.

    Eight levels of hours, 30 days for each of 30 features:

    >>> hours = 3_600_000 * 2.0 ** np.arange(4)
    >>> log10_alphas(hours, 8, 2 * 30 * 30 * 24 * 3_600_000).round(1).tolist()
    [-5.1, -5.4, -5.2, -5.1]
    """
    numbers = np.arange(len(strides))
    share = 1 / ((numbers + 1) * np.sum(1 / (np.arange(max(levels, 1)) + 1)))
    log10_alpha: Floats = np.log10(np.minimum(share * strides / allowed, 0.5) / np.minimum(2.0**numbers, LOOKS))
    return log10_alpha
