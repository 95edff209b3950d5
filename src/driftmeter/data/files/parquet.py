"""Parquet files, one or many, and what the names of their folders say of the rows in them."""

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
    """Read one file, with what the names of its folders say, such as year=2024."""
    return _with_values(read_file(path, how), partition_of(path.parent.parts), {}, how)


def read_parquets(base: Path, files: Iterable[Path], how: How) -> pa.Table:
    """Read files below a folder as one table, with what the names of the folders between say."""
    parts = [(str(file.relative_to(base)), file) for file in files]
    values = {name: partition_of(Path(name).parent.parts) for name, _ in parts}
    known: dict[str, set[str | None]] = {}
    for found in values.values():
        for key, value in found.items():
            known.setdefault(key, set()).add(value)
    return joined(
        str(base), [(name, _with_values(read_file(file, how), values[name], known, how)) for name, file in parts]
    )


def read_file(path: Path, how: How) -> pa.Table:
    """Read a Parquet file; columns of types that Arrow cannot read are left out, and said.

    INT96 times, which Spark wrote for long, are read as microseconds: as nanoseconds, Arrow's default, those beyond the
    year 2262 become others without a word.
    """
    import pyarrow as pa
    from pyarrow import parquet

    with parquet.ParquetFile(path, coerce_int96_timestamp_unit="us") as file:
        try:
            return file.read()
        except pa.ArrowNotImplementedError:
            leaves = (file.schema.column(place).path for place in range(len(file.schema.names)))
            names = list(dict.fromkeys(leaf.split(".")[0] for leaf in leaves))
            read = {}
            for name in names:
                try:
                    read[name] = file.read(columns=[name]).column(0)
                except pa.ArrowNotImplementedError as error:
                    how.say(f"{path}: column {name!r} is left out, Arrow cannot read it: {error}")
            if not read:
                raise
            return pa.table(read)


def partition_of(folders: Iterable[str]) -> dict[str, str | None]:
    """Return what the names of folders say, as Hive and Spark name them.

    >>> partition_of(["data", "year=2024", "city=S%C3%A3o Paulo", "zone=__HIVE_DEFAULT_PARTITION__"])
    {'year': '2024', 'city': 'São Paulo', 'zone': None}
    """
    found: dict[str, str | None] = {}
    for folder in folders:
        key, equals, value = folder.partition("=")
        if key and equals:
            found[unquote(key)] = None if value == _NO_VALUE else unquote(value)
    return found


def _with_values(
    table: pa.Table, values: Mapping[str, str | None], known: Mapping[str, set[str | None]], how: How
) -> pa.Table:
    """Append columns of one value each: integers where all values of the folders are such, else text."""
    import pyarrow as pa

    for name, value in values.items():
        if name in table.column_names:  # some writers keep the column in the files as well
            continue
        all_values = known.get(name, {value})
        whole = name not in how.texts and all(each is None or _WHOLE.fullmatch(each) for each in all_values)
        kind = pa.int64() if whole and all_values != {None} else pa.large_string()
        cell = pa.scalar(value if value is None or kind != pa.int64() else int(value), kind)
        table = table.append_column(name, pa.repeat(cell, len(table)))
    return table
