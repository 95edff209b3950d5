"""CSV and TSV files: which cells are missing, text or numbers, and in which line a file is faulty."""

from __future__ import annotations

import csv as lines
import io
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftmeter.data.arrow_columns import array_of_booleans, array_of_numbers, numbers_of, whole
from driftmeter.data.files.dialect import Dialect, dialect_of
from driftmeter.data.files.encoding import encoding_of
from driftmeter.data.files.how import How
from driftmeter.data.kinds import NUMBERS_SHARE
from driftmeter.errors import InputError
from driftmeter.profile.values import MISSING_WORDS, TRUTHS, number_of

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 1 << 20
_LARGEST_BLOCK = 1 << 30
_CODE = r"^\s*[+-]?0[0-9xX][0-9a-fA-F]*\s*$"
"""A number with a leading zero is a code; so is 0x1f, which Arrow would read as 31."""
_COMMA = re.compile(r"\s*[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?(?:[eE][+-]?\d+)?\s*")
_THOUSANDS = re.compile(r"\s*[+-]?\d{1,3}(?:\.\d{3})+\s*")


def read_delimited(path: Path, how: How) -> pa.Table:
    """Read a CSV or TSV file; an empty cell is missing, a quoted cell is a text, which may be empty.

    Raises InputError naming the file, and the line of the fault where it has one.
    """
    import pyarrow as pa

    text = encoding_of(path, how.encoding)
    dialect = dialect_of(path, text.head, how.say)
    file = _File(path, how, dialect, text.encoding)
    if text.odd_quotes:
        file.check_quotes()
    try:
        table = file.read()
    except pa.ArrowInvalid as error:
        raise file.at_fault(error) from error
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"{text.encoding}, as --encoding says", str(error)) from error
    if not len(table):
        raise InputError(str(path), "rows below the header", "none")
    return _settled(table, file)


@dataclass(frozen=True)
class _File:
    path: Path
    how: How
    dialect: Dialect
    encoding: str

    def read(self, only: list[str] | None = None) -> pa.Table:
        """Read the file by its dialect; with `only`, these columns, as text."""
        import pyarrow as pa
        from pyarrow import csv

        texts = self.how.texts if only is None else only
        convert = csv.ConvertOptions(
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=["", *self.how.na],
            include_columns=only,
            column_types=dict.fromkeys(texts, pa.string()),
        )
        parse = csv.ParseOptions(
            delimiter=self.dialect.delimiter,
            escape_char=self.dialect.escape or False,
            newlines_in_values=True,
            # in a file of one column an empty line is a row with a missing value
            ignore_empty_lines=self.dialect.columns > 1,
        )
        block = _BLOCK
        while True:
            try:
                return csv.read_csv(
                    self.path,
                    read_options=csv.ReadOptions(
                        block_size=block, encoding=self.encoding, skip_rows=self.dialect.skipped
                    ),
                    parse_options=parse,
                    convert_options=convert,
                )
            except pa.ArrowInvalid as error:
                # a row longer than a block, as with a long text in a cell
                if "straddl" not in str(error) or block >= _LARGEST_BLOCK:
                    raise
                block *= 8

    def check_quotes(self) -> None:
        """Raise InputError where a quote is never closed: all that follows would be one cell."""
        self._walk("")

    def at_fault(self, error: Exception) -> InputError:
        """Return an error with the line that does not fit the header, or else with the message of Arrow."""
        text = " ".join(str(error).split())
        try:
            self._walk(text)
        except InputError as fault:
            return fault
        if "cannot infer number of columns" in text:
            return InputError(str(self.path), "rows below the header", "none")
        return InputError(str(self.path), f"a readable {self.path.suffix} file", text[:300])

    def _walk(self, problem: str) -> None:
        """Raise InputError at the first record with another number of cells than the header, or that never ends.

        `problem` is the message of Arrow; where it is empty, only quotes are checked.
        """
        import pyarrow as pa

        before = lines.field_size_limit(sys.maxsize)
        start = width = 0
        try:
            with pa.input_stream(str(self.path), compression="detect") as stream:
                text = io.TextIOWrapper(stream, self.encoding, errors="replace", newline="")
                reader = lines.reader(text, delimiter=self.dialect.delimiter, doublequote=True, strict=True,
                                      escapechar=self.dialect.escape)  # fmt: skip
                for record in reader:
                    if reader.line_num > self.dialect.skipped and record:
                        width = width or len(record)
                        if problem and len(record) != width:
                            got = f"{len(record)} in line {start + 1}"
                            raise InputError(str(self.path), f"{width} cells, as in the header", got)
                    start = reader.line_num
        except lines.Error as error:
            if "unexpected end" in str(error):
                got = f"a quote that opens in line {start + 1} or later and never closes"
                raise InputError(str(self.path), "cells whose quotes are closed", got) from error
            if problem:
                expected = "a cell that is quoted as a whole"
                raise InputError(str(self.path), expected, f"{error} in line {start + 1}") from error
        finally:
            lines.field_size_limit(before)


