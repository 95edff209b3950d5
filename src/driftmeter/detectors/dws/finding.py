"""What the tests of one window take and give: a sample in, the strongest finding of each feature out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from driftmeter.detectors.dws.windows import Block, Findings
from driftmeter.detectors.protocol import Mask
from driftmeter.detectors.scores import NAMES
from driftmeter.detectors.size import Size
from driftmeter.detectors.variance import Excess
from driftmeter.types import Codes, Counts, Floats, Milliseconds

CAUSE_BINS = len(NAMES)
"""The causes by number: the scores first, as in `NAMES`, then the pooled bins, each rare bin, and a value that is stuck
in each bin of all features."""
CAUSE_RARE = CAUSE_BINS + 1


@dataclass(frozen=True, eq=False)
class Sample:
    """One window, as its tests see it.

    `counts` (bins,) of `rows` rows over all features, `hours` (24,) the rows by hour of the day or (0,), `excess` the
    additive variances at the window's length, `alpha` the chance of a false alarm that all tests of one feature in
    this window share.
    """

    counts: Floats
    rows: int
    hours: Counts
    excess: Excess
    alpha: float


@dataclass(frozen=True, eq=False)
class Finding:
    """The strongest evidence that one test has of drift in each feature; arrays of shape (features,).

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
    """The strongest finding of each feature over all tests of one window."""

    def __init__(self, features: int, window: Block, end: Milliseconds) -> None:
        """Begin with no finding, in a window that ends at `end`."""
        self._rows, self._length, self._span = window.rows, window.elapsed, end - window.start
        self.evidence: Floats = np.full(features, -np.inf)
        self.cause: npt.NDArray[np.int64] = np.full(features, -1, np.int64)
        self.value: Floats = np.zeros(features)
        self.reference: Floats = np.zeros(features)
        self.size = Size.none(features)
        self.smallest_visible: Floats = np.full(features, np.inf)
        self.significant: Floats = np.zeros(features)

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
        self.size |= finding.size.where(finding.evidence >= 0)

    def write(self, findings: Findings, level: int, chosen: Mask, *, bounds: bool = True) -> None:
        """Write the chosen features' findings into one level of `findings`, in place; without `bounds`, those stay."""
        names = ["evidence", "cause", "value", "reference"]
        for name in [*names, "smallest_visible", "significant"] if bounds else names:
            getattr(findings, name)[level, chosen] = getattr(self, name)[chosen]
        for name in ("effect", "effect_low", "excess_low"):
            getattr(findings, name)[level, chosen] = getattr(self.size, name)[chosen]
        findings.rows[level, chosen], findings.lengths[level, chosen] = self._rows, self._length
        findings.spans[level, chosen] = self._span
