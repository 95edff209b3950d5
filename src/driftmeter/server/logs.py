"""The log of a metric server: each message is one line, whatever the names of models and features."""

from __future__ import annotations

import logging
from collections.abc import Callable

from driftmeter.profile.names import in_one_line
from driftmeter.timestamps import MINUTE
from driftmeter.types import Milliseconds

_MOST_REASONS = 1_000


class OneLine(logging.Formatter):
    """Escapes line breaks and control characters in the message; a traceback below it keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's own name
        """Return the message as one line."""
        record.message = in_one_line(record.message)
        return super().formatMessage(record)


def log_to_stderr(level: str) -> None:
    """Log to stderr from `level` on, unless logging is already configured."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])


class Complaints:
    """Warnings of which there may be thousands a second: one a minute for each reason, which says how many there were.

    Belongs to one thread.
    """

    def __init__(self, clock: Callable[[], Milliseconds]) -> None:
        """Complain of nothing yet."""
        self._clock = clock
        self._told: dict[tuple[str, ...], tuple[Milliseconds, int]] = {}

    def __len__(self) -> int:
        """Return the number of reasons that are remembered."""
        return len(self._told)

    def warn(self, log: logging.Logger, reason: tuple[str, ...], message: str, *values: object) -> None:
        """Log a message, with its values, unless one of this reason was logged in the last minute."""
        now = self._clock()
        told, silent = self._told.get(reason, (now - MINUTE, 0))
        if 0 <= now - told < MINUTE:
            self._told[reason] = (told, silent + 1)
            return
        if len(self._told) >= _MOST_REASONS:
            self._told.clear()
        self._told[reason] = (now, 0)
        log.warning(message + (f" ({silent} more since the last such line)" if silent else ""), *values)
