"""Arrow files: in the file form or the stream form, which both go by the name of .arrow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_FILE, _FEATHER_V1 = b"ARROW1", b"FEA1"


def read_ipc(path: Path) -> pa.Table:
    """Read a file in Arrow's file or stream form, or in Feather's first; streams end to end are one table.

    polars' write_ipc_stream and Hugging Face datasets write the stream form under the same ending.
    """
    import pyarrow as pa
    from pyarrow import feather

    with path.open("rb") as file:
        magic = file.read(6)
    if magic.startswith(_FEATHER_V1):
        return feather.read_table(path)
    with pa.memory_map(str(path)) as source:
        if magic == _FILE:
            return pa.ipc.open_file(source).read_all()
        tables = [pa.ipc.open_stream(source).read_all()]
        while source.tell() < source.size():
            start = source.tell()
            if not any(source.read(1 << 20)):  # padding behind the end
                continue
            source.seek(start)
            tables.append(pa.ipc.open_stream(source).read_all())
    return tables[0] if len(tables) == 1 else joined(str(path), [("one stream", table) for table in tables])


def joined(where: str, parts: list[tuple[str, pa.Table]]) -> pa.Table:
    """Put the tables of several files together; a column that a file lacks is missing there.

    Raises InputError naming `where`, the column and the files whose types for it do not go together.
    """
    import pyarrow as pa

    from driftmeter.data.plain import plain_table
    from driftmeter.errors import InputError

    tables = [plain_table(table) for _, table in parts]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        names = dict.fromkeys(name for table in tables for name in table.column_names)
        for name in names:
            having = [
                (file, table) for (file, _), table in zip(parts, tables, strict=True) if name in table.column_names
            ]
            file, first = having[0]
            for other, table in having[1:]:
                try:
                    pa.unify_schemas(
                        [first.select([name]).schema, table.select([name]).schema], promote_options="permissive"
                    )
                except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
                    got = f"{first.schema.field(name).type} in {file}, {table.schema.field(name).type} in {other}"
                    raise InputError(f"{where}, column {name!r}", "one type in all files", got) from error
        raise
