"""What one process shows of a model: the newest verdict that it has read, and how fresh that is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from driftmeter.store.records import ModelRecord
from driftmeter.types import JSON, Milliseconds

LONGEST_PERIOD, SHORTEST_PERIOD = 1.0, 0.025
"""Bounds on the seconds from one look at a model to the next."""


def look_period(pane: Milliseconds) -> float:
    """Return the seconds from one look at a model to the next: a quarter of its pane, within bounds.

    >>> look_period(1_000), look_period(60_000)
    (0.25, 1.0)
    """
    return min(max(pane / 4000, SHORTEST_PERIOD), LONGEST_PERIOD)


@dataclass(frozen=True)
class ModelView:
    """A model as this process last saw it; `refreshed` is by the monotonic clock, in seconds.

    `body` is the verdict as JSON bytes, `verdict` the same decoded. `folded` is how far the verdict's profile was
    folded then. `coverage` and `silent` (sources that vanished) come from the model's sources.
    """

    model: str
    digest: str
    pane: Milliseconds
    body: bytes
    verdict: JSON
    coverage: float | None
    refreshed: float
    silent: int = 0
    folded: Milliseconds = 0

    def current(self, now: float) -> bool:
        """Return whether the view is younger than two panes, or than two seconds if that is longer."""
        return now - self.refreshed <= max(2 * self.pane / 1000, 2 * LONGEST_PERIOD)

    def matches(self, record: ModelRecord) -> bool:
        """Return whether the verdict is still the newest one and need not be read again."""
        return (self.digest, self.folded, self.pane) == (record.digest, record.folded, record.timing.pane)


def next_view(view: ModelView | None, record: ModelRecord, body: bytes, now: float) -> ModelView:
    """Return the view that follows `view` when `body` is the verdict of the record's active profile.

    If the verdict is the same, only the pane and the progress change, and `refreshed` stays.
    """
    if view is None or view.body != body or view.digest != record.digest:
        verdict: Any = msgspec.json.decode(body)
        coverage, silent = (None, 0) if view is None else (view.coverage, view.silent)
        view = ModelView(record.model, record.digest, record.timing.pane, body, verdict, coverage, now, silent)
    return replace(view, pane=record.timing.pane, folded=record.folded)
