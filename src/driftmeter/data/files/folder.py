"""Folders of files that are one table, and which of the files belong to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from driftmeter.data.files.delta import read_delta
from driftmeter.data.files.endings import ARROW, PARQUET
from driftmeter.data.files.how import How
from driftmeter.data.files.ipc import joined, read_ipc
from driftmeter.data.files.parquet import read_parquets
from driftmeter.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class FolderFiles:
    """The files of a folder that are one table: all Parquet, or all Arrow."""

    parquets: tuple[Path, ...] = ()
    arrows: tuple[Path, ...] = ()


def read_folder(path: Path, how: How) -> pa.Table:
    """Read a folder of Parquet or Arrow files, a Delta table, or a data set of Hugging Face's `save_to_disk`.

    Raises InputError as `files_of` does.
    """
    files = files_of(path)
    if files is None:
        return read_delta(path, how)
    if files.parquets:
        return read_parquets(path, files.parquets, how)
    return joined(str(path), [(str(file.relative_to(path)), read_ipc(file)) for file in files.arrows])


def files_of(path: Path) -> FolderFiles | None:
    """Return the files of a folder that are data, in order; None for a Delta table, whose log names them.

    Files and folders whose names start with . or _ are no data. Raises InputError where there are none, and on Iceberg
    and Hudi tables, since their files alone do not show which rows are current.
    """
    if (path / "_delta_log").is_dir():
        return None
    if any((path / "metadata").glob("*.metadata.json")):
        raise _refuse(path, "an Iceberg table", "pyiceberg: table.scan().to_arrow(), then pyarrow.parquet.write_table")
    if (path / ".hoodie").is_dir():
        raise _refuse(path, "a Hudi table", "Spark: spark.read.format('hudi').load(…).write.parquet(…)")
    if (path / "dataset_dict.json").is_file():
        splits = ", ".join(json.loads((path / "dataset_dict.json").read_text())["splits"])
        raise InputError(str(path), f"one of its splits ({splits}), as in {path}/train", "the folder of all")
    if (path / "state.json").is_file() and (path / "dataset_info.json").is_file():
        names = [part["filename"] for part in json.loads((path / "state.json").read_text())["_data_files"]]
        return FolderFiles(arrows=tuple(path / name for name in names))
    files = sorted(_files(path))
    parquets = [file for file in files if file.name.lower().endswith(PARQUET)]
    if not parquets:  # Hive and Impala write files without an ending
        parquets = [file for file in files if not file.suffix and _is_parquet(file)]
    if parquets:
        return FolderFiles(tuple(parquets))
    arrows = [file for file in files if file.name.lower().endswith(ARROW)]
    if arrows:
        return FolderFiles(arrows=tuple(arrows))
    got = ", ".join(str(file.relative_to(path)) for file in files[:3]) or "none"
    raise InputError(str(path), "a folder of Parquet or Arrow files (of CSV files, one that holds all rows)", got)


def _refuse(path: Path, what: str, export: str) -> InputError:
    return InputError(str(path), f"a table whose files all count; write one with {export}", what)


def _files(path: Path) -> Iterator[Path]:
    for entry in path.iterdir():
        # the folder of a column called _x is _x=1
        if entry.name.startswith((".", "_")) and not (entry.is_dir() and "=" in entry.name):
            continue
        if entry.is_dir():
            yield from _files(entry)
        else:
            yield entry


def _is_parquet(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(4) == b"PAR1"
