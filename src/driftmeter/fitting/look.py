"""A look at a column of the reference: what it seems to be besides a feature."""

from __future__ import annotations

from typing import NamedTuple

from driftmeter.counts.rows import numbers_of
from driftmeter.data.clocks import MONOTONE, RowTimes, clock
from driftmeter.data.columns import Dictionary, Source
from driftmeter.data.identifiers import (
    LARGE,
    OF_CATEGORIES,
    are_identifying_categories,
    are_large_identifiers,
    identifier_of_numbers,
)


class Look(NamedTuple):
    """What a column looks like: why it should be left out, None if nothing speaks against it.

    `running` says that it goes one way with the time, or would if it came in order: nothing is regressed on it.
    """

    why_not: str | None
    running: bool = False


def look_at(name: str, kind: str, source: Source, order: RowTimes | None, time: str | None) -> Look:
    """Look at a column, of one of `fit.KINDS`, of a reference whose rows have the `order` of the column `time`."""
    if kind == "categorical":
        return Look(OF_CATEGORIES if are_identifying_categories(source.column) else None)
    if kind != "numeric":
        return Look(None)
    numbers, _ = numbers_of(name, source.column)
    agreement = 0.0 if order is None else order.agreement(numbers)
    whole = source.series.dtype.is_integer() or isinstance(source.column, Dictionary)
    why_not = clock(numbers, agreement, order, time) or identifier_of_numbers(name, numbers, whole=whole)
    if why_not is None and are_large_identifiers(source.column):
        why_not = LARGE
    return Look(why_not, running=why_not is not None or abs(agreement) >= MONOTONE)
