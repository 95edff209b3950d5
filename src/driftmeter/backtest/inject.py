"""Faults to inject into a history, as users write them: `"temp: f2c from 2024-06-01"`.

COLUMN: FAULT [ARGUMENTS] [from TIME] [to TIME]
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from driftmeter.backtest.changes import UNITS, Category, ColumnChange, MissingCells, Scale, Shift, Shuffle, Stuck
from driftmeter.data.columns import Column
from driftmeter.data.time_columns import Times
from driftmeter.errors import InputError, near_names, nearest
from driftmeter.timestamps import parse_duration, parse_time
from driftmeter.types import Milliseconds

FAULTS: Mapping[str, str] = {
    "shift": "shift AMOUNT",
    "ramp": "ramp AMOUNT over DURATION",
    "scale": "scale FACTOR",
    "unit": f"unit {'|'.join(UNITS)}",
    "missing": "missing [SHARE%]",
    "stuck": "stuck [VALUE]",
    "category": "category NAME [SHARE%]",
    "shuffle": "shuffle",
}
"""How users write each fault; an AMOUNT is a number, or a number of standard deviations such as 0.5sd."""

_COLON = re.compile(r"\s*:\s*")
_DIGITS = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Fault:
    """A change to the rows of one column from `since` to before `until`; None is no bound.

    `text` is how the user wrote it, for the output.
    """

    text: str
    column: str
    change: ColumnChange
    since: Milliseconds | None = None
    until: Milliseconds | None = None

    def rows(self, times: Times) -> slice:
        """Return which rows the fault changes; `times` (rows,) ascend."""
        start = 0 if self.since is None else int(np.searchsorted(times, self.since))
        stop = len(times) if self.until is None else int(np.searchsorted(times, self.until))
        return slice(start, max(start, stop))


def parse_fault(text: str) -> Fault:
    """Read a fault as people write it; raises InputError that says what was expected where.

    >>> fault = parse_fault("temp: shift 0.5sd from 2024-06-01 to 2024-06-02")
    >>> fault.column, fault.change, fault.until - fault.since
    ('temp', Shift(amount=0.5, in_sd=True, over=0), 86400000)
    """
    column, name, rest = _split_fault(text)
    words, since, until = _split_bounds(text, rest)
    if name in UNITS:
        name, words = "unit", [name, *words]
    if name not in FAULTS:
        question = nearest(name, [*FAULTS, *UNITS])
        got = f"{name!r}; {question}" if question else repr(name)
        raise _bad_fault(text, f"a fault out of {', '.join(FAULTS)}, or a unit such as f2c", got)
    change = _PARSERS[name](text, words)
    if since is not None and until is not None and until <= since:
        raise _bad_fault(text, "a time after 'from' behind 'to'", "one that is not later")
    return Fault(text, column, change, since, until)


def apply_faults(
    columns: Mapping[str, Column], times: Times, faults: Sequence[Fault], rng: np.random.Generator
) -> dict[str, Column]:
    """Return the columns with all faults applied, in the order given; an untouched column stays the same object.

    Each fault draws from its own child of `rng`, so that another fault does not change what it draws. Raises
    InputError where a column is unknown, where it holds no numbers and a fault needs them, or where a fault changes no
    row.
    """
    changed = dict(columns)
    for fault, child in zip(faults, rng.spawn(len(faults)), strict=True):
        if fault.column not in changed:
            raise unknown_column(fault, changed)
        column, rows = changed[fault.column], fault.rows(times)
        if rows.start == rows.stop:
            raise _bad_fault(fault.text, "a time at which there are rows", "none between 'from' and 'to'")
        if fault.change.numbers_only and not isinstance(column, np.ndarray):
            raise _bad_fault(fault.text, "a column of numbers", f"{fault.column!r}, which holds none")
        try:
            changed[fault.column] = fault.change.apply(column, rows, times, child)
        except ValueError as error:
            raise _bad_fault(fault.text, f"{error} for the column {fault.column!r}", "another value") from error
    return changed


def unknown_column(fault: Fault, columns: Sequence[str] | Mapping[str, object]) -> InputError:
    """Return the error for a fault in a column that is not among `columns`; it suggests the nearest names."""
    near = near_names(fault.column, columns, 3, 0.5)
    names = " or ".join(map(repr, near)) if near else f"one of {', '.join(list(columns)[:10])}"
    return _bad_fault(
        fault.text, f"a column that is in the data and in the profile, such as {names}", repr(fault.column)
    )


def _bad_fault(text: str, expected: str, got: str) -> InputError:
    return InputError(f"inject {text!r}", expected, got)


def _split_fault(text: str) -> tuple[str, str, list[str]]:
    """Split into column, fault and the words after it.

    The column ends at the first colon that a fault follows: names of columns may contain colons.
    """
    first: tuple[str, str, list[str]] | None = None
    for colon in _COLON.finditer(text):
        column, rest = text[: colon.start()].strip(), text[colon.end() :]
        try:
            words = shlex.split(rest)
        except ValueError as error:
            raise _bad_fault(text, "quotes that are closed", str(error).lower()) from error
        if column and words:
            name = words[0].lower()
            if name in FAULTS or name in UNITS:
                return column, name, words[1:]
            first = first or (column, name, words[1:])
    if first is None:
        raise _bad_fault(text, "'COLUMN: FAULT', such as 'temp: shift 5 from 2024-06-01'", repr(text))
    return first


def _split_bounds(text: str, words: list[str]) -> tuple[list[str], Milliseconds | None, Milliseconds | None]:
    """Take 'from' and 'to' off the end of the words; a date and its time of day may be two words."""
    bounds: dict[str, Milliseconds] = {}
    while True:
        at = max((index for index, word in enumerate(words) if word in ("from", "to")), default=-1)
        if at < 0 or words[at] in bounds:
            return words, bounds.get("from"), bounds.get("to")
        written = " ".join(words[at + 1 :])
        bounds[words[at]] = _parse_bound(text, words[at], written)
        words = words[:at]


def _parse_bound(text: str, bound: str, written: str) -> Milliseconds:
    try:
        return parse_time(float(written) if _DIGITS.fullmatch(written) and len(written) > 8 else written)
    except InputError as error:
        raise _bad_fault(text, f"{error.expected} behind {bound!r}", repr(written)) from error


def _parse_amount(text: str, words: list[str]) -> tuple[float, bool]:
    written = "".join(words).lower()
    number = re.sub(r"(sd|σ)$", "", written)
    return _parse_number(text, number, "an amount such as 5 or 0.5sd"), number != written


def _parse_number(text: str, written: str, expected: str) -> float:
    try:
        number = float(written)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise _bad_fault(text, expected, repr(written))
    return number


def _parse_share(text: str, written: str) -> float:
    percent = _parse_number(text, written.removesuffix("%"), "a share such as 2%") if written.endswith("%") else -1.0
    if not 0 < percent <= 100:
        raise _bad_fault(text, "a share such as 2%, above 0% and at most 100%", repr(written))
    return percent / 100


def _parse_shift(text: str, words: list[str]) -> ColumnChange:
    return Shift(*_parse_amount(text, words))


def _parse_ramp(text: str, words: list[str]) -> ColumnChange:
    at = words.index("over") if "over" in words else len(words)
    if at == len(words):
        raise _bad_fault(text, FAULTS["ramp"], "no 'over'")
    over = parse_duration(" ".join(words[at + 1 :]), f"inject {text!r}")
    if not over:
        raise _bad_fault(text, "a duration above 0", repr(words[at + 1]))
    return Shift(*_parse_amount(text, words[:at]), over)


def _parse_scale(text: str, words: list[str]) -> ColumnChange:
    return Scale(_parse_number(text, " ".join(words), "a factor such as 1.609"))


def _parse_unit(text: str, words: list[str]) -> ColumnChange:
    name = " ".join(words).lower()
    if name not in UNITS:
        raise _bad_fault(text, f"a unit out of {', '.join(UNITS)}", repr(name))
    return Scale(*UNITS[name])


def _parse_missing(text: str, words: list[str]) -> ColumnChange:
    return MissingCells(_parse_share(text, "".join(words))) if words else MissingCells()


def _parse_stuck(text: str, words: list[str]) -> ColumnChange:
    return Stuck(" ".join(words)) if words else Stuck()


def _parse_category(text: str, words: list[str]) -> ColumnChange:
    if not words:
        raise _bad_fault(text, FAULTS["category"], "no name")
    if len(words) > 1 and words[-1].endswith("%"):
        return Category(" ".join(words[:-1]), _parse_share(text, words[-1]))
    return Category(" ".join(words))


def _parse_shuffle(text: str, words: list[str]) -> ColumnChange:
    if words:
        raise _bad_fault(text, "nothing behind 'shuffle' but times", repr(" ".join(words)))
    return Shuffle()


_PARSERS: Mapping[str, Callable[[str, list[str]], ColumnChange]] = {
    "shift": _parse_shift,
    "ramp": _parse_ramp,
    "scale": _parse_scale,
    "unit": _parse_unit,
    "missing": _parse_missing,
    "stuck": _parse_stuck,
    "category": _parse_category,
    "shuffle": _parse_shuffle,
}
