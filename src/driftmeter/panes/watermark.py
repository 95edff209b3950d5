"""Watermarks: until when a model's panes are closed, and when live time stands still."""

from __future__ import annotations

from collections.abc import Iterable

from driftmeter.panes.timing import Timing
from driftmeter.types import Milliseconds

MAX_AHEAD: Milliseconds = 60_000
"""A timestamp further ahead of the server than this is a broken clock, not an event."""


SOURCE_IDLE: Milliseconds = 600_000
"""A source silent for so long no longer holds the watermark back."""


_SHORTEST_ABSENCE: Milliseconds = 5_000
"""Servers close panes once a second: a gap above this is no slow round."""


def next_watermark(
    now: Milliseconds,
    timing: Timing,
    frozen: Milliseconds,
    live: bool,
    logs: Iterable[Milliseconds],
    halted_until: Milliseconds = 0,
) -> Milliseconds:
    """Return a model's new watermark; it never goes back.

    `live` says that a source without a watermark of its own was heard of lately, `logs` are the watermarks of
    the sources that read a log. Live time stands still until `halted_until`: after the store was away,
    sources first catch up. A log that is behind the watermark does not hold live time back, since all its rows
    are late anyway; other logs wait for it. And no log can close what is still ahead.
    """
    candidates = [mark for mark in logs if mark >= frozen or not live]
    if live:
        candidates.append(now - timing.lateness if now >= halted_until else frozen)
    return max(frozen, min(min(candidates, default=frozen), now))


def pulse(
    now: Milliseconds, beat: Milliseconds, halted: Milliseconds, lateness: Milliseconds
) -> tuple[Milliseconds, Milliseconds]:
    """Return when somebody last closed panes, and until when live time stands still after an absence.

    Silence for longer than any round takes: nobody could write, so the sources have catching up to do. Times that lie
    too far ahead are from before the clock was put back.
    """
    if now - beat > max(2 * lateness, _SHORTEST_ABSENCE):
        return beat, now + lateness
    return beat, halted if halted <= now + lateness else 0


def live_after(now: Milliseconds, timing: Timing) -> Milliseconds:
    """Return since when a live source must have been heard of to close panes: one that falls silent leaves some behind,
    and they close in their own time."""
    return now - SOURCE_IDLE - timing.pane - timing.lateness
