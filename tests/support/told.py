"""What a sentence tells, taken apart, beside what the raw values say: direction, size, span, share and names."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from driftmeter.types import Floats

_NUMBER = r"-?[\d,]+(?:\.\d+)?(?:e[+-]\d+)?"
_CHANGE = r"(?:(?:cannot|has|is|looks|mixes) .*?: )?"
"""The kind of change that a sentence may begin with."""
_SENTENCE = re.compile(
    rf"{_CHANGE}"
    rf"(?P<what>.*?) ?(?P<moved>rose|fell) from (?P<was>{_NUMBER})(?P<shares> %)? to (?P<beyond>above |below )?"
    rf"(?:about )?(?P<now>{_NUMBER})(?: %)?(?P<how> on average| in the median| of the rows| of the values)?"
    rf"(?:, (?:more|less) than the reference ever had)?(?: \((?P<by>{_NUMBER}) standard deviations?\))?"
    r"(?: \((?P<names>'.*?)\))?(?P<gone>, '.* vanished)?, over (?P<rows>[\d,]+) rows(?: in (?P<span>\S+ \S+))?\."
)


def number(text: str) -> float:
    return float(text.replace(",", ""))


def step(text: str) -> float:
    """Return what the last digit of a number stands for; of a whole number that of its last digit that is no zero."""
    digits, _, exponent = text.replace(",", "").lstrip("-").partition("e")
    whole, _, decimals = digits.partition(".")
    zeros = len(whole) - len(whole.rstrip("0")) if not decimals and whole.strip("0") else 0
    return 10.0 ** (zeros - len(decimals) + int(exponent or 0))


@dataclass(frozen=True)
class Told:
    """A sentence, taken apart."""

    what: str
    moved: str
    was: str
    now: str
    how: str
    by: str | None
    names: str | None
    beyond: bool
    rows: int
    span: str | None

    @classmethod
    def by_sentence(cls, sentence: str) -> Told:
        found = _SENTENCE.fullmatch(sentence[0].lower() + sentence[1:])
        assert found is not None, sentence
        part = found.groupdict()
        return cls(
            part["what"], part["moved"], part["was"], part["now"], (part["how"] or "").strip(), part["by"],
            part["names"], part["beyond"] is not None, int(number(part["rows"])), part["span"],
        )  # fmt: skip


def share_of(what: str, values: pl.Series, reference: pl.Series) -> float:
    """Return the share of all raw rows of which a sentence says `what`."""
    rows = values.to_list()
    if category := re.fullmatch(r"(?:category|value) '?(.*?)'?", what):
        return sum(str(row).lower() == category[1].lower() for row in rows) / len(rows)
    if hour := re.fullmatch(r"hour (\d+)", what):
        return float(np.mean([row.hour == int(hour[1]) for row in rows]))
    if what == "missing values":
        return sum(row is None for row in rows) / len(rows)
    if what == "categories never seen before":
        known = set(reference.to_list())
        return sum(row not in known for row in rows) / len(rows)
    if what.startswith("unreadable"):
        return sum(isinstance(row, str) and not row.replace(".", "").lstrip("-").isdigit() for row in rows) / len(rows)
    array = numbers_of(values)
    if what == "infinite values":
        return float(np.isinf(array).mean())
    near = re.fullmatch(rf"values from ({_NUMBER}) to ({_NUMBER}), (?:above|below) the reference's range,", what)
    if near:
        return float(((array > number(near[1])) & (array < number(near[2]))).mean())
    if far := re.fullmatch(rf"values from ({_NUMBER}) on, far above the reference's range,", what):
        return float((array >= number(far[1])).mean())
    beyond = re.fullmatch(rf"values (above|below) ({_NUMBER}), (?:far below )?the reference's \w+,", what)
    assert beyond is not None, what
    limit = number(beyond[2])
    return float(((array > limit) if beyond[1] == "above" else (array < limit)).mean())


def share_within(what: str, values: pl.Series) -> float:
    """Return the share of the finite values within the interval that a sentence names."""
    array = finite(values)
    if one := re.fullmatch(rf"the value ({_NUMBER})", what):
        return float((array == number(one[1])).mean())
    between = re.fullmatch(rf"values (?:from ({_NUMBER}))?(?: on)?(?: ?(?:up )?to ({_NUMBER}))?", what)
    assert between is not None, what
    low = number(between[1]) if between[1] else -np.inf
    high = number(between[2]) if between[2] else np.inf
    return float(((array >= low) & (array <= high)).mean())


def numbers_of(values: pl.Series) -> Floats:
    array: Floats = values.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    return array


def finite(values: pl.Series) -> Floats:
    array = numbers_of(values)
    return array[np.isfinite(array)]


def measure(told: Told, values: pl.Series) -> float:
    """Return a measure of the raw values, as a sentence names it."""
    array = finite(values)
    if told.how == "on average":
        return float(array.mean())
    if told.how == "in the median":
        return float(np.median(array))
    if told.what == "the standard deviation of the values":
        return float(array.std())
    assert told.what == "the width of the middle half of the values", told
    return float(np.subtract(*np.quantile(array, [0.75, 0.25])))


def check(told: Told, before: pl.Series, after: pl.Series, *, off: float = 0.02) -> None:
    """Compare a sentence with the raw values of the reference, and of the rows that it is about.

    A number may be `off` by a part of how far it moved, since it comes from counts.
    """
    if told.how == "of the rows":
        truths = [share_of(told.what, sample, before) for sample in (before, after)]
    elif told.how == "of the values":
        truths = [share_within(told.what, sample) for sample in (before, after)]
    else:
        truths = [measure(told, sample) for sample in (before, after)]
    moved = truths[1] - truths[0]
    assert (moved > 0) == (told.moved == "rose"), (told, truths)
    assert told.was != told.now
    for text, truth in zip((told.was, told.now), truths, strict=True):
        scale = 100 if told.how.startswith("of the") else 1
        near = 0.51 * step(text) + off * abs(moved) * scale
        if told.beyond and text == told.now:
            assert (truth > number(text) - near) == (told.moved == "rose")
        else:
            assert number(text) == pytest.approx(truth * scale, abs=near), (told, truths)
    if told.by is not None:
        true = abs(moved) / finite(before).std()
        assert number(told.by) == pytest.approx(true, abs=0.51 * step(told.by) + (off + 0.01) * true)
    if told.names is not None:
        known = set(before.to_list())
        new = Counter(value for value in after.to_list() if value not in known)
        named = re.findall(r"'(.*?)' ([\d.]+) %", told.names)
        assert [name for name, _ in named] == [name for name, _ in new.most_common(3)]
        assert all(float(share) == pytest.approx(100 * new[name] / len(after), abs=0.051) for name, share in named)
        assert (f"and {len(new) - 3} more" in told.names) == (len(new) > 3)
