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
        self._said: set[str] = set()

    def warn(self, kind: str, message: str, *, trace: bool = False) -> None:
        """Log a warning, or count it where one of its kind was logged within the minute."""
        self._open.add(kind)
        if not self.may(kind):
            self._silenced[kind] = self._silenced.get(kind, 0) + 1
            return
        self._last[kind] = self._clock()
        silenced = self._silenced.pop(kind, 0)
        more = f" ({silenced} more like it in the last minute)" if silenced else ""
        LOGGER.warning("model %r: %s%s", self._model, message, more, exc_info=trace)

    def may(self, kind: str) -> bool:
        """Say whether a warning of this kind would be logged now."""
        return kind not in self._last or self._clock() - self._last[kind] >= EVERY

    def once(self, kind: str, message: str, *, level: int = logging.WARNING) -> None:
        """Log what need not be said twice."""
        if kind not in self._said:
            self._said.add(kind)
            LOGGER.log(level, "model %r: %s", self._model, message)

    def resolved(self, kind: str, message: str) -> None:
        """Log that a fault that was warned of has ended. Its minute goes on: a fault that flaps stays quiet."""
        if kind in self._open:
            self._open.remove(kind)
            LOGGER.info("model %r: %s", self._model, message)
