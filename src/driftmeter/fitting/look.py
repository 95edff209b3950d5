"""A look at a column of the reference: what it seems to be besides a feature, and what deserves a second look."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from driftmeter.counts.bad_cells import numbers_of
from driftmeter.data import identifiers
from driftmeter.data.clocks import MONOTONE, RowTimes, clock, unit_of_moments
from driftmeter.data.columns import Dictionary, Source
from driftmeter.data.kinds import placeholders_note
from driftmeter.data.labels import ASKED_ABOUT, MOST_LEVELS, label_by_name, tie_of
from driftmeter.data.missing_codes import missing_code_note
from driftmeter.data.time_formats import are_iso, formats_of, option_of
from driftmeter.data.written_numbers import written_numbers
from driftmeter.types import Codes, Floats

_FEWEST_DATES = 10
_FEWEST_OF_A_LABEL = 20
"""With fewer rows of a value, chance alone may tie it to the prediction."""


class Look(NamedTuple):
    """What a column looks like: why it should be left out, None if nothing speaks against it.

    `running` says that it goes one way with the time, or would if it came in order: nothing is regressed on it.
    `notes` are sentences for the user.
    """

    why_not: str | None = None
    running: bool = False
    notes: tuple[str, ...] = ()


class Onlooker:
    """Looks at the columns of a reference one by one.

    `order` is that of the rows in time, by the column `time`. `prediction` (rows,) is a number or the number of a
    class, None where there is none; `labelled` says that the label is known, so that no other column is one.
    """

    def __init__(self, order: RowTimes | None, time: str | None, prediction: Floats | None, *, labelled: bool) -> None:
        """Take what is known of the rows."""
        self._order, self._time, self._prediction, self._labelled = order, time, prediction, labelled

    def look_at(self, name: str, kind: str, source: Source) -> Look:
        """Look at a column, of one of `fit.KINDS`."""
        if kind in ("hour", "weekday"):
            return Look()
        label, notes = self._label(name, source)
        if label is not None:
            return Look(label, running=True)
        if kind == "boolean":
            return Look(notes=notes)
        look = self._numbers(name, source) if kind == "numeric" else self._texts(name, source)
        return look._replace(notes=(*look.notes, *notes))

    def _label(self, name: str, source: Source) -> tuple[str | None, tuple[str, ...]]:
        """Return why a column is a label, or notes that ask for it."""
        if self._labelled:
            return None, ()
        codes, levels = codes_of(source, MOST_LEVELS)
        tie = None if self._prediction is None or not 2 <= levels <= MOST_LEVELS else tie_of(codes, self._prediction)
        if label_by_name(name, levels, tie):
            return f"looks like the label; --label {shlex.quote(name)} if it is", ()
        binary = levels == 2 and np.bincount(codes[codes >= 0]).min() >= _FEWEST_OF_A_LABEL
        if tie is not None and tie >= ASKED_ABOUT and binary:
            if tie == 1:
                return None, ("follows from the prediction, as its class would: it drifts where the prediction does",)
            note = f"tied to the prediction (AUC {tie:.2f}): is it the label? then --label {shlex.quote(name)}"
            return None, (note,)
        return None, ()

    def _numbers(self, name: str, source: Source) -> Look:
        numbers, _ = numbers_of(name, source.column)
        agreement = 0.0 if self._order is None else self._order.agreement(numbers)
        whole = source.series.dtype.is_integer() or isinstance(source.column, Dictionary)
        why_not = (
            clock(numbers, agreement, self._order, self._time)
            or _dates(name, numbers)
            or identifiers.identifier_of_numbers(name, numbers, whole=whole)
            or (identifiers.LARGE if identifiers.are_large_identifiers(source.column) else None)
            or identifiers.passing_numbers(name, numbers, self._order)
        )
        notes = (placeholders_note(source.column), missing_code_note(numbers), _moments_note(numbers))
        running = why_not is not None or abs(agreement) >= MONOTONE
        return Look(why_not, running, tuple(note for note in notes if note is not None))

    def _texts(self, name: str, source: Source) -> Look:
        """Look at categories."""
        column = source.column
        if not isinstance(column, Dictionary):
            return Look()
        texts = [value for value in column.values if isinstance(value, str)]
        if texts and len(texts) == len(column.values):
            formats = formats_of(texts)
            if len(texts) >= _FEWEST_DATES and formats and formats != ("%Y",):
                return Look(_dates_as("text", name, formats))
            if len(texts) >= _FEWEST_DATES and are_iso(texts):
                return Look(_dates_as("text", name, ()))
            numbers = written_numbers(texts)
            if numbers is not None:
                every = identifiers.are_identifying_categories(column)
                return Look(numbers) if every else Look(notes=(numbers,))
        if identifiers.are_identifying_categories(column):
            return Look(identifiers.OF_CATEGORIES)
        return Look(identifiers.PASSING if identifiers.are_passing_values(column.indices, self._order) else None)


def codes_of(source: Source, most: int) -> tuple[Codes, int]:
    """Return a number for each row's value, −1 where it is missing, and how many values there are.

    With more than `most` values, the numbers are left out: the array is empty.
    """
    column = source.column
    if isinstance(column, list):
        return np.zeros(0, dtype=np.intp), most + 1
    if isinstance(column, Dictionary):
        levels = len(column.values)
        return (column.indices, levels) if levels <= most else (np.zeros(0, dtype=np.intp), levels)
    first = column[: 50 * most]
    if len(np.unique(first[first == first])) > most:
        return np.zeros(0, dtype=np.intp), most + 1
    present = column == column
    distinct, inverse = np.unique(column[present], return_inverse=True)
    codes = np.full(len(column), -1, dtype=np.intp)
    codes[present] = inverse.reshape(-1)
    return codes, len(distinct)


def _dates(name: str, numbers: Floats) -> str | None:
    """Return why a column of numbers is one of dates such as 20240131, None where it is not."""
    present = np.unique(numbers[np.isfinite(numbers)])
    if len(present) < _FEWEST_DATES or not 1900_00_00 < present[0] <= present[-1] < 2100_00_00:
        return None
    if not (present == np.floor(present)).all():
        return None
    some = present[:: max(1, len(present) // 400)]
    if formats_of([str(int(number)) for number in some]) != ("%Y%m%d",):
        return None
    return _dates_as("numbers", name, ["%Y%m%d"])


def _dates_as(what: str, name: str, formats: Sequence[str]) -> str:
    option = f"--time {shlex.quote(name)}" + (f" {option_of(formats)}" if formats else "")
    return f"dates as {what}; {option} if they are the times of the rows"


def _moments_note(numbers: Floats) -> str | None:
    present = numbers[np.isfinite(numbers)]
    unit = unit_of_moments(present) if len(np.unique(present[:1_000])) >= _FEWEST_DATES else None
    if unit is None:
        return None
    return f"could be {unit[1]} since the epoch: if so, take it as --time or --exclude it"
