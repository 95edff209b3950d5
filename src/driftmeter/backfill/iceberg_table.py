"""Iceberg tables, by `pyiceberg`: the data files of one snapshot, without the rows that it has deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftmeter.backfill.source import LakePart, LakeSource
from driftmeter.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import pyarrow as pa

_NUMBER = re.compile(r"\d+")


def iceberg_source(address: str, catalog: str | None, snapshot: int | None) -> LakeSource:
    """Open an Iceberg table, by default its newest snapshot.

    `address` is the table's name in a `catalog` of pyiceberg's configuration, or without one the table's folder or a
    metadata file. Raises InputError where there is none, MissingExtraError where pyiceberg is not installed.
    """
    try:
        from pyiceberg.catalog import load_catalog
        from pyiceberg.exceptions import NoSuchTableError
        from pyiceberg.table import StaticTable
    except ImportError as error:
        raise MissingExtraError(f"{address}: an Iceberg table needs: pip install 'driftmeter[lake]'") from error
    with ExitStack() as stack:  # the files are read without the catalog
        try:
            if catalog is None:
                table: Any = StaticTable.from_metadata(metadata_of(address))
            else:
                table = stack.enter_context(load_catalog(catalog)).load_table(address)
        except (NoSuchTableError, ValueError, KeyError, OSError) as error:
            expected = "an Iceberg table" if catalog is None else f"a table of the catalog {catalog!r}"
            raise InputError(address, expected, str(error)[:300] or type(error).__name__) from error
        chosen = table.current_snapshot() if snapshot is None else table.snapshot_by_id(snapshot)
        if chosen is None:
            got = "none" if snapshot is None else f"no snapshot {snapshot}"
            raise InputError(address, "an Iceberg table with rows", got)
        files = table.scan(snapshot_id=chosen.snapshot_id).plan_files()
        tasks = sorted(files, key=lambda task: str(task.file.file_path))
    names = tuple(table.schema().column_names)
    parts = tuple(
        LakePart(
            str(task.file.file_path),
            None if task.delete_files else int(task.file.record_count),
            partial(_of_task, table, chosen.snapshot_id, task),
        )
        for task in tasks
    )
    if not parts:
        raise InputError(address, "an Iceberg table with rows", "a snapshot without files")
    title = f"an Iceberg table, snapshot {chosen.snapshot_id}, {len(parts):,} files"
    identity = {"iceberg": str(table.metadata.table_uuid), "snapshot": chosen.snapshot_id}
    return LakeSource(title, names, parts, identity)


def metadata_of(address: str) -> str:
    """Return the newest metadata file of a table's folder; anything else as it is.

    The newest is the one that version-hint.text names, or else the one with the highest number.
    """
    folder = Path(address) / "metadata"
    if "://" in address or not folder.is_dir():
        return address
    hint = folder / "version-hint.text"
    if hint.is_file():
        said = hint.read_text().strip()
        for name in (f"v{said}.metadata.json", f"{said}.metadata.json", said):
            if (folder / name).is_file():
                return str(folder / name)
    files = [*folder.glob("*.metadata.json"), *folder.glob("*.metadata.json.gz")]
    if not files:
        raise InputError(address, "an Iceberg table", "a folder metadata without *.metadata.json")
    return str(max(files, key=lambda file: (_number(file.name), file.stat().st_mtime)))


def _number(name: str) -> int:
    found = _NUMBER.search(name)
    return int(found[0]) if found else -1


def _of_task(table: Any, snapshot: int, task: Any, columns: Sequence[str]) -> Iterator[pa.Table]:
    import pyarrow as pa
    from pyiceberg.io.pyarrow import ArrowScan

    scan = table.scan(snapshot_id=snapshot, selected_fields=tuple(columns))
    arrow = ArrowScan(table.metadata, table.io, scan.projection(), scan.row_filter, scan.case_sensitive)
    for batch in arrow.to_record_batches([task]):
        yield pa.Table.from_batches([batch])
