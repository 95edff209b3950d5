from __future__ import annotations

import logging

import pytest

from driftmeter.server.logs import Complaints, OneLine
from tests.support.clocks import SetClock


def written(message: str, *arguments: object, error: BaseException | None = None) -> str:
    info = (type(error), error, None) if error else None
    record = logging.LogRecord("driftmeter", logging.INFO, "", 0, message, arguments, info)
    return OneLine("%(levelname)s %(message)s").format(record)


def test_a_name_cannot_add_a_line_to_the_log_or_command_the_terminal() -> None:
    line = written("model %s: größe and %s", "net\nweight\r", "\x1b[31m\u202e\ud800")
    assert line == "INFO model net\\nweight\\r: größe and \\x1b[31m\\u202e\\ud800"


def test_a_traceback_keeps_its_lines() -> None:
    assert written("it failed", error=ValueError("so")) == "INFO it failed\nValueError: so"


def test_complaints_of_one_reason_come_once_a_minute_and_say_how_many_were_silent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = SetClock(1_700_000_000_000)
    complaints, log = Complaints(clock), logging.getLogger("complaints")
    for _ in range(3):
        complaints.warn(log, ("a", "b"), "bad %s", "event")
    complaints.warn(log, ("a", "c"), "other")
    clock.now += 60_000
    complaints.warn(log, ("a", "b"), "bad %s", "event")
    assert caplog.messages == ["bad event", "other", "bad event (2 more since the last such line)"]


def test_complaints_of_ever_new_reasons_stay_within_bounds(caplog: pytest.LogCaptureFixture) -> None:
    complaints, log = Complaints(SetClock(0)), logging.getLogger("complaints")
    for number in range(2_500):
        complaints.warn(log, (str(number),), "bad")
    assert len(complaints) <= 1_000
