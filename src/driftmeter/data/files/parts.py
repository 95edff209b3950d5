"""Parquet and Arrow files as streams of tables, one file or several after another."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftmeter.data.files.endings import ARROW
from driftmeter.data.files.how import How
from driftmeter.data.files.ipc import FEATHER_V1, FILE
from driftmeter.data.files.parquet import with_values

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 1 << 14
_BUFFER = 1 << 20


@dataclass(frozen=True)
class Part:
    """A file: its columns, those that the names of its folders stand for, and how to read some of its columns."""

    path: Path
    schema: pa.Schema
    partition: Mapping[str, str | None]
    read: Callable[[list[str]], Iterator[pa.Table]]


def parts_of(files: Iterable[tuple[Path, Mapping[str, str | None]]]) -> list[Part] | None:
    """Open files; None where one has a format that cannot be streamed."""
    parts = []
    for path, partition in files:
        made = _of_arrow(path) if path.name.lower().endswith(ARROW) else _of_parquet(path)
        if made is None:
            return None
        parts.append(Part(path, made[0], partition if path.suffix.lower() not in ARROW else {}, made[1]))
    return parts


def stream(
    parts: list[Part], columns: Collection[str] | None, how: How
) -> tuple[tuple[str, ...], Iterator[pa.Table]] | None:
    """Return the names of all columns, and the rows of the parts as tables of the wanted ones.

    None where the parts have a wanted column in several types, or where its type depends on all of its values.
    """
    names = list(dict.fromkeys(name for part in parts for name in part.schema.names))
    if any(len(set(part.schema.names)) < len(part.schema.names) for part in parts):
        return None
    wanted = [name for name in names if columns is None or name in columns]
    for name in wanted:
        kinds = {part.schema.field(name) if name in part.schema.names else None for part in parts}
        if len({None if field is None else field.type for field in kinds}) > 1:
            return None
        if any(field is None or field.metadata or _by_values(field.type) for field in kinds):
            return None
    all_values: dict[str, set[str | None]] = {}
    for part in parts:
        for key, value in part.partition.items():
            all_values.setdefault(key, set()).add(value)
    if any(part.partition.keys() != all_values.keys() for part in parts):
        return None

    if any(not _is_readable(part, wanted) for part in parts):
        return None

    def tables() -> Iterator[pa.Table]:
        for part in parts:
            for table in part.read(wanted):
                yield with_values(table.select(wanted), part.partition, all_values, how)

    return (*names, *(key for key in all_values if key not in names)), tables()


def _is_readable(part: Part, names: list[str]) -> bool:
    """Say whether Arrow can read the types of the columns: it says so only with the first rows."""
    import pyarrow as pa

    try:
        next(part.read(names), None)
    except pa.ArrowNotImplementedError:
        return False
    return True


def _by_values(kind: pa.DataType) -> bool:
    """Say whether the plain type of a column depends on its values."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return _by_values(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType) or types.is_nested(kind) or "binary" in str(kind):
        return True
    return bool(types.is_decimal(kind) and kind.scale == 0 and kind.precision > 18)


_Read = Callable[[list[str]], "Iterator[pa.Table]"]


def _of_parquet(path: Path) -> tuple[pa.Schema, _Read] | None:
    import pyarrow as pa
    from pyarrow import parquet

    def opened() -> Any:
        return parquet.ParquetFile(path, coerce_int96_timestamp_unit="us", buffer_size=_BUFFER, pre_buffer=False)

    def read(names: list[str]) -> Iterator[pa.Table]:
        with opened() as file:
            for batch in file.iter_batches(_ROWS, columns=names):
                yield pa.Table.from_batches([batch])

    try:
        with opened() as file:
            return file.schema_arrow, read
    except pa.ArrowNotImplementedError:
        return None


def _of_arrow(path: Path) -> tuple[pa.Schema, _Read] | None:
    """Return the columns of a file in Arrow's file or stream format, None for Feather version 1."""
    import pyarrow as pa

    with path.open("rb") as file:
        magic = file.read(6)
        if magic.startswith(FEATHER_V1):
            return None
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    source = pa.py_buffer(mapped)

    def read(names: list[str]) -> Iterator[pa.Table]:
        for batch in _record_batches(source, is_file):
            batch = batch.select(names)
            for start in range(0, len(batch), _ROWS):
                yield pa.Table.from_batches([batch.slice(start, _ROWS)])
                _drop_pages(mapped)

    is_file = magic == FILE
    if is_file:
        schema = pa.ipc.open_file(pa.BufferReader(source)).schema
    else:
        schemas = list(_schemas(source))
        schema = schemas[0]
        if any(not other.equals(schema, check_metadata=True) for other in schemas):
            return None
    return schema, read


def _record_batches(source: pa.Buffer, is_file: bool) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    if is_file:
        reader = pa.ipc.open_file(pa.BufferReader(source))
        for index in range(reader.num_record_batches):
            yield reader.get_batch(index)
        return
    stream = pa.BufferReader(source)
    while _at_stream(stream):
        yield from pa.ipc.open_stream(stream)


def _schemas(source: pa.Buffer) -> Iterator[pa.Schema]:
    """Yield the schema of each of the streams in a file, without reading what they hold."""
    import pyarrow as pa

    stream = pa.BufferReader(source)
    while _at_stream(stream):
        messages = pa.ipc.MessageReader.open_stream(stream)
        yield pa.ipc.read_schema(next(messages))
        for _ in messages:
            pass


def _at_stream(stream: pa.BufferReader) -> bool:
    """Go to the next stream of a file; say whether there is one."""
    while stream.tell() < stream.size():
        start = stream.tell()
        if any(stream.read(_BUFFER)):
            stream.seek(start)
            return True
    return False


def _drop_pages(mapped: mmap.mmap) -> None:
    """Give back the memory of what was read: pages of the file that are used again are read again."""
    if hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
