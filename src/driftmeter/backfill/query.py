"""The rows of a query, by DuckDB on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from driftmeter.backfill.source import BATCH, LakePart, LakeSource
from driftmeter.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import pyarrow as pa

MEMORY = ":memory:"


def query_source(database: str, query: str) -> LakeSource:
    """Open a query on a DuckDB database, or on none, `:memory:`, where it reads files itself.

    The rows of a query may come in another order each time. Raises InputError where it fails, MissingExtraError where
    DuckDB is not installed.
    """
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtraError("--query needs: pip install 'driftmeter[lake]'") from error
    if database != MEMORY and not Path(database).is_file():
        raise InputError(database, f"a DuckDB database, or {MEMORY} for a query that reads files itself", "no file")
    query = query.strip().rstrip(";")
    try:
        connection = duckdb.connect(database, read_only=database != MEMORY)
        names = tuple(connection.sql(query).columns)
    except duckdb.Error as error:
        raise InputError("--query", "a query that DuckDB can run", str(error)[:400]) from error

    def read(columns: Sequence[str]) -> Iterator[pa.Table]:
        import pyarrow as pa

        chosen = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
        try:
            reader = connection.sql(f"SELECT {chosen} FROM ({query})").to_arrow_reader(BATCH)
            for batch in reader:
                yield pa.Table.from_batches([batch])
        except duckdb.Error as error:
            raise InputError("--query", "a query that DuckDB can run", str(error)[:400]) from error

    return LakeSource("a query by DuckDB", names, (LakePart("query", None, read),), None)
