"""The dialect of a CSV file, recognised from its beginning."""

from __future__ import annotations

import csv as lines
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HEAD = 1 << 18
"""Bytes at the beginning of a file from which its dialect is recognised."""
_CANDIDATES = (",", ";", "\t", "|")
_NAMES = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_RECORDS = 100
_BACKSLASH = re.compile(r'(?:^|[,;\t|])"(?:[^"\\]|"")*\\"[^,;\t|"\r\n]', re.MULTILINE)
"""A quoted cell with a quote escaped by a backslash, as Spark and MySQL write by default."""


@dataclass(frozen=True)
class Dialect:
    """How the cells of a file are separated.

    `escape` stands before a quote within a cell, None where quotes are doubled; `columns` is the number of columns in
    the header, `skipped` the number of lines before it.
    """

    delimiter: str
    escape: str | None
    columns: int
    skipped: int


def dialect_of(path: Path, head: str, say: Callable[[str], None]) -> Dialect:
    """Return the dialect of a file by its first characters, `head`.

    Cells are separated by commas unless another delimiter fits the header and the rows, or by tabs where the ending is
    that of TSV. `say` is called with a note on anything else than commas.
    """
    hint = re.match(r'"?sep=(.)"?\r?\n', head)  # Excel writes and reads such a line
    skipped = 1 if hint else 0
    rest = head[hint.end() :] if hint else head
    if ".tsv" in path.suffixes or path.name.lower().split(".")[-1] == "tsv":
        delimiter = "\t"
    elif hint:
        delimiter = hint[1]
    else:
        delimiter = _fitting(rest)
        if delimiter != ",":
            say(f"{path}: read as separated by {_NAMES[delimiter]}")
    escape = "\\" if _BACKSLASH.search(rest) else None
    if escape:
        say(f"{path}: read with backslashes before quotes within cells")
    widths = _widths(rest, delimiter)
    columns = widths[0] if widths else 0
    starts_empty = bool(re.match(r"\s*\n", rest))
    return Dialect(delimiter, escape, 2 if starts_empty else columns, skipped)


def _fitting(text: str) -> str:
    """Return the first delimiter by which all rows have as many cells as the header, and more than one.

    Where there is none, return the delimiter that gives the header most cells.

    >>> _fitting("a;b,c;d" + chr(10) + "1;2;3" + chr(10)), _fitting("a|b" + chr(10))
    (';', '|')
    """
    widths = {delimiter: _widths(text, delimiter) for delimiter in _CANDIDATES}
    for delimiter, cells in widths.items():
        if cells and cells[0] > 1 and set(cells) == {cells[0]}:
            return delimiter
    return max(_CANDIDATES, key=lambda delimiter: (widths[delimiter] or [0])[0])


def _widths(text: str, delimiter: str) -> list[int]:
    """Return the numbers of cells of the first records that can be read, without a last one that may be cut off."""
    widths: list[int] = []
    whole = len(text) < HEAD // 4
    try:
        for record in lines.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if record:
                widths.append(len(record))
            if len(widths) > _RECORDS:
                break
    except lines.Error:
        pass
    return widths if whole or len(widths) < 2 else widths[:-1]
