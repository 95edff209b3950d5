"""When a change began: the pane start from which on the rows look most like the change.

With p the reference's shares and q those of the changed rows over some groups (contrast.py), x_t the rows of a pane:

    ℓ_t    = Σ_g x_tg log(q_g / p_g)
    onset  = the start s that maximises Σ_{t ≥ s} ℓ_t over the panes that are kept
    range  = the starts within NEAR of that maximum, after deflation to what the rows since then are worth
             from f of a pane before the first of them to 1 − f of a pane after the last

A pane that is changed in part begins the change if that is more than f of it: with Q and P the mean ℓ of a row of the
change and of the reference, f Q + (1 − f) P = 0. It is a half for means, and a few percent where one row says it all.

q comes from the window that alarmed at first, then from the rows since the onset, until it stays. Panes that are old
are merged, so the onset is as fine as they are. Source: Hinkley, Inference about the change-point in a sequence of
random variables (1970).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from driftmeter.panes.pane import Slice
from driftmeter.types import Counts, Milliseconds
from driftmeter.verdict.contrast import Contrast

NEAR = 3.0
"""Where a pane says little, the true start is within 3 with a chance of (1 − e⁻³)² = 90 %: on either side the sum rises
above its value there by a random walk's maximum, which is exponential. Within 2 it would be 75 %."""
_ROUNDS = 5


@dataclass(frozen=True)
class Onset:
    """When a change began: `since`, not before `earliest` and not after `latest`; `rows` (groups,) are those since."""

    since: Milliseconds
    earliest: Milliseconds
    latest: Milliseconds
    rows: Counts


def onset_of(
    contrast: Contrast,
    slices: Sequence[Slice],
    part: slice,
    found: Milliseconds,
    worth: Callable[[float, Milliseconds], float],
) -> Onset:
    """Return when a change began of which a window from `found` on was sure.

    `slices`, at least one, ascend and end with the newest; `part` are the feature's bins. `worth` says how many
    independent rows some rows are worth that came in some time.
    """
    rows = np.stack([contrast.count(slice_.summary.counts[part]) for slice_ in slices])
    starts = np.array([slice_.start for slice_ in slices])
    first = min(int(np.searchsorted(starts, found)), len(starts) - 1)
    for _ in range(_ROUNDS):
        evidence = rows @ contrast.evidence(rows[first:].sum(axis=0))
        total = np.cumsum(evidence[::-1])[::-1]
        before, first = first, int(total.argmax())
        if first == before:
            break
    since = rows[first:].sum(axis=0)
    number = float(since.sum())
    deflation = max(number, 1.0) / worth(number, slices[-1].end - int(starts[first]))
    near = np.flatnonzero(total >= total[first] - NEAR * deflation)
    earliest, latest = slices[int(near[0])], slices[int(near[-1])]
    of_row = contrast.evidence(since)
    changed, unchanged = float(since @ of_row) / max(number, 1.0), float(contrast.share @ of_row)
    least = min(max(-unchanged / max(changed - unchanged, 1e-12), 0.0), 1.0)
    return Onset(
        since=int(starts[first]),
        earliest=earliest.start - round(least * earliest.length),
        # nothing says where in the newest pane the change began
        latest=latest.end if latest is slices[-1] else latest.start + round((1 - least) * latest.length),
        rows=since,
    )
