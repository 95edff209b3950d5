"""Arrow files, in the file format or the stream format: both have the ending .arrow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

FILE, FEATHER_V1 = b"ARROW1", b"FEA1"
"""The first bytes of a file in Arrow's file format, and in Feather version 1."""


def read_ipc(path: Path) -> pa.Table:
    """Read a file in Arrow's file or stream format, or in Feather version 1; several streams in a row are one table.

    polars' write_ipc_stream and Hugging Face datasets write the stream format under the same ending.
    """
    import pyarrow as pa
    from pyarrow import feather

    with path.open("rb") as file:
        magic = file.read(6)
    if magic.startswith(FEATHER_V1):
        return feather.read_table(path)
    with pa.memory_map(str(path)) as source:
        if magic == FILE:
            return pa.ipc.open_file(source).read_all()
        tables = [pa.ipc.open_stream(source).read_all()]
        while source.tell() < source.size():
            start = source.tell()
            if not any(source.read(1 << 20)):  # padding after the last stream
                continue
            source.seek(start)
            tables.append(pa.ipc.open_stream(source).read_all())
    return tables[0] if len(tables) == 1 else joined(str(path), [("one stream", table) for table in tables])


def joined(where: str, parts: list[tuple[str, pa.Table]]) -> pa.Table:
    """Join the (name, table) of several files; a column that a file lacks is missing in its rows.

    Raises InputError naming `where`, the column, and two files that have it in types that cannot be joined.
    """
    import pyarrow as pa

    from driftmeter.data.plain import plain_table
    from driftmeter.errors import InputError

    tables = [plain_table(table) for _, table in parts]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        names = dict.fromkeys(name for table in tables for name in table.column_names)
        for name in names:
            fields = [
                (file, table.schema.field(name))
                for (file, _), table in zip(parts, tables, strict=True)
                if name in table.column_names
            ]
            first_file, first = fields[0]
            for file, field in fields[1:]:
                try:
                    pa.unify_schemas([pa.schema([first]), pa.schema([field])], promote_options="permissive")
                except (pa.ArrowTypeError, pa.ArrowInvalid):
                    got = f"{first.type} in {first_file}, {field.type} in {file}"
                    raise InputError(f"{where}, column {name!r}", "one type in all files", got) from error
        raise
