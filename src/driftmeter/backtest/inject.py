"""Faults to inject into a history, as people write them: `"temp: f2c from 2024-06-01"`.

COLUMN: FAULT [ARGUMENTS] [from TIME] [to TIME]
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from driftmeter.backtest.changes import UNITS, Category, Change, MissingCells, Scale, Shift, Shuffle, Stuck
from driftmeter.data.columns import Column
from driftmeter.data.time_columns import Times
from driftmeter.errors import InputError
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
"""How each fault is written; an AMOUNT is a number, or a number of standard deviations such as 0.5sd."""

_COLON = re.compile(r"\s*:\s*")
_DIGITS = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Fault:
    """A change to one column, from the first moment `since` to the last one before `until`; None is no bound.

    `text` is how it was written, for those who read the result.
    """

    text: str
    column: str
    change: Change
    since: Milliseconds | None = None
    until: Milliseconds | None = None

    def rows(self, times: Times) -> slice:
        """Return which rows it falls on, of rows in order of time."""
        start = 0 if self.since is None else int(np.searchsorted(times, self.since))
        stop = len(times) if self.until is None else int(np.searchsorted(times, self.until))
        return slice(start, max(start, stop))


def parse(text: str) -> Fault:
    """Read a fault; raises InputError saying what was expected where.

    >>> fault = parse("temp: shift 0.5sd from 2024-06-01 to 2024-06-02")
    >>> fault.column, fault.change, fault.until - fault.since
    ('temp', Shift(amount=0.5, in_sd=True, over=0), 86400000)
    """
    column, name, rest = _split(text)
    words, since, until = _times(text, rest)
    if name in UNITS:
        name, words = "unit", [name, *words]
    if name not in FAULTS:
        near = difflib.get_close_matches(name, [*FAULTS, *UNITS], 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise _wrong(text, f"a fault out of {', '.join(FAULTS)}, or a unit such as f2c", f"{name!r}{hint}")
    change = _READERS[name](text, words)
    if since is not None and until is not None and until <= since:
        raise _wrong(text, "a time after 'from' behind 'to'", "one that is not later")
    return Fault(text, column, change, since, until)


def apply(
    columns: Mapping[str, Column], times: Times, faults: Sequence[Fault], rng: np.random.Generator
) -> dict[str, Column]:
    """Return the columns with all faults in them, in the order given; what none of them touches stays the same object.

    Each fault draws from its own child of `rng`, so that one more of them does not alter the others.
    Raises InputError where a column is unknown, holds no numbers for a fault that needs them, or where a fault
    falls on no row.
    """
    changed = dict(columns)
    for fault, own in zip(faults, rng.spawn(len(faults)), strict=True):
        if fault.column not in changed:
            raise unknown_column(fault, changed)
        column, rows = changed[fault.column], fault.rows(times)
        if rows.start == rows.stop:
            raise _wrong(fault.text, "a time at which there are rows", "none between 'from' and 'to'")
        if fault.change.numbers and not isinstance(column, np.ndarray):
            raise _wrong(fault.text, "a column of numbers", f"{fault.column!r}, which holds none")
        try:
            changed[fault.column] = fault.change.apply(column, rows, times, own)
        except ValueError as error:
            raise _wrong(fault.text, f"{error} for the column {fault.column!r}", "another value") from error
    return changed


def unknown_column(fault: Fault, known: Sequence[str] | Mapping[str, object]) -> InputError:
    """Return the error that names the columns nearest to one that there is not."""
    near = difflib.get_close_matches(fault.column, list(known), 3, 0.5)
    names = " or ".join(map(repr, near)) if near else f"one of {', '.join(list(known)[:10])}"
    return _wrong(fault.text, f"a column that is in the data and in the profile, such as {names}", repr(fault.column))


def _wrong(text: str, expected: str, got: str) -> InputError:
    return InputError(f"inject {text!r}", expected, got)


def _split(text: str) -> tuple[str, str, list[str]]:
    """Split column, fault and the words behind: at the first colon that a fault follows, since columns may have
    colons of their own."""
    first: tuple[str, str, list[str]] | None = None
    for colon in _COLON.finditer(text):
        column, rest = text[: colon.start()].strip(), text[colon.end() :]
        try:
            words = shlex.split(rest)
        except ValueError as error:
            raise _wrong(text, "quotes that are closed", str(error).lower()) from error
        if column and words:
            name = words[0].lower()
            if name in FAULTS or name in UNITS:
                return column, name, words[1:]
            first = first or (column, name, words[1:])
    if first is None:
        raise _wrong(text, "'COLUMN: FAULT', such as 'temp: shift 5 from 2024-06-01'", repr(text))
    return first


def _times(text: str, words: list[str]) -> tuple[list[str], Milliseconds | None, Milliseconds | None]:
    """Take the bounds of time off the end of the words; a date and its time of day may be two words."""
    bounds: dict[str, Milliseconds] = {}
    while True:
        at = max((place for place, word in enumerate(words) if word in ("from", "to")), default=-1)
        if at < 0 or words[at] in bounds:
            return words, bounds.get("from"), bounds.get("to")
        written = " ".join(words[at + 1 :])
        bounds[words[at]] = _time(text, words[at], written)
        words = words[:at]


def _time(text: str, bound: str, written: str) -> Milliseconds:
    try:
        return parse_time(float(written) if _DIGITS.fullmatch(written) and len(written) > 8 else written)
    except InputError as error:
        raise _wrong(text, f"{error.expected} behind {bound!r}", repr(written)) from error


def _amount(text: str, words: list[str]) -> tuple[float, bool]:
    written = "".join(words).lower()
    number = re.sub(r"(sd|σ)$", "", written)
    return _number(text, number, "an amount such as 5 or 0.5sd"), number != written


def _number(text: str, written: str, expected: str) -> float:
    try:
        number = float(written)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise _wrong(text, expected, repr(written))
    return number


def _share(text: str, written: str) -> float:
    percent = _number(text, written.removesuffix("%"), "a share such as 2%") if written.endswith("%") else -1.0
    if not 0 < percent <= 100:
        raise _wrong(text, "a share such as 2%, above 0% and at most 100%", repr(written))
    return percent / 100


def _shift(text: str, words: list[str]) -> Change:
    return Shift(*_amount(text, words))


def _ramp(text: str, words: list[str]) -> Change:
    at = words.index("over") if "over" in words else len(words)
    if at == len(words):
        raise _wrong(text, FAULTS["ramp"], "no 'over'")
    over = parse_duration(" ".join(words[at + 1 :]), f"inject {text!r}")
    if not over:
        raise _wrong(text, "a duration above 0", repr(words[at + 1]))
    return Shift(*_amount(text, words[:at]), over)


def _scale(text: str, words: list[str]) -> Change:
    return Scale(_number(text, " ".join(words), "a factor such as 1.609"))


def _unit(text: str, words: list[str]) -> Change:
    name = " ".join(words).lower()
    if name not in UNITS:
        raise _wrong(text, f"a unit out of {', '.join(UNITS)}", repr(name))
    return Scale(*UNITS[name])


def _missing(text: str, words: list[str]) -> Change:
    return MissingCells(_share(text, "".join(words))) if words else MissingCells()


def _stuck(text: str, words: list[str]) -> Change:
    return Stuck(" ".join(words)) if words else Stuck()


def _category(text: str, words: list[str]) -> Change:
    if not words:
        raise _wrong(text, FAULTS["category"], "no name")
    if len(words) > 1 and words[-1].endswith("%"):
        return Category(" ".join(words[:-1]), _share(text, words[-1]))
    return Category(" ".join(words))


def _shuffle(text: str, words: list[str]) -> Change:
    if words:
        raise _wrong(text, "nothing behind 'shuffle' but times", repr(" ".join(words)))
    return Shuffle()


_READERS: Mapping[str, Callable[[str, list[str]], Change]] = {
    "shift": _shift,
    "ramp": _ramp,
    "scale": _scale,
    "unit": _unit,
    "missing": _missing,
    "stuck": _stuck,
    "category": _category,
    "shuffle": _shuffle,
}
