"""CSV and TSV files: which cells are missing, text or numbers, and in which line a file is faulty."""

from __future__ import annotations

import csv as lines
import io
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftmeter.data.files.dialect import Dialect, dialect_of
from driftmeter.data.files.encoding import encoding_of
from driftmeter.data.files.how import How
from driftmeter.data.files.settle import Settled, Settling, converted
from driftmeter.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 1 << 20
_LARGEST_BLOCK = 1 << 30


@dataclass(frozen=True)
class File:
    """A CSV or TSV file with what its beginning says of it."""

    path: Path
    how: How
    dialect: Dialect
    encoding: str
    size: int
    """Bytes of the text, uncompressed."""

    @classmethod
    def of(cls, path: Path, how: How) -> File:
        """Read through a file to see its encoding and dialect; raises InputError where it is no text."""
        text = encoding_of(path, how.encoding)
        file = cls(path, how, dialect_of(path, text.head, how.say), text.encoding, text.size)
        if text.odd_quotes:
            file.check_quotes()
        return file

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Turn Arrow's errors into InputError."""
        import pyarrow as pa

        try:
            yield
        except pa.ArrowInvalid as error:
            raise self.at_fault(error) from error
        except UnicodeDecodeError as error:
            raise InputError(str(self.path), f"{self.encoding}, as --encoding says", str(error)) from error

    def table(self) -> pa.Table:
        """Read the file; an empty cell is missing, a quoted cell is a text, which may be empty.

        Raises InputError naming the file, and the line of the fault where it has one.
        """
        how = self.how
        with self.faults():
            table = self.read()
            if not len(table):
                raise InputError(str(self.path), "rows below the header", "none")
            names: list[str] = table.column_names
            types = {name: table[name].type for name in names if names.count(name) == 1 and name not in how.texts}
            settling = Settling.of(types, how.numbers, commas=self.dialect.delimiter != ",")
            written: Any = self.read([*settling.numbers]) if settling.numbers else None
            texts = {name: table[name] if name in settling.texts else written[name] for name in settling.columns}
            for name, text in texts.items():
                settling.observe(name, text)
            settled = settling.settle()
            self.say_commas(settled)
            for name, kind in settled.written.items():
                table = table.set_column(names.index(name), name, converted(texts[name], kind))
        return table

    def read(self, only: list[str] | None = None) -> pa.Table:
        """Read the file by its dialect; with `only`, these columns, as text."""
        from pyarrow import csv

        texts = self.how.texts if only is None else only
        types = dict.fromkeys(texts, "string")
        return self.grown(_BLOCK, lambda block: csv.read_csv(self.path, **self._options(block, only, types)))

    def stream(self, block: int, only: list[str] | None, types: Mapping[str, Any]) -> pa.RecordBatchReader:
        """Read the file batch by batch; raises ArrowInvalid where a cell is not of its column's type, or none given."""
        from pyarrow import csv

        return csv.open_csv(self.path, **self._options(block, only, types))

    def _options(self, block: int, only: list[str] | None, types: Mapping[str, Any]) -> dict[str, Any]:
        from pyarrow import csv

        return {
            "read_options": csv.ReadOptions(block_size=block, encoding=self.encoding, skip_rows=self.dialect.skipped),
            "parse_options": csv.ParseOptions(
                delimiter=self.dialect.delimiter,
                escape_char=self.dialect.escape or False,
                newlines_in_values=True,
                # in a file of one column an empty line is a row with a missing value
                ignore_empty_lines=self.dialect.columns > 1,
            ),
            "convert_options": csv.ConvertOptions(
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=["", *self.how.na],
                include_columns=only,
                column_types=dict(types),
            ),
        }

    def grown(self, block: int, read: Callable[[int], Any]) -> Any:
        """Read with larger blocks where a row is longer than one, as with a long text in a cell."""
        import pyarrow as pa

        while True:
            try:
                return read(block)
            except pa.ArrowInvalid as error:
                if "straddl" not in str(error) or block >= _LARGEST_BLOCK:
                    raise
                block *= 8

    def say_commas(self, settled: Settled) -> None:
        """Say which columns were read with decimal commas."""
        if settled.commas:
            self.how.say(f"{self.path}: read with decimal commas ({', '.join(settled.commas[:5])})")

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
