"""Timing: how a model's event time is cut into panes."""

from __future__ import annotations

from dataclasses import dataclass

from driftmeter.errors import InputError
from driftmeter.timestamps import DAY
from driftmeter.types import Milliseconds


@dataclass(frozen=True)
class Timing:
    """How a model's event time is cut: length of a pane and allowed lateness, both in milliseconds."""

    pane: Milliseconds = 10_000
    lateness: Milliseconds = 10_000

    def __post_init__(self) -> None:
        """Refuse lengths that make no sense."""
        if not 100 <= self.pane <= DAY:
            raise InputError("pane", "0.1 s to 1 day", f"{self.pane / 1000} s")
        if not 0 <= self.lateness <= 7 * DAY:
            raise InputError("lateness", "0 s to 7 days", f"{self.lateness / 1000} s")

    def pane_start(self, timestamp: Milliseconds) -> Milliseconds:
        """Return the start of the pane that holds a time: a multiple of the length since the epoch."""
        return timestamp // self.pane * self.pane
