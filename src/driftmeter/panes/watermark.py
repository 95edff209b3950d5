"""Watermarks: the time up to which the panes of a model are closed."""

from __future__ import annotations

from collections.abc import Iterable

from driftmeter.panes.timing import Timing
from driftmeter.types import Milliseconds

MAX_AHEAD: Milliseconds = 60_000
"""A timestamp further ahead of the server than this comes from a wrong clock."""
SOURCE_IDLE: Milliseconds = 600_000
"""A source that is silent for longer than this no longer holds the watermark back."""
_SHORTEST_ABSENCE: Milliseconds = 5_000
"""Servers close panes once a second: a longer gap is an absence, not a slow round."""


def next_watermark(
    now: Milliseconds,
    timing: Timing,
    frozen: Milliseconds,
    live: bool,
    logs: Iterable[Milliseconds],
    halted_until: Milliseconds = 0,
) -> Milliseconds:
    """Return the new watermark of a model: at least the old one, `frozen`, which is not moved beyond `now`.

    `live` says that a source without a watermark of its own was heard of lately; for such sources the watermark is
    `now` less the lateness. It stands still until `halted_until`, since after an absence of the store sources first
    have to catch up. `logs` are the watermarks of sources that read a log; the slowest one decides. Beside live
    sources, a log that is behind the old watermark is left out, since all its rows are late anyway.

    >>> next_watermark(100_000, Timing(10_000, 10_000), 0, True, [95_000, 60_000])
    60000
    """
    candidates = [watermark for watermark in logs if watermark >= frozen or not live]
    if live:
        candidates.append(now - timing.lateness if now >= halted_until else frozen)
    return max(frozen, min(min(candidates, default=frozen), now))


def after_round(
    now: Milliseconds, last_round: Milliseconds, halted_until: Milliseconds, lateness: Milliseconds
) -> tuple[Milliseconds, Milliseconds]:
    """Return when panes were last closed, and until when live time stands still after an absence.

    Panes that were not closed for longer than a round takes mean that the store was away: the sources then have
    `lateness` to catch up. A `halted_until` that is too far ahead is from before the clock was put back: it is dropped.
    """
    if now - last_round > max(2 * lateness, _SHORTEST_ABSENCE):
        return last_round, now + lateness
    return last_round, halted_until if halted_until <= now + lateness else 0


def live_after(now: Milliseconds, timing: Timing) -> Milliseconds:
    """Return the time since which a live source must have been heard of for live time to go on.

    It includes a pane and the lateness, so that the last panes of a source that fell silent still close.
    """
    return now - SOURCE_IDLE - timing.pane - timing.lateness
