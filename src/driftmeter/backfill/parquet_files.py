"""Parquet files of a lake: each by its own schema, row group by row group, with the columns of its folders' names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftmeter.backfill.source import BATCH, LakePart, LakeSource
from driftmeter.data.files.how import How, silent
from driftmeter.data.files.parquet import with_values
from driftmeter.errors import InputError
from driftmeter.types import JSON

if TYPE_CHECKING:
    import pyarrow as pa

_BUFFER = 1 << 20

Extended = Callable[["pa.Table"], "pa.Table"]


@dataclass(frozen=True)
class LakeFile:
    """A Parquet file: its address, what tells that it changed, and the values that its folders' names stand for."""

    address: str
    stamp: tuple[int, float]
    """Bytes, and when it was written."""
    opened: Callable[[], Any]
    partition: Mapping[str, str | None]


def parquet_source(
    title: str, files: Sequence[LakeFile], texts: frozenset[str], say: Callable[[str], None] = silent
) -> LakeSource:
    """Return Parquet files as one source; columns from folders are integers where all are, unless they are in `texts`.

    Files may differ in their columns and in the types of these: what a file lacks is missing. Raises InputError on a
    file that is no Parquet.
    """
    values: dict[str, set[str | None]] = {}
    for file in files:
        for key, value in file.partition.items():
            values.setdefault(key, set()).add(value)
    how = How(texts, say=say)
    parts, names = [], dict[str, None]()
    for file in files:

        def extended(table: pa.Table, file: LakeFile = file) -> pa.Table:
            return with_values(table, file.partition, values, how)

        part, columns = parquet_part(file.address, file.opened, extended, say)
        parts.append(part)
        names |= dict.fromkeys((*columns, *file.partition))
    return LakeSource(title, tuple(names), tuple(parts), identity_of([(one.address, *one.stamp) for one in files]))


def identity_of(stamps: Sequence[Any]) -> JSON:
    """Return what tells that any of many files changed."""
    return {"files": len(stamps), "content": hashlib.sha256(json.dumps(stamps).encode()).hexdigest()[:32]}


def parquet_part(
    address: str, opened: Callable[[], Any], extended: Extended, say: Callable[[str], None]
) -> tuple[LakePart, tuple[str, ...]]:
    """Return a Parquet file as a part, and its columns; `extended` appends the columns that the file does not have.

    Times of INT96 are read as microseconds, as everywhere; other times in the unit that they have. A column of a type
    that Arrow cannot read is left out, with a note.
    """
    with _parquet(address, opened) as file:
        names, rows = tuple(file.schema_arrow.names), file.metadata.num_rows

    def read(columns: Sequence[str]) -> Iterator[pa.Table]:
        import pyarrow as pa

        chosen = [name for name in columns if name in names]
        with _parquet(address, opened) as file:
            readable = _readable(file, chosen, address, say)
            if not readable:  # the rows still count, and all their values are missing
                for group in range(file.metadata.num_row_groups):
                    length = file.metadata.row_group(group).num_rows
                    yield _chosen(extended(pa.table({"": pa.nulls(length)})), columns)
                return
            for batch in file.iter_batches(BATCH, columns=readable, use_threads=True):
                yield _chosen(extended(pa.Table.from_batches([batch])), columns)

    return LakePart(address, rows, read), names


def _chosen(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Return the chosen columns; where there is none, one without a name keeps the number of rows."""
    names = [name for name in columns if name in table.column_names]
    return table.select(names or table.column_names[:1])


def local_file(path: Path) -> Any:
    """Open a file of this machine, read without Python's lock; raises InputError where there is none."""
    import pyarrow as pa

    try:
        return pa.OSFile(str(path), "rb")
    except FileNotFoundError as error:
        raise InputError(str(path), "a file", "nothing there") from error


@contextmanager
def _parquet(address: str, opened: Callable[[], Any]) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with (
            opened() as raw,
            parquet.ParquetFile(raw, coerce_int96_timestamp_unit="us", buffer_size=_BUFFER, pre_buffer=False) as file,
        ):
            yield file
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(address, "a readable Parquet file", str(error)[:300]) from error


def _readable(file: Any, names: Sequence[str], address: str, say: Callable[[str], None]) -> list[str]:
    """Return the columns whose types Arrow can read: it says so only with the first rows."""
    import pyarrow as pa

    try:
        next(file.iter_batches(1, columns=list(names)), None)
        return list(names)
    except pa.ArrowNotImplementedError:
        readable = []
        for name in names:
            try:
                next(file.iter_batches(1, columns=[name]), None)
                readable.append(name)
            except pa.ArrowNotImplementedError as error:
                say(f"{address}: column {name!r} is left out, Arrow cannot read it: {error}")
        return readable
