"""Warnings about faults that last: one a minute of each kind, whatever happens in between."""

from __future__ import annotations

import logging
from collections.abc import Callable

LOGGER = logging.getLogger("driftmeter")
EVERY = 60.0
"""Seconds between two warnings of one kind."""


class Faults:
    """Logs what goes wrong with one model's reports, seldom enough for any log."""

    def __init__(self, model: str, clock: Callable[[], float]) -> None:
        """Take a clock in seconds."""
        self._model, self._clock = model, clock
        self._last_warning: dict[str, float] = {}
        self._silenced: dict[str, int] = {}
        self._open: set[str] = set()
        self._logged_once: set[str] = set()

    def warn(self, kind: str, message: str, *, trace: bool = False) -> None:
        """Log a warning, or only count it if one of its kind was logged within the last minute."""
        self._open.add(kind)
        if not self.may_warn(kind):
            self._silenced[kind] = self._silenced.get(kind, 0) + 1
            return
        self._last_warning[kind] = self._clock()
        silenced = self._silenced.pop(kind, 0)
        suffix = f" ({silenced} more like it in the last minute)" if silenced else ""
        LOGGER.warning("model %r: %s%s", self._model, message, suffix, exc_info=trace)

    def may_warn(self, kind: str) -> bool:
        """Return whether a warning of this kind would be logged now."""
        return kind not in self._last_warning or self._clock() - self._last_warning[kind] >= EVERY

    def log_once(self, kind: str, message: str, *, level: int = logging.WARNING) -> None:
        """Log a message, unless one of its kind was logged before."""
        if kind not in self._logged_once:
            self._logged_once.add(kind)
            LOGGER.log(level, "model %r: %s", self._model, message)

    def resolved(self, kind: str, message: str) -> None:
        """Log that a fault has ended, if a warning was given. The minute goes on: a fault that flaps stays quiet."""
        if kind in self._open:
            self._open.remove(kind)
            LOGGER.info("model %r: %s", self._model, message)
