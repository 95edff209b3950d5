"""A source at rest: its columns, and its rows as tables that come in the same order each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from driftmeter.types import JSON

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 1 << 16
"""Rows that are decoded at once."""


@dataclass(frozen=True)
class LakePart:
    """A file of a source, or all of it: its rows, None where they are not known before they are read.

    `read` takes names of columns, and yields tables of those of them that the part has.
    """

    name: str
    rows: int | None
    read: Callable[[Sequence[str]], Iterator[pa.Table]]


@dataclass(frozen=True)
class LakeSource:
    """A table or a log at rest.

    `identity` changes with the content; it is None where another reading may bring the rows in another order, so that
    a count that was stopped cannot go on. `time` is the column of a log's own times.
    """

    title: str
    names: tuple[str, ...]
    parts: tuple[LakePart, ...]
    identity: JSON | None
    time: str | None = None

    @property
    def rows(self) -> int | None:
        """The number of rows, None where it is not known."""
        rows = [part.rows for part in self.parts]
        return None if None in rows else sum(one for one in rows if one is not None)

    def tables(self, columns: Sequence[str], skip: int = 0) -> Iterator[pa.Table]:
        """Yield all rows but the first `skip`, in order, as tables with those of `columns` that there are."""
        for part in self.parts:
            if part.rows is not None and part.rows <= skip:
                skip -= part.rows
                continue
            for table in part.read(columns):
                if skip >= len(table):
                    skip -= len(table)
                    continue
                yield table.slice(skip) if skip else table
                skip = 0
