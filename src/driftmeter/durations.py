"""Lengths of time as people write them: 500ms, 10s, 5m, 12h, 30d."""

from __future__ import annotations

import re

from driftmeter.errors import InputError
from driftmeter.types import Milliseconds

_UNITS: dict[str, Milliseconds] = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_DURATION = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*(ms|s|m|h|d)")


def parse_duration(value: object, field: str) -> Milliseconds:
    """Read a number with a unit; raises InputError naming `field` on anything else.

    >>> parse_duration("1.5 h", "window")
    5400000
    """
    found = _DURATION.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        expected = "a number with ms, s, m, h or d, such as 500ms, 10s or 1h"
        raise InputError(field, expected, repr(value)[:60])
    return round(float(found[1]) * _UNITS[found[2]])


def duration_text(length: Milliseconds) -> str:
    """Write a length so that `parse_duration` reads it back, in the largest unit that takes no fraction.

    >>> duration_text(2_592_000_000), duration_text(90_000), duration_text(0)
    ('30d', '90s', '0s')
    """
    unit = next(name for name, size in _UNITS.items() if length % size == 0) if length else "s"
    return f"{length // _UNITS[unit]}{unit}"
