"""Delta tables: the files that are current by the transaction log.

Source: the Delta transaction log protocol (delta-io/delta, PROTOCOL.md): reader versions 1 to 3, without deletion
vectors and column mapping. Tables that use these are refused, with the way to rewrite them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from driftmeter.data.files.how import How
from driftmeter.data.files.ipc import joined
from driftmeter.data.files.parquet import read_file
from driftmeter.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

_HARMLESS = frozenset(
    [
        *("timestampNtz", "vacuumProtocolCheck", "columnMapping", "deletionVectors", "typeWidening", "v2Checkpoint"),
        *("variantType", "variantType-preview", "variantShredding-preview"),
    ]
)
"""Reader features that change nothing for this reader, or that are refused where a table uses them."""
_EXPORT = "write its rows anew, as with Spark: spark.read.format('delta').load(…).write.parquet(…)"
_WHOLE = ("long", "integer", "short", "byte")


def read_delta(path: Path, how: How) -> pa.Table:
    """Read the newest version of a Delta table; raises InputError on features that this reader does not support."""
    _, schema, files = current_files(path)
    parts = [(name, typed(read_file(file, how), values, schema, how)) for name, (file, values) in files.items()]
    if not parts:
        raise InputError(str(path), "rows", "a Delta table without a file")
    return joined(str(path), parts)


def current_files(path: Path) -> tuple[int, Mapping[str, str], dict[str, tuple[Path, Mapping[str, str | None]]]]:
    """Return the newest version of a table, the types of its columns, and its files in the order of their names.

    Each file comes with the values of the columns that only the log has. Raises InputError as `read_delta` does.
    """
    version, schema, configuration, entries = _state(path)
    if configuration.get("delta.columnMapping.mode", "none") != "none":
        raise _without(path, "column mapping")
    files: dict[str, tuple[Path, Mapping[str, str | None]]] = {}
    for name, add in sorted(entries.items()):
        if add.get("deletionVector"):
            raise _without(path, "deletion vectors (rows deleted in files that stay)")
        file = path / unquote(name)
        if "://" in name or not file.resolve().is_relative_to(path.resolve()):
            raise _refuse(path, f"a file elsewhere ({name})", "the table's own files below its folder")
        if not file.is_file():
            raise _refuse(path, f"nothing at {unquote(name)}", "the files that its log names")
        files[unquote(name)] = file, add.get("partitionValues") or {}
    return version, schema, files


def _without(path: Path, what: str) -> InputError:
    return InputError(str(path), f"a Delta table without {what}; {_EXPORT}", "one with")


def _refuse(path: Path, got: str, expected: str) -> InputError:
    return InputError(f"{path} (a Delta table)", expected, got)


def _state(path: Path) -> tuple[int, Mapping[str, str], Mapping[str, str], dict[str, dict[str, Any]]]:
    """Return the version, the types of the columns, the configuration, and the files with their entries in the log."""
    schema: dict[str, str] = {}
    configuration: Mapping[str, str] = {}
    files: dict[str, dict[str, Any]] = {}
    newest, actions = _actions(path)
    for action in actions:
        if protocol := action.get("protocol"):
            unsupported = [name for name in protocol.get("readerFeatures") or [] if name not in _HARMLESS]
            if protocol.get("minReaderVersion", 1) > 3 or unsupported:
                raise _without(path, ", ".join(unsupported) or "a newer protocol")
        elif metadata := action.get("metaData"):
            fields = json.loads(metadata.get("schemaString") or '{"fields": []}')["fields"]
            schema = {field["name"]: field["type"] for field in fields if isinstance(field["type"], str)}
            configuration = dict(metadata.get("configuration") or {})
        elif add := action.get("add"):
            files[add["path"]] = {**add, "partitionValues": dict(add.get("partitionValues") or {})}
        elif remove := action.get("remove"):
            files.pop(remove["path"], None)
    return newest, schema, configuration, files


def _actions(path: Path) -> tuple[int, Iterator[dict[str, Any]]]:
    """Return the newest version, and the actions of the last checkpoint and of all commits after it, in order."""
    log = path / "_delta_log"
    commits = {int(file.stem): file for file in log.glob("*.json") if re.fullmatch(r"\d{20}", file.stem)}
    checkpoints = _checkpoints(log)
    last = max(checkpoints, default=-1)
    newest = max(commits, default=last)
    missing = [version for version in range(last + 1, newest + 1) if version not in commits]
    if newest < 0 or missing:
        raise _refuse(path, f"no version {missing[0] if missing else 0}", "a whole log in _delta_log")

    def actions() -> Iterator[dict[str, Any]]:
        if last >= 0:
            yield from _of_checkpoint(path, checkpoints[last])
        for version in range(last + 1, newest + 1):
            for line in commits[version].read_text(encoding="utf-8").splitlines():
                if line.strip():
                    yield json.loads(line)

    return newest, actions()


def _checkpoints(log: Path) -> dict[int, list[Path]]:
    """Return the files of each complete checkpoint by its version."""
    checkpoints: dict[int, list[Path]] = {}
    for file in sorted(log.glob("*.checkpoint*.parquet")):
        # checkpoints of version 2 have other names; they are skipped, since the commits before may still exist
        if named := re.fullmatch(r"(\d{20})\.checkpoint(?:\.\d{10}\.(\d{10}))?\.parquet", file.name):
            checkpoints.setdefault(int(named[1]), []).append(file)
    return {version: files for version, files in checkpoints.items() if len(files) == _parts(files[-1])}


def _parts(file: Path) -> int:
    return int(file.name.split(".")[3]) if file.name.count(".") > 2 else 1


def _of_checkpoint(path: Path, files: list[Path]) -> Iterator[dict[str, Any]]:
    from pyarrow import parquet

    for file in files:
        table = parquet.read_table(file, partitioning=None)
        if "sidecar" in table.column_names and table["sidecar"].null_count < len(table):
            raise _without(path, "a checkpoint with sidecars")
        chosen = [name for name in ("protocol", "metaData", "add", "remove") if name in table.column_names]
        for row in table.select(chosen).to_pylist():
            # a checkpoint still lists files that were removed
            yield {name: value for name, value in row.items() if value is not None and name != "remove"}


def typed(table: pa.Table, values: Mapping[str, str | None], schema: Mapping[str, str], how: How) -> pa.Table:
    """Append the columns that only the log has, in the types of the table's schema."""
    import pyarrow as pa

    for name, text in values.items():
        if name in table.column_names:
            continue
        kind = schema.get(name, "string")
        arrow = {"date": pa.date32(), "boolean": pa.bool_(), "double": pa.float64(), "float": pa.float32()}
        to = pa.int64() if kind in _WHOLE else pa.float64() if kind.startswith("decimal") else arrow.get(kind)
        to = to or (pa.timestamp("us", "UTC") if kind == "timestamp" else pa.large_string())
        if name in how.texts:
            to = pa.large_string()
        cell = pa.scalar(text or None, pa.string())
        column = pa.repeat(cell.cast(pa.timestamp("us")) if pa.types.is_timestamp(to) else cell, len(table))
        table = table.append_column(name, column.cast(to))
    return table
