"""What the tests of windows take and give: samples in, the strongest finding of each feature out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from driftmeter.detectors.dws.windows import Findings
from driftmeter.detectors.protocol import Mask
from driftmeter.detectors.scores import NAMES
from driftmeter.detectors.size import Size
from driftmeter.detectors.variance import Excess
from driftmeter.types import Codes, Counts, Floats

CAUSE_BINS = len(NAMES)
"""The causes by number: the scores first, as in `NAMES`, then the pooled bins, each rare bin, and a value that is stuck
in each bin of all features."""
CAUSE_RARE = CAUSE_BINS + 1


@dataclass(frozen=True, eq=False)
class WindowSamples:
    """Windows, as their tests see them: each array has a leading axis of windows.

    `counts` (windows, bins) of `rows` (windows, 1) rows over all features, `hours` (windows, 24) the rows by hour of
    the day or (windows, 0), `excess` the additive variances at each window's length and rows, `alpha` (windows, 1) the
    chance of a false alarm that all tests of one feature in a window share. The tests give a window the same bits
    whichever windows it is judged with.
    """

    counts: Floats
    rows: Floats
    hours: Counts
    excess: Excess
    alpha: Floats


@dataclass(frozen=True, eq=False)
class Finding:
    """The strongest evidence that one test has of drift in each feature; arrays of shape (windows, features).

    `evidence` is log10 of the test's share of alpha over the chance found: an alarm from 0 on, -inf where the test does
    not apply. `cause` is a number as above; `value` and `reference` are as in `protocol.Cause`. `size` is that of all
    which the test found to alarm.
    """

    evidence: Floats
    cause: Codes
    value: Floats
    reference: Floats
    size: Size


class WindowFindings:
    """The strongest finding of each feature over all tests of several windows; arrays of shape (windows, features)."""

    def __init__(self, windows: int, features: int) -> None:
        """Begin with no finding."""
        shape = windows, features
        self.evidence: Floats = np.full(shape, -np.inf)
        self.cause: npt.NDArray[np.int64] = np.full(shape, -1, np.int64)
        self.value: Floats = np.zeros(shape)
        self.reference: Floats = np.zeros(shape)
        self.size = Size.none(shape)
        self.smallest_visible: Floats = np.full(shape, np.inf)
        self.significant: Floats = np.zeros(shape)

    def offer(self, finding: Finding, *, keep_alarms: bool = False) -> None:
        """Take a finding where its evidence is the stronger; ties go to the earlier one.

        With `keep_alarms`, a cause that alarms by itself keeps its name also where the new evidence is stronger: it
        says more than "some bins moved".
        """
        stronger = finding.evidence > self.evidence
        alarming = self.evidence >= 0
        self.evidence = np.where(stronger, finding.evidence, self.evidence)
        named = stronger & ~alarming if keep_alarms else stronger
        self.cause = np.where(named, finding.cause, self.cause)
        self.value = np.where(named, finding.value, self.value)
        self.reference = np.where(named, finding.reference, self.reference)
        alarms = finding.evidence >= 0
        if alarms.any():
            self.size |= finding.size.where(alarms)

    def write(self, index: int, findings: Findings, level: int, chosen: Mask, *, bounds: bool = True) -> None:
        """Write the chosen features' findings in the window at `index` into a level of `findings`, in place.

        Without `bounds`, those stay.
        """
        whole = bool(chosen.all())
        written = [(name, getattr(self, name)) for name in (_JUDGED if bounds else _JUDGED[:_BOUNDS])]
        for name, array in [*written, *vars(self.size).items()]:
            row, found = getattr(findings, name)[level], array[index]
            if whole:  # nearly always, and ten times faster
                row[:] = found
            else:
                row[chosen] = found[chosen]


_JUDGED = ("evidence", "cause", "value", "reference", "smallest_visible", "significant")
_BOUNDS = 4
"""Where the names of bounds begin there."""