def _settled(table: pa.Table, file: _File) -> pa.Table:
    """Return the table with the columns corrected that Arrow types wrongly: codes, decimal commas, words in numbers."""
    import pyarrow as pa
    from pyarrow import compute

    names: list[str] = table.column_names
    once = [name for name in names if names.count(name) == 1 and name not in file.how.texts]
    numbers = [
        name for name in once
        if pa.types.is_integer(table[name].type) or pa.types.is_floating(table[name].type)
    ]  # fmt: skip
    written: Any = file.read(numbers) if numbers else None
    corrected: dict[str, Any] = {}
    commas = []
    for name in numbers:
        if compute.any(compute.match_substring_regex(written[name], _CODE)).as_py():
            corrected[name] = written[name]
    texts = {name: _Texts.of(table[name]) for name in once if pa.types.is_string(table[name].type)}
    if file.dialect.delimiter != ",":
        commas = [name for name, column in texts.items() if column.are_commas(name in file.how.numbers)]
        for name in commas:
            texts[name] = texts[name].with_points()
    if commas:
        for name in numbers:
            column = None if name in corrected else _Texts.of(written[name])
            if column is not None and column.are_thousands():
                corrected[name] = column.with_points().numbers()
        file.how.say(f"{file.path}: read with decimal commas ({', '.join(commas[:5])})")
    for name, column in texts.items():
        typed = column.booleans() or column.numbers()
        if typed is not None:
            corrected[name] = typed
        elif name in commas:
            corrected[name] = column.column()
    for name, values in corrected.items():
        table = table.set_column(names.index(name), name, values)
    return table


@dataclass(frozen=True)
class _Texts:
    """A column of text as its distinct texts, and in how many rows each is."""

    coded: Any
    values: list[str]
    counts: list[int]

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> _Texts:
        import numpy as np

        coded = whole(column).dictionary_encode()
        present = numbers_of(coded.indices.drop_null())[0]
        counts = np.bincount(present, minlength=len(coded.dictionary)) if len(present) else np.zeros(0, int)
        return cls(coded, coded.dictionary.to_pylist(), counts.tolist())

    def are_commas(self, asked: bool) -> bool:
        """Say whether nearly all texts are numbers, some with decimal commas; where numbers are `asked` for, any."""
        numbers = total = decimal = 0
        for text, count in zip(self.values, self.counts, strict=True):
            if text.strip().lower() in MISSING_WORDS:
                continue
            total += count
            if _COMMA.fullmatch(text):
                numbers += count
                decimal += "," in text
        return bool(decimal and (asked or numbers >= NUMBERS_SHARE * total))

    def are_thousands(self) -> bool:
        """Say whether some texts have a point, and all of these are numbers with points between thousands."""
        points = [text for text in self.values if "." in text]
        return bool(points) and all(map(_THOUSANDS.fullmatch, points))

    def with_points(self) -> _Texts:
        """Return the column with decimal points instead of decimal commas."""
        dotted = [text.replace(".", "").replace(",", ".") if _COMMA.fullmatch(text) else text for text in self.values]
        return replace(self, values=dotted)

    def numbers(self) -> pa.ChunkedArray | None:
        """Return the column as numbers where all its texts are numbers or mean a missing one, else None."""
        import numpy as np

        numbers: list[float] = []
        some = False
        for text in self.values:
            try:
                number = number_of(text)
            except (ValueError, OverflowError):
                return None
            if re.match(_CODE, text) or text.strip().lower() in TRUTHS:
                return None
            some = some or number == number
            numbers.append(number)
        if not some:
            return None
        return self._column(array_of_numbers(np.array(numbers, dtype=np.float64)))

    def booleans(self) -> pa.ChunkedArray | None:
        """Return the column as booleans where all its texts are true, false or mean a missing one, else None.

        R writes TRUE and FALSE, which Arrow does not read as booleans.
        """
        import numpy as np

        lowered = [text.strip().lower() for text in self.values]
        present = set(lowered) - MISSING_WORDS
        if not present or not present <= TRUTHS:
            return None
        truths = np.array([text == "true" for text in lowered])
        return self._column(array_of_booleans(truths, np.array([text in TRUTHS for text in lowered])))

    def column(self) -> pa.ChunkedArray:
        """Return the column as text."""
        import pyarrow as pa

        return self._column(pa.array(self.values, pa.string()))

    def _column(self, values: pa.Array) -> pa.ChunkedArray:
        import pyarrow as pa

        indices = self.coded.indices
        return pa.chunked_array([values.take(indices)])
