"""The time that an application gives a row, in any of the types in which applications hold times."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np

from driftmeter.errors import InputError
from driftmeter.profile.values import plain
from driftmeter.timestamps import parse_time
from driftmeter.types import Milliseconds

TIMESTAMP = "timestamp"
"""The field of a time, as the metric server calls it."""


def read_event_time(timestamp: Any) -> Milliseconds | InputError | None:
    """Return a time; None if it is missing, and an InputError, not raised, if it cannot be read.

    Seconds since the epoch, ISO 8601, datetimes of Python, numpy and pandas, and arrays or series of one of these.

    >>> read_event_time("2024-05-01T00:00:00Z"), read_event_time(np.datetime64("NaT", "ms"))
    (1714521600000, None)
    """
    expected = "seconds since the epoch or ISO 8601"
    try:
        if isinstance(timestamp, np.ndarray) and timestamp.size == 1:
            timestamp = timestamp.flat[0]
        if isinstance(timestamp, np.datetime64) and not np.isnat(timestamp):
            timestamp = timestamp.astype("datetime64[us]").item()
            if not isinstance(timestamp, datetime):  # beyond the calendar, where numpy gives bare integers
                return InputError(TIMESTAMP, "a time of the calendar", "one beyond it")
        else:
            timestamp = plain(timestamp)
        if timestamp is None:
            return None
        return parse_time(float(timestamp) if isinstance(timestamp, Decimal) else timestamp)
    except InputError as error:
        return error
    except Exception:  # an object may fail even to say what it is
        return InputError(TIMESTAMP, expected, type(timestamp).__name__)
