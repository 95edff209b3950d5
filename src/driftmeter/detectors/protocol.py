"""What a sequential detector is: a pure function from (profile, closed panes) to evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from driftmeter.detectors.run import Run
from driftmeter.panes.pane import Slice
from driftmeter.types import Counts, Floats, Milliseconds

Mask = npt.NDArray[np.bool_]


S = TypeVar("S")
"""A detector's state."""
P = TypeVar("P")
"""A pane of a detector, worked out ahead."""


@dataclass(frozen=True)
class Cause:
    """Why a feature has the evidence it has.

    `what` and the meaning of `value` and `reference`:

    - "mean", "spread", "skew", "tails": the shift of that score, in the reference's standard deviations, and 0;
    - "bins": Pearson's statistic over its degrees of freedom, and 1;
    - "stuck": the most frequent bin's share of the rows, and the largest share that a bin had in the reference's
      windows; `bin` is the label of that bin, and `single` says that the reference held one value there;
    - the name of a bin: its shares of the rows in the window and in the reference.

    `category` says that `what` is a category; a category may have any of those names. `window` is the length of the
    window in ms, 0 where its rows have no times, `rows` the number of its rows. `counts` are the feature's in that
    window, from which a sentence says how its values changed; None, or all 0, where they are not kept. `usual` are the
    shares of the bins that the window was compared with, where these are not the reference's but those of the same
    hours of the day. `names` are the categories behind the cause, the largest first, with their shares of the rows
    or 0 where these are not known;
    `gone` are those that vanished as others came. `effect`, `effect_low` and `excess_low` are the size of all that
    alarms in that window, as in size.py; 0 where nothing does.
    """

    what: str
    category: bool
    value: float
    reference: float
    window: Milliseconds
    rows: int
    counts: Counts | None = field(default=None, compare=False, repr=False)
    usual: Floats | None = field(default=None, compare=False, repr=False)
    names: tuple[tuple[str, float], ...] = ()
    gone: tuple[tuple[str, float], ...] = ()
    effect: float = 0.0
    effect_low: float = 0.0
    excess_low: float = 0.0
    bin: str = ""
    single: bool = True


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a detector says when one of its panes is complete, from `start` to `end`, in ms since the epoch.

    `evidence` (levels, features): log10 of how far past the alarm threshold the latest window of each level is: at 0
    and above it alarms; -inf where none was judged yet.
    `fresh` (levels, features): where the evidence is of a window that ended with this pane.
    `lengths` (levels,): event time that the windows stand for, in ms; a stretch without rows counts as a day at most.
    `significant` (features,): the shift is more than chance, whether or not it exceeds the tolerance.
    `smallest_visible` (features,): the smallest shift that could have been seen by now, in the reference's standard
    deviations.
    `pace`: event time that a pane stands for on average, in ms.
    """

    start: Milliseconds
    end: Milliseconds
    evidence: Floats
    fresh: Mask
    lengths: npt.NDArray[np.int64]
    significant: Mask
    smallest_visible: Floats
    pace: Milliseconds

    @property
    def strongest(self) -> Floats:
        """The evidence of each feature, shape (features,)."""
        strongest: Floats = self.evidence.max(axis=0, initial=-np.inf)
        return strongest

    def alarms(self) -> Floats:
        """Return the evidence of the windows judged at this pane alone, -inf elsewhere: shape as `evidence`."""
        alarms: Floats = np.where(self.fresh, self.evidence, -np.inf)
        return alarms


def strongest(causes: Sequence[tuple[float, Cause]]) -> Cause | None:
    """Return the cause of the strongest evidence, the first one of equals; None where there are no causes."""
    return max(causes, key=lambda pair: pair[0], default=(0.0, None))[1]


@dataclass(frozen=True, eq=False)
class Ahead(Generic[P]):
    """Panes of a detector worked out ahead, each with the index of the slice that completes it; and the unfinished run.

    What the panes hold does not depend on what a judge decides meanwhile: a restart changes no count.
    """

    panes: Sequence[tuple[int, P]]
    run: Run | None


@dataclass(frozen=True)
class Passed:
    """A pane that was taken without its evidence: its `end`, and the `pace` that its evidence would have."""

    end: Milliseconds
    pace: Milliseconds


class Detector(Protocol[S]):
    """A sequential detector, compiled for one profile and its settings.

    The state is a value: `update` returns a new one and leaves the old one as it was. The same panes in the same
    order give the same state, byte for byte, on any machine and in any number of calls. A new detector is one file and
    one line in registry.py.
    """

    @property
    def name(self) -> str:
        """The name under which a saved state records its detector."""
        ...

    def start(self) -> S:
        """Return the state before the first pane."""
        ...

    def update(self, state: S, pane: Slice) -> tuple[S, Evidence | None]:
        """Take one frozen pane; there is evidence once enough of them make a pane of the detector."""
        ...

    def look_ahead(self, state: S, slices: Sequence[Slice]) -> Ahead[Any]:
        """Work out the panes that the next slices complete, without their effect on the state."""
        ...

    def take(self, state: S, pane: Any) -> tuple[S, Evidence]:
        """Take the next pane of those that were worked out ahead: only `restart` may have changed the state since."""
        ...

    def pass_quiet(self, state: S, panes: Sequence[Any]) -> tuple[S, Sequence[Passed]]:
        """Take as many of the next panes as surely have no evidence of 0 or more in any window, all at once.

        No evidence of `state` may be 0 or more. Returns the state after these panes, and each of them.
        """
        ...

    def leave(self, state: S, ahead: Ahead[Any]) -> S:
        """Return the state after all slices of `ahead`, given that after its last pane."""
        ...

    def standing(self, state: S) -> Evidence | None:
        """Return the evidence as of now, with none of it `fresh`; None before the first pane of the detector."""
        ...

    def restart(self, state: S, features: Mask) -> S:
        """Forget what the windows of these features (features,) hold, as after an incident that is closed."""
        ...

    def causes(self, state: S, feature: int) -> list[tuple[float, Cause]]:
        """Return the evidence of one feature, by its index, in the latest window of each level, and its cause.

        The shortest window comes first; levels without a window are left out.
        """
        ...

    def dumps(self, state: S) -> bytes:
        """Serialise; equal states give equal bytes."""
        ...

    def loads(self, data: bytes) -> S:
        """Read what `dumps` wrote; raises StoreError on anything else."""
        ...
