"""The log of a metric server: each message is one line, whatever the names of models and features."""

from __future__ import annotations

import logging

from driftmeter.profile.names import in_one_line


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
