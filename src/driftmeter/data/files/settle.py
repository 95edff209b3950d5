"""What the columns of a CSV file are that Arrow types wrongly: codes, decimal commas, words among numbers, truths of R.

All is decided by every cell of a column, and from counts that add up: a file may be observed part by part.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from driftmeter.data.arrow_columns import array_of_booleans, array_of_numbers, numbers_of, whole
from driftmeter.data.kinds import NUMBERS_SHARE
from driftmeter.profile.values import MISSING_WORDS, TRUTHS, number_of

if TYPE_CHECKING:
    import pyarrow as pa

_CODE = r"^\s*[+-]?0[0-9xX][0-9a-fA-F]*\s*$"
"""A number with a leading zero is a code; so is 0x1f, which Arrow would read as 31."""
_COMMA = re.compile(r"\s*[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?(?:[eE][+-]?\d+)?\s*")
_THOUSANDS = re.compile(r"\s*[+-]?[1-9]\d{0,2}(?:\.\d{3})+\s*")

Written = Literal["text", "numbers", "booleans", "numbers with commas", "text with commas"]
"""How the cells of a column, which are text, are to be understood."""


@dataclass
class _TextSoFar:
    """What the texts of a column may be, by those seen so far."""

    asked: bool
    """Whether numbers are expected in the column."""
    rows: int = 0
    """Those whose text means no missing value; the counts of commas are taken where they may matter."""
    comma_rows: int = 0
    decimal_rows: int = 0
    booleans: bool = True
    some_boolean: bool = False
    numbers: bool = True
    some_number: bool = False
    pointed: bool = True
    """Whether the texts are numbers once decimal commas are points."""
    some_pointed: bool = False

    def observe(self, column: pa.ChunkedArray, *, commas: bool) -> None:
        if not (commas or self.booleans or self.numbers):
            return
        texts, counts = _distinct(column)
        if commas:
            self._count_commas(texts, counts)
        if self.booleans:
            present = {text.strip().lower() for text in texts} - MISSING_WORDS
            self.booleans, self.some_boolean = present <= TRUTHS, self.some_boolean or bool(present)
        if self.numbers:
            self.numbers, some = _are_numbers(texts)
            self.some_number = self.some_number or some
        if commas and self.pointed:
            self.pointed, some = _are_numbers(map(_with_point, texts))
            self.some_pointed = self.some_pointed or some

    def _count_commas(self, texts: Sequence[str], counts: Sequence[int]) -> None:
        for text, count in zip(texts, counts, strict=True):
            if text.strip().lower() in MISSING_WORDS:
                continue
            self.rows += count
            if _COMMA.fullmatch(text):
                self.comma_rows += count
                self.decimal_rows += count * ("," in text)

    @property
    def has_commas(self) -> bool:
        """Whether nearly all texts are numbers, some with decimal commas; where numbers are asked for, any."""
        return bool(self.decimal_rows and (self.asked or self.comma_rows >= NUMBERS_SHARE * self.rows))

    @property
    def written(self) -> Written | None:
        """How the texts are to be understood; None where as they are."""
        if self.booleans and self.some_boolean:
            return "booleans"
        if self.has_commas:
            return "numbers with commas" if self.pointed and self.some_pointed else "text with commas"
        return "numbers" if self.numbers and self.some_number else None


@dataclass
class _NumbersSoFar:
    """What the cells of a column of numbers look like, by those seen so far."""

    codes: bool = False
    points: bool = False
    thousands: bool = True

    def observe(self, column: pa.ChunkedArray, *, commas: bool) -> None:
        from pyarrow import compute

        if not self.codes:
            self.codes = bool(compute.any(compute.match_substring_regex(column, _CODE)).as_py())
        if commas and self.thousands:
            points = [text for text in _distinct(column)[0] if "." in text]
            self.points = self.points or bool(points)
            self.thousands = all(map(_THOUSANDS.fullmatch, points))


@dataclass(frozen=True)
class Settled:
    """The columns of which Arrow's type is not the right one, and those that have decimal commas."""

    written: Mapping[str, Written]
    commas: tuple[str, ...]


