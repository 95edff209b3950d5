"""Parquet files, one or many, with the columns that the names of their folders stand for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from driftmeter.data.files.how import How
from driftmeter.data.files.ipc import joined

if TYPE_CHECKING:
    import pyarrow as pa

_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


def read_parquet(path: Path, how: How) -> pa.Table:
    """Read one file, with columns from the names of its folders, such as year=2024."""
    return with_values(read_file(path, how), partition_of(path.parent.parts), {}, how)


def read_parquets(base: Path, files: Iterable[Path], how: How) -> pa.Table:
    """Read files below a folder as one table, with columns from the names of the folders between."""
    parts = [(str(file.relative_to(base)), file) for file in files]
    values = {name: partition_of(Path(name).parent.parts) for name, _ in parts}
    all_values: dict[str, set[str | None]] = {}
    for partition in values.values():
        for key, value in partition.items():
            all_values.setdefault(key, set()).add(value)
    return joined(
        str(base), [(name, with_values(read_file(file, how), values[name], all_values, how)) for name, file in parts]
    )


def read_file(path: Path, how: How) -> pa.Table:
    """Read a Parquet file; a column of a type that Arrow cannot read is left out, with a note.

    INT96 times, which Spark wrote for years, are read as microseconds. As nanoseconds, the default of Arrow, times
    after the year 2262 would silently become other times.
    """
    import pyarrow as pa
    from pyarrow import parquet

    with parquet.ParquetFile(path, coerce_int96_timestamp_unit="us") as file:
        try:
            return file.read()
        except pa.ArrowNotImplementedError:
            leaves = (file.schema.column(index).path for index in range(len(file.schema.names)))
            names = list(dict.fromkeys(leaf.split(".")[0] for leaf in leaves))
            readable = {}
            for name in names:
                try:
                    readable[name] = file.read(columns=[name]).column(0)
                except pa.ArrowNotImplementedError as error:
                    how.say(f"{path}: column {name!r} is left out, Arrow cannot read it: {error}")
            if not readable:
                raise
            return pa.table(readable)


def partition_of(folders: Iterable[str]) -> dict[str, str | None]:
    """Return the columns and values that the names of folders stand for, as Hive and Spark write them.

    >>> partition_of(["data", "year=2024", "city=S%C3%A3o Paulo", "zone=__HIVE_DEFAULT_PARTITION__"])
    {'year': '2024', 'city': 'São Paulo', 'zone': None}
    """
    values: dict[str, str | None] = {}
    for folder in folders:
        key, equals, value = folder.partition("=")
        if key and equals:
            values[unquote(key)] = None if value == _NO_VALUE else unquote(value)
    return values


def with_values(
    table: pa.Table, values: Mapping[str, str | None], all_values: Mapping[str, set[str | None]], how: How
) -> pa.Table:
    """Append columns of one value each: integers where the values of all folders are integers, else text."""
    import pyarrow as pa

    for name, value in values.items():
        if name in table.column_names:  # some writers keep the column in the files as well
            continue
        texts = all_values.get(name, {value})
        whole = name not in how.texts and all(text is None or _WHOLE.fullmatch(text) for text in texts)
        kind = pa.int64() if whole and texts != {None} else pa.large_string()
        cell = pa.scalar(value if value is None or kind != pa.int64() else int(value), kind)
        table = table.append_column(name, pa.repeat(cell, len(table)))
    return table
