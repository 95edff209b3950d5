"""Warnings about what persists: one a minute, whatever happens in between."""

from __future__ import annotations

import logging
from collections.abc import Callable

LOGGER = logging.getLogger("driftmeter")
EVERY = 60.0
"""Seconds between two warnings of one kind."""


class Faults:
    """Says what goes wrong with one model's reports, seldom enough for any log."""

    def __init__(self, model: str, clock: Callable[[], float]) -> None:
        """Take a clock in seconds."""
        self._model, self._clock = model, clock
        self._last: dict[str, float] = {}
        self._silenced: dict[str, int] = {}
        self._open: set[str] = set()

    def warn(self, kind: str, message: str, *, trace: bool = False) -> None:
        """Log a warning, or count it where one of its kind was logged within the minute."""
        now = self._clock()
        self._open.add(kind)
        if kind in self._last and now - self._last[kind] < EVERY:
            self._silenced[kind] = self._silenced.get(kind, 0) + 1
            return
        self._last[kind] = now
        silenced = self._silenced.pop(kind, 0)
        more = f" ({silenced} more like it in the last minute)" if silenced else ""
        LOGGER.warning("model %r: %s%s", self._model, message, more, exc_info=trace)

    def over(self, kind: str, message: str) -> None:
        """Log that a fault that was warned of has ended. Its minute goes on: a fault that flaps stays quiet."""
        if kind in self._open:
            self._open.remove(kind)
            LOGGER.info("model %r: %s", self._model, message)
