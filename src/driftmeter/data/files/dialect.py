"""How the cells of a CSV file stand apart, told from its beginning."""

from __future__ import annotations

import csv as lines
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HEAD = 1 << 18
"""Bytes of a file from which its dialect is told."""
_CANDIDATES = (",", ";", "\t", "|")
_NAMES = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_RECORDS = 100
_BACKSLASH = re.compile(r'(?:^|[,;\t|])"(?:[^"\\]|"")*\\"[^,;\t|"\r\n]', re.MULTILINE)
"""A quoted cell in which a backslash keeps a quote from closing it, as Spark and MySQL write by default."""


@dataclass(frozen=True)
class Dialect:
    """What stands between cells, what before a quote within a cell (by default the quote itself), how many columns
    the header has, and how many lines come before it."""

    delimiter: str
    escape: str | None
    columns: int
    skipped: int


def dialect_of(path: Path, head: str, say: Callable[[str], None]) -> Dialect:
    """Tell a dialect from the beginning of a file: commas, unless another fits the header and the rows, or tabs where
    the name says TSV. `say` hears of all but commas."""
    told = re.match(r'"?sep=(.)"?\r?\n', head)  # a line that Excel writes and reads
    skipped = 1 if told else 0
    rest = head[told.end() :] if told else head
    if ".tsv" in path.suffixes or path.name.lower().split(".")[-1] == "tsv":
        delimiter = "\t"
    elif told:
        delimiter = told[1]
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
    """Return the first delimiter by which all rows have as many cells as the header, and more than one."""
    widths = {each: _widths(text, each) for each in _CANDIDATES}
    for each, found in widths.items():
        if found and found[0] > 1 and set(found) == {found[0]}:
            return each
    # ragged by any of them: the header tells
    return max(_CANDIDATES, key=lambda each: (widths[each] or [0])[0])


def _widths(text: str, delimiter: str) -> list[int]:
    """Return the number of cells of the first records, as far as they can be read; the last may be cut off."""
    found: list[int] = []
    whole = len(text) < HEAD // 4
    try:
        for record in lines.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if record:
                found.append(len(record))
            if len(found) > _RECORDS:
                break
    except lines.Error:
        pass
    return found if whole or len(found) < 2 else found[:-1]
