"""What a sequential detector is: a pure function from (profile, closed panes) to evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from driftmeter.panes.pane import Slice
from driftmeter.types import Floats, Milliseconds

Mask = npt.NDArray[np.bool_]


S = TypeVar("S")
"""A detector's state."""


@dataclass(frozen=True)
class Cause:
    """Why a feature has the evidence it has.

    `what` is "mean", "spread", "skew", "tails" (value: the shift in the reference's own standard deviations),
    "bins" (a Pearson statistic over its degrees of freedom), "stuck" (the most frequent bin's share), or the
    name of a bin (value and reference: its shares of the rows); `category` says that it is a category, which may be
    called like any of those. `window` is how long the window behind it was, `rows` how many rows it held.
    """

    what: str
    category: bool
    value: float
    reference: float
    window: Milliseconds
    rows: int


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a detector says once a pane of its own is complete; arrays over the profile's features.

    `evidence` (levels, features) is the log10 of how far past the alarm threshold the latest window of each
    level is: at 0 and above it alarms; -inf where none was judged yet. `fresh` (levels,) says which levels were
    judged at this very pane. `inside` (features,) are significant, but smaller than the tolerance.
    `lengths` (levels,) are how much of event time the windows stand for, a stretch without rows being a day at most;
    `pace` is how much a pane does on average. `effect_low` (features,) is the
    lower bound of the drift in the window with most evidence, as a population stability index.
    `smallest` (features,) is the smallest shift, in standard deviations, that could have been seen by now.
    """

    start: Milliseconds
    end: Milliseconds
    evidence: Floats
    fresh: Mask
    lengths: npt.NDArray[np.int64]
    inside: Mask
    effect_low: Floats
    smallest: Floats
    pace: Milliseconds

    @property
    def strongest(self) -> Floats:
        """The evidence of each feature, shape (features,)."""
        found: Floats = self.evidence.max(axis=0, initial=-np.inf)
        return found

    def alarms(self) -> Floats:
        """Return the evidence of the windows judged at this pane alone, -inf elsewhere: shape as `evidence`."""
        found: Floats = np.where(self.fresh[:, np.newaxis], self.evidence, -np.inf)
        return found


def strongest(causes: Sequence[tuple[float, Cause]]) -> Cause | None:
    """Return what the strongest evidence rests on; None of none."""
    return max(causes, key=lambda each: each[0], default=(0.0, None))[1]


class Detector(Protocol[S]):
    """A sequential detector, compiled for one profile and its settings. A new one is a file and a line in table.py.

    The state is a value: `update` returns a new one and leaves the old one as it was. The same panes in the same
    order give the same state, byte for byte, wherever and in however many sittings they are folded.
    """

    @property
    def name(self) -> str:
        """What settings and documentation call it."""
        ...

    def start(self) -> S:
        """Return the state before the first pane."""
        ...

    def update(self, state: S, pane: Slice) -> tuple[S, Evidence | None]:
        """Take one frozen pane; there is a reading once enough of them make a pane of the detector."""
        ...

    def standing(self, state: S) -> Evidence | None:
        """Return what holds now, with nothing `fresh`; None before the first pane of the detector."""
        ...

    def restart(self, state: S, features: Mask) -> S:
        """Forget what these features' windows hold, as after an incident that is closed."""
        ...

    def causes(self, state: S, feature: int) -> list[tuple[float, Cause]]:
        """Return a feature's evidence in the latest window of each level, and what it rests on, shortest first."""
        ...

    def dumps(self, state: S) -> bytes:
        """Serialise; equal states give equal bytes."""
        ...

    def loads(self, data: bytes) -> S:
        """Read what `dumps` wrote; raises StoreError on anything else."""
        ...
