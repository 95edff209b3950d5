"""A profile compiled for use: the tables that type, count and judge its rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader, Rows
from driftmeter.counts.summary import Summary
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.types import Milliseconds
from driftmeter.verdict.judge import Judge


@dataclass(frozen=True)
class Compiled:
    """A profile, its model's timing and settings, and the tables made from them.

    Tables are built lazily: a server that only takes panes never needs them.
    """

    profile: Profile
    timing: Timing
    settings: ModelSettings

    @cached_property
    def reader(self) -> Reader:
        """The reader, which types raw rows."""
        return Reader(self.profile, unseen_texts=self.settings.unseen_texts)

    @cached_property
    def binner(self) -> Binner:
        """The binner, which counts typed rows."""
        return Binner(self.profile)

    @cached_property
    def judge(self) -> Judge:
        """The judge of counts, by the profile's own calibration."""
        return Judge(self.profile, self.settings)

    def count_by_pane(
        self, rows: Rows, times: Milliseconds | npt.NDArray[np.int64]
    ) -> tuple[tuple[Milliseconds, Summary], ...]:
        """Count rows by the pane they belong to: (start, summary), ascending by start.

        `times` is one time for all rows, or an array (rows,) of one each.
        """
        if not len(rows):
            return ()
        if isinstance(times, int):
            return ((self.timing.pane_start(times), self.binner.observe(rows)),)
        length = self.timing.pane
        starts, pane_of_row = np.unique(times // length * length, return_inverse=True)
        if len(starts) == 1:
            return ((int(starts[0]), self.binner.observe(rows)),)
        return tuple(
            (int(start), self.binner.observe(rows.take(np.flatnonzero(pane_of_row == pane))))
            for pane, start in enumerate(starts)
        )
