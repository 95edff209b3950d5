"""Parquet files as panes: Spark hands out the files, and Arrow reads them on the executors.

Spark's own reader makes a row of each value and a batch of Arrow of the rows: three quarters of the whole cost. It also
cannot open files with times in nanoseconds, or with numbers of 16 bits.
"""

from __future__ import annotations

import pickle
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset

from driftmeter.errors import InputError
from driftmeter.integrations.blocks import Recipe
from driftmeter.integrations.spark.panes import BLOCKS, SparkPanes, summed
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.types import Milliseconds

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

PART = 1 << 27
"""Bytes of a file, about, that one task reads: larger files are cut between row groups."""
_AT_ONCE = 1 << 15
_TIMING = Timing()
_TYPES = {
    "bool": "boolean", "int8": "tinyint", "int16": "smallint", "int32": "int", "int64": "bigint", "float": "float",
    "double": "double", "string": "string", "large_string": "string", "binary": "binary", "date32[day]": "date",
    "uint8": "smallint", "uint16": "int", "uint32": "bigint", "uint64": "decimal(20,0)",
}  # fmt: skip
"""Arrow's types as Spark reads them from Parquet; times and decimals aside."""


def parquet_panes(
    spark: SparkSession,
    path: str,
    profile: Profile,
    *,
    time: str | None = None,
    pane: Milliseconds = _TIMING.pane,
    filesystem: Any = None,
) -> SparkPanes:
    """Count Parquet files, or a folder of them with Hive's partitions, by a profile; the driver only lists them.

    `path` is one for Arrow: of this host and the executors alike, or a URI such as s3://…, gs://… or hdfs://…, for
    which each executor has its credentials as Arrow looks for them; or any, with a `filesystem` of Arrow or fsspec,
    which goes to the executors. Where these have no access but Spark has, use `panes(spark.read.parquet(path), …)`. For
    `time` and `pane` see `panes`. Raises InputError where there are no files, or no column of times.
    """
    recipe = Recipe.of(profile, time, pane)
    files = pa.dataset.dataset(path, format="parquet", partitioning="hive", filesystem=filesystem)
    if recipe.time not in files.schema.names:
        raise InputError("time", f"a column {recipe.time!r}", f"the columns {', '.join(files.schema.names)}"[:300])
    parts = [(pickle.dumps(file), index, number) for file in files.get_fragments() for index, number in _cut(file)]
    if not parts:
        raise InputError("path", "a folder with Parquet files", path)
    columns = {recipe.time, *(feature.column for feature in profile.features)}
    wanted = [name for name in files.schema.names if name in columns]
    tasks = spark.range(0, len(parts), 1, len(parts))
    blocks = tasks.mapInArrow(_CountFiles(recipe, parts, files.schema, wanted), BLOCKS)
    return SparkPanes(summed(blocks), profile, Timing(pane))


def _cut(file: Any) -> Iterator[tuple[int, int]]:
    """Yield the parts of a file, each as its index and the number of parts."""
    size = file.filesystem.get_file_info(file.path).size or 0
    number = max(1, -(-size // PART))
    for index in range(number):
        yield index, number


class _CountFiles:
    """Reads and counts, on an executor, the parts of files that it is given the numbers of."""

    def __init__(
        self, recipe: Recipe, parts: list[tuple[bytes, int, int]], schema: pa.Schema, columns: list[str]
    ) -> None:
        self._recipe, self._parts, self._schema, self._columns = recipe, parts, schema, columns

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        counter = self._recipe.counter()
        for batch in batches:
            for task in batch.column(0).to_pylist():
                for rows in self._rows(*self._parts[task]):
                    counter.add(rows)
                    if counter.is_full:
                        yield from counter.take()
        yield from counter.take()

    def _rows(self, pickled: bytes, index: int, number: int) -> Iterator[pa.RecordBatch]:
        file = pickle.loads(pickled)
        groups = list(range(file.num_row_groups))[index::number]
        if groups:
            # a whole row group in memory takes twice the time of its pages one by one, but for the way to another host
            how = pa.dataset.ParquetFragmentScanOptions(pre_buffer=file.filesystem.type_name != "local")
            yield from file.subset(row_group_ids=groups).to_batches(
                self._schema,
                columns=self._columns,
                batch_size=_AT_ONCE,
                batch_readahead=1,
                use_threads=False,
                fragment_scan_options=how,
            )


def schema_of(profile: Profile, files: pa.Schema, *, others: Collection[str] = ()) -> StructType:
    """Return the schema by which Spark reads a profile's columns, and its time, from Parquet files of another schema.

    `files` is that of the files, as `pyarrow.parquet.read_schema` returns it; `others` are further columns to read.
    With it Spark opens files whose other columns it cannot read: times in nanoseconds and numbers of 16 bits. Raises
    InputError where one of the wanted columns is such a one: `parquet_panes` reads them.
    """
    from pyspark.sql.types import StructType

    wanted = {*others, *(feature.column for feature in profile.features)} | ({profile.time} if profile.time else set())
    schema = StructType()
    for field in files:
        if field.name in wanted:
            schema = schema.add(field.name, _type_of(field.name, field.type))
    return schema


def _type_of(name: str, kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        return _type_of(name, kind.value_type)
    if pa.types.is_timestamp(kind) and kind.unit in ("ms", "us"):
        return "timestamp" if kind.tz else "timestamp_ntz"
    if pa.types.is_decimal128(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if str(kind) not in _TYPES:
        raise InputError(f"column {name!r}", "a type that Spark reads: parquet_panes reads all", str(kind))
    return _TYPES[str(kind)]
