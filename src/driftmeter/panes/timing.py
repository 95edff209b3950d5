"""Timing: how the event time of a model is cut into panes."""

from __future__ import annotations

from dataclasses import dataclass

from driftmeter.errors import InputError
from driftmeter.timestamps import DAY
from driftmeter.types import Milliseconds


@dataclass(frozen=True)
class Timing:
    """Length of a pane and allowed lateness of rows, both in milliseconds.

    >>> Timing().pane_start(1_700_000_012_345)
    1700000010000
    """

    pane: Milliseconds = 10_000
    lateness: Milliseconds = 10_000

    def __post_init__(self) -> None:
        """Raise InputError on lengths outside of what panes are made for."""
        if not 100 <= self.pane <= DAY:
            raise InputError("pane", "0.1 s to 1 day", f"{self.pane / 1000} s")
        if not 0 <= self.lateness <= 7 * DAY:
            raise InputError("lateness", "0 s to 7 days", f"{self.lateness / 1000} s")

    def pane_start(self, timestamp: Milliseconds) -> Milliseconds:
        """Return the start of the pane that holds a time: a multiple of the length since the epoch."""
        return timestamp // self.pane * self.pane