@dataclass
class Settling:
    """Looks through the text of columns, part by part; `texts` and `numbers` are those that Arrow types so."""

    texts: dict[str, _TextSoFar] = field(default_factory=dict)
    numbers: dict[str, _NumbersSoFar] = field(default_factory=dict)
    commas: bool = False
    """Whether cells may have decimal commas: not where commas separate them."""

    @classmethod
    def of(cls, types: Mapping[str, pa.DataType], asked: Collection[str], *, commas: bool) -> Settling:
        """Start with the types that Arrow gives to columns; the columns `asked` are expected to be numbers."""
        import pyarrow as pa

        texts = {name: _TextSoFar(name in asked) for name, kind in types.items() if pa.types.is_string(kind)}
        numbers = {
            name: _NumbersSoFar()
            for name, kind in types.items()
            if pa.types.is_integer(kind) or pa.types.is_floating(kind)
        }
        return cls(texts, numbers, commas)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns to look at."""
        return (*self.texts, *self.numbers)

    def observe(self, name: str, column: pa.ChunkedArray) -> None:
        """Look at more of a column, as text; columns that need no look are ignored."""
        column_so_far = self.texts.get(name) or self.numbers.get(name)
        if column_so_far is not None:
            column_so_far.observe(column, commas=self.commas)

    def settle(self) -> Settled:
        """Decide, once all was observed."""
        written: dict[str, Written] = {name: "text" for name, column in self.numbers.items() if column.codes}
        commas = tuple(name for name, column in self.texts.items() if column.has_commas)
        if commas:
            for name, column in self.numbers.items():
                if not column.codes and column.points and column.thousands:
                    written[name] = "numbers with commas"
        for name, texts in self.texts.items():
            if (how := texts.written) is not None:
                written[name] = how
        return Settled(written, commas)


def converted(column: pa.ChunkedArray, written: Written) -> pa.ChunkedArray:
    """Return a column of text as what it was found to be."""
    import pyarrow as pa

    if written == "text":
        return column
    coded = whole(column).dictionary_encode()
    texts: list[str] = coded.dictionary.to_pylist()
    if written.endswith("commas"):
        texts = list(map(_with_point, texts))
    if written == "booleans":
        lowered = [text.strip().lower() for text in texts]
        truths = np.array([text == "true" for text in lowered], dtype=bool)
        values = array_of_booleans(truths, np.array([text in TRUTHS for text in lowered], dtype=bool))
    elif written == "text with commas":
        values = pa.array(texts, pa.string())
    else:
        values = array_of_numbers(np.array(list(map(number_of, texts)), dtype=np.float64))
    return pa.chunked_array([values.take(coded.indices)])


def _distinct(column: pa.ChunkedArray) -> tuple[list[str], list[int]]:
    """Return the distinct texts of a column, and in how many rows each is."""
    coded = whole(column).dictionary_encode()
    indices, present = numbers_of(coded.indices)
    texts: list[Any] = coded.dictionary.to_pylist()
    return texts, np.bincount(indices[present], minlength=len(texts)).tolist()


def _are_numbers(texts: Any) -> tuple[bool, bool]:
    """Say whether all texts are numbers or mean a missing one, and whether one is a number."""
    some = False
    for text in texts:
        try:
            number = number_of(text)
        except (ValueError, OverflowError):
            return False, some
        if re.match(_CODE, text) or text.strip().lower() in TRUTHS:
            return False, some
        some = some or number == number
    return True, some


def _with_point(text: str) -> str:
    """Return a number with a decimal point instead of a decimal comma; any other text as it is."""
    return text.replace(".", "").replace(",", ".") if _COMMA.fullmatch(text) else text
