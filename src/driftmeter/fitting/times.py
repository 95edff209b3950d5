"""The times of a reference's rows."""

from __future__ import annotations

import warnings
from typing import Any

import narwhals as nw

from driftmeter.data.time_columns import Times, note_on_unreadable, read_times
from driftmeter.errors import InputError, ProfileError, UnreadableWarning
from driftmeter.types import Milliseconds


def times_of(
    column: nw.Series[Any],
    name: str,
    zone: str | None,
    time_format: str | None,
    *,
    needed: bool,
    allow_unreadable: bool,
) -> Times | None:
    """Return the time of each row in ms, −1 where it cannot be read; None where that is so of all and not `needed`.

    Warns of a few times that cannot be read; raises ProfileError where they are many, unless that is allowed, or all.
    """
    try:
        times, unreadable = read_times(column, name, zone, time_format)
        notice = note_on_unreadable(unreadable, len(times), allow=allow_unreadable and len(unreadable) < len(times))
    except InputError as error:
        if not needed:
            return None
        raise ProfileError(str(error)) from error
    if notice is not None and needed:
        warnings.warn(f"{notice} These rows count, but not in the order of time.", UnreadableWarning, stacklevel=4)
    return times


def span_of(times: Times) -> tuple[Milliseconds, Milliseconds] | None:
    """Return the first and the last of some times, negative ones aside; None where there is none."""
    known = times[times >= 0]
    return (int(known.min()), int(known.max())) if len(known) else None
