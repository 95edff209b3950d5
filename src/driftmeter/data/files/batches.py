"""Files read batch by batch, so that one of any size needs little memory; the rows are those of `read_table`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from driftmeter.data.files.delimited import File
from driftmeter.data.files.delimited_batches import DelimitedBatches
from driftmeter.data.files.endings import ARROW, PARQUET, is_delimited
from driftmeter.data.files.folder import files_of
from driftmeter.data.files.how import How, silent
from driftmeter.data.files.parquet import partition_of
from driftmeter.data.files.parts import Part, parts_of, stream
from driftmeter.data.files.read import check_names, reading, table_of, unknown_ending

if TYPE_CHECKING:
    import pyarrow as pa

SMALL = 1 << 24
"""Bytes of a CSV file, uncompressed, up to which it is read at once: twice as fast as in two passes."""


@dataclass(frozen=True)
class Batches:
    """The names of a file's columns, and its rows as tables of plain columns: of those that were asked for, at least.

    The tables can be read once.
    """

    names: tuple[str, ...]
    tables: Iterable[pa.Table]


def read_batches(
    path: str | Path,
    columns: Collection[str] | None = None,
    *,
    texts: Iterable[str] = (),
    numbers: Iterable[str] = (),
    na: Iterable[str] = (),
    encoding: str | None = None,
    say: Callable[[str], None] = silent,
) -> Batches:
    """Read a file or folder as `read_table` does, batch by batch; of its columns those in `columns`, None for all.

    Each value is that of `read_table`, and so are the errors, though they may come only with a later batch. A Delta
    table is read at once, and so is a file where the type of a column depends on all of its values, as with bytes that
    may be text.
    """
    path, how = Path(path), How(frozenset(texts), frozenset(numbers), tuple(na), encoding, say)
    with reading(path):
        batches = _batches(path, columns, how)
    check_names(path, batches.names)
    return Batches(batches.names, _plain(path, batches.tables))


def _plain(path: Path, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    from driftmeter.data.plain import plain_table

    with reading(path):
        for table in tables:
            yield plain_table(table)


def _batches(path: Path, columns: Collection[str] | None, how: How) -> Batches:
    if is_delimited(path):
        file = File.of(path, how)
        if file.size > SMALL:
            delimited = DelimitedBatches(file, columns)
            return Batches(tuple(delimited.names), delimited)
        table = file.table()
    else:
        parts = _parts(path)
        streamed = None if parts is None else stream(parts, columns, how)
        if streamed is not None:
            return Batches(*streamed)
        table = table_of(path, how)
    return Batches(tuple(table.column_names), [table])


def _parts(path: Path) -> list[Part] | None:
    """Return the files that can be streamed one after another, None where they cannot."""
    if not path.is_dir():
        if not path.name.lower().endswith((*PARQUET, *ARROW)):
            raise unknown_ending(path)
        return parts_of([(path, partition_of(path.parent.parts))])
    files = files_of(path)
    if files is None:
        return None
    parquets = [(file, partition_of(file.relative_to(path).parent.parts)) for file in files.parquets]
    return parts_of([*parquets, *((file, {}) for file in files.arrows)])
