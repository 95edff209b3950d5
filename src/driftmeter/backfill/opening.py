"""Opening a source: what lies at an address, and which reader it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from driftmeter.backfill.delta_table import delta_source
from driftmeter.backfill.iceberg_table import iceberg_source
from driftmeter.backfill.parquet_files import LakeFile, identity_of, local_file, parquet_source
from driftmeter.backfill.query import query_source
from driftmeter.backfill.source import LakePart, LakeSource
from driftmeter.data.files.endings import PARQUET
from driftmeter.data.files.folder import files_of
from driftmeter.data.files.for_profile import read_data_batches
from driftmeter.data.files.how import silent
from driftmeter.data.files.parquet import partition_of
from driftmeter.errors import InputError
from driftmeter.logs.columns import LogColumns
from driftmeter.logs.read import AS_RECOGNISED, AUTO, TABLE, LogOptions, open_log
from driftmeter.logs.sources import LogFile, files_of_source, is_local, is_pattern
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.profile import Profile

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class LakeOptions:
    """What a user may say of a source.

    `catalog` is that of an Iceberg table; `iceberg` says that it is one. `version` is that of a Delta table, `snapshot`
    that of an Iceberg table. `query` is run by DuckDB. `times` are the columns that are read beside the profile's,
    `formatted` those of them that stay text.
    """

    catalog: str | None = None
    iceberg: bool = False
    version: int | None = None
    snapshot: int | None = None
    query: str | None = None
    encoding: str | None = None
    zone: str | None = None
    times: Sequence[str] = ()
    formatted: Sequence[str] = ()
    log: LogOptions = field(default=AS_RECOGNISED)


def open_lake(address: str, profile: Profile, options: LakeOptions, say: Callable[[str], None] = silent) -> LakeSource:
    """Open a file, a folder, a pattern, a URL, a table of a lake, a query or a log, to read a profile's columns of it.

    Raises InputError where there is nothing to read, MissingExtraError where a package is missing.
    """
    texts = frozenset(
        feature.column
        for feature in profile.features
        if isinstance(feature.grid, CategoryGrid) and (feature.grid.dtype == "string" or feature.part is not None)
    ) | {*options.formatted}
    if options.query is not None:
        return query_source(address, options.query)
    path = Path(address)
    if options.iceberg or options.catalog is not None or _is_iceberg(address):
        return iceberg_source(address, options.catalog, options.snapshot)
    if options.version is not None or (path / "_delta_log").is_dir() or _is_remote_delta(address):
        return delta_source(address, options.version, texts, say)
    files = _parquets(address) if options.log.form in (AUTO, TABLE) else []
    if files:
        return parquet_source(f"Parquet, {len(files):,} file{'s' if len(files) > 1 else ''}", files, texts, say)
    return _other(address, profile, options, say)


def _is_iceberg(address: str) -> bool:
    return address.endswith((".metadata.json", ".metadata.json.gz")) or any(
        (Path(address) / "metadata").glob("*.metadata.json*")
    )


def _is_remote_delta(address: str) -> bool:
    """Say whether a URL is that of a Delta table, if `deltalake` is there to say so."""
    if is_local(address) or is_pattern(address) or address.lower().endswith(PARQUET):
        return False
    try:
        from deltalake import DeltaTable
    except ImportError:
        return False
    return bool(DeltaTable.is_deltatable(address))


def _parquets(address: str) -> list[LakeFile]:
    """Return the Parquet files of an address, none where it has others; folders of the address itself count."""
    path = Path(address)
    if is_local(address) and path.is_dir():
        try:
            found = files_of(path)
        except InputError:
            return []  # a folder of logs, or of nothing: whoever reads it says so
        files = [] if found is None else found.parquets
        return [_local(file, file.relative_to(path).parent.parts) for file in files]
    if path.is_file():
        return [_local(path, path.parent.parts)] if path.name.lower().endswith(PARQUET) else []
    if is_local(address) and not is_pattern(address):
        return []
    listed = files_of_source(address)
    chosen = [file for file in listed if file.relative.lower().endswith(PARQUET)]
    return [_of_log_file(file) for file in sorted(chosen, key=lambda file: file.address)]


def _local(file: Path, folders: Iterable[str]) -> LakeFile:
    about = file.stat()
    stamp = (about.st_size, about.st_mtime)
    return LakeFile(str(file), stamp, partial(local_file, file), partition_of(folders))


def _of_log_file(file: LogFile) -> LakeFile:
    stamp = (file.size, file.modified or 0.0)
    return LakeFile(file.address, stamp, file.raw, partition_of(file.address.split("/")[:-1]))


def _other(address: str, profile: Profile, options: LakeOptions, say: Callable[[str], None]) -> LakeSource:
    """Open a log, or a file or folder in another format: read from its start each time."""
    columns = LogColumns.of(
        profile,
        options.log.order,
        time=True,
        zone=options.zone,
        also=options.times,
        as_text=options.formatted,
        label=options.log.label,
    )
    log = open_log(address, columns, options.log, say=say)
    sources = [address] if options.log.truth is None else [address, options.log.truth]
    files = [file for source in sources for file in files_of_source(source)]
    identity = identity_of([(file.address, file.size, file.modified) for file in files])
    if log is not None:
        part = LakePart(address, None, partial(_all, log.tables))
        return LakeSource(log.form.title, tuple(log.names), (part,), identity, log.time)
    batches = read_data_batches(
        address, profile, also=options.times, as_text=options.formatted, encoding=options.encoding, say=say
    )
    part = LakePart(address, None, partial(_all, batches.tables))
    return LakeSource("a table", batches.names, (part,), identity)


def _all(tables: Iterable[pa.Table], columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield tables that hold the profile's columns already; they can be read once."""
    for table in tables:
        yield table.select([name for name in columns if name in table.column_names])
