from __future__ import annotations

import logging

from driftmeter.server.logs import OneLine


def written(message: str, *arguments: object, error: BaseException | None = None) -> str:
    info = (type(error), error, None) if error else None
    record = logging.LogRecord("driftmeter", logging.INFO, "", 0, message, arguments, info)
    return OneLine("%(levelname)s %(message)s").format(record)


def test_a_name_cannot_add_a_line_to_the_log_or_command_the_terminal() -> None:
    line = written("model %s: größe and %s", "net\nweight\r", "\x1b[31m\u202e\ud800")
    assert line == "INFO model net\\nweight\\r: größe and \\x1b[31m\\u202e\\ud800"


def test_a_traceback_keeps_its_lines() -> None:
    assert written("it failed", error=ValueError("so")) == "INFO it failed\nValueError: so"
