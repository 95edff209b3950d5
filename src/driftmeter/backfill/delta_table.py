"""Delta tables: the files of one version, by the log itself, or by `deltalake` where the log asks for more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftmeter.backfill.parquet_files import local_file, parquet_part
from driftmeter.backfill.source import BATCH, LakePart, LakeSource
from driftmeter.data.files.delta import current_files, typed
from driftmeter.data.files.how import How
from driftmeter.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import pyarrow as pa


def delta_source(address: str, version: int | None, texts: frozenset[str], say: Callable[[str], None]) -> LakeSource:
    """Open a Delta table, by default its newest version.

    A local table that needs no more than its log's own files is read without `deltalake`. Raises InputError on a table
    that cannot be read, MissingExtraError where it needs `deltalake` and that is not installed.
    """
    if "://" not in address and version is None:
        try:
            return _by_the_log(Path(address), texts, say)
        except InputError as refused:
            try:
                import deltalake  # noqa: F401 - it reads deletion vectors and column mapping
            except ImportError:
                raise InputError(
                    address, f"{refused.expected}; or pip install 'driftmeter[lake]'", refused.got
                ) from refused
    return _by_deltalake(address, version)


def _by_the_log(path: Path, texts: frozenset[str], say: Callable[[str], None]) -> LakeSource:
    version, schema, files = current_files(path)
    how = How(texts, say=say)
    parts, names = [], dict.fromkeys(schema)
    for name, (file, values) in files.items():

        def extended(table: pa.Table, values: Mapping[str, str | None] = values) -> pa.Table:
            return typed(table, values, schema, how)

        part, columns = parquet_part(str(file), partial(local_file, file), extended, say)
        parts.append(LakePart(name, part.rows, part.read))
        names |= dict.fromkeys((*columns, *values))
    if not parts:
        raise InputError(str(path), "rows", "a Delta table without a file")
    identity = {"delta": str(path.resolve()), "version": version}
    return LakeSource(f"a Delta table, version {version}, {len(parts):,} files", tuple(names), tuple(parts), identity)


def _by_deltalake(address: str, version: int | None) -> LakeSource:
    try:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError
    except ImportError as error:
        raise MissingExtraError(f"{address}: this Delta table needs: pip install 'driftmeter[lake]'") from error
    try:
        table = DeltaTable(address, version=version)
    except (DeltaError, OSError, ValueError) as error:
        raise InputError(address, "a Delta table", str(error)[:300]) from error
    names = tuple(field.name for field in table.schema().fields)
    title = f"a Delta table, version {table.version()}, by deltalake"
    try:
        fragments = sorted(table.to_pyarrow_dataset().get_fragments(), key=lambda one: str(one.path))
    except DeltaError:  # deletion vectors, column mapping: its own engine reads them, in no certain order
        rows = int(table.count())
        return LakeSource(title, names, (LakePart(address, rows, partial(_scanned, table)),), None)
    schema = table.to_pyarrow_dataset().schema
    parts = tuple(
        LakePart(str(one.path), int(one.count_rows()), partial(_of_fragment, one, schema)) for one in fragments
    )
    return LakeSource(title, names, parts, {"delta": address, "version": table.version()})


def _scanned(table: Any, columns: Sequence[str]) -> Iterator[pa.Table]:
    import pyarrow as pa

    reader = pa.RecordBatchReader.from_stream(table.scan(columns=list(columns)))
    for batch in reader:
        yield pa.Table.from_batches([batch])


def _of_fragment(fragment: Any, schema: pa.Schema, columns: Sequence[str]) -> Iterator[pa.Table]:
    import pyarrow as pa

    for batch in fragment.to_batches(
        schema=schema, columns=list(columns), batch_size=BATCH, batch_readahead=2, fragment_readahead=1
    ):
        yield pa.Table.from_batches([batch])
