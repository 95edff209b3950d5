"""Columns of data frames: from a file or a pandas, polars or pyarrow frame to arrays that `rows` reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from driftmeter.errors import InputError, MissingExtraError
from driftmeter.types import Codes

if TYPE_CHECKING:
    import pyarrow as pa

_SUFFIXES = (".parquet", ".csv", ".csv.gz", ".tsv", ".arrow", ".feather")


@dataclass(frozen=True)
class Dictionary:
    """A column coded as indices, shape (rows,), into distinct values; index -1 is missing."""

    indices: Codes
    values: tuple[object, ...]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.indices)

    @classmethod
    def encode(cls, values: Iterable[object]) -> Dictionary:
        """Code any values; 1, 1.0, True and "1" stay four different values."""
        table: dict[tuple[type, object], int] = {}
        indices = np.fromiter(
            (-1 if value is None else table.setdefault((type(value), value), len(table)) for value in values),
            dtype=np.intp,
        )
        return cls(indices, tuple(value for _, value in table))


Column = np.ndarray[Any, np.dtype[Any]] | Dictionary | list[Any]
"""One column: numbers or booleans as an array (NaN is missing), a dictionary, or plain values (None is missing)."""


def as_frame(frame: Any) -> nw.DataFrame[Any]:
    """Wrap a pandas, polars or pyarrow frame; collect a lazy one. Raises TypeError on anything else."""
    wrapped = nw.from_native(frame)
    return wrapped.collect() if isinstance(wrapped, nw.LazyFrame) else wrapped


def column_of(series: nw.Series[Any]) -> Column:
    """Return a series as an array where it holds numbers or whole booleans, else as a dictionary."""
    dtype = series.dtype
    if dtype.is_numeric():
        single = dtype == nw.Float32
        cast = series.cast(nw.Float32 if single else nw.Float64)
        return np.asarray(cast.to_numpy(), dtype=np.float32 if single else np.float64)
    if isinstance(dtype, nw.Datetime | nw.Date):
        return list(series.to_list())
    return Dictionary.encode(_without_nan(series.to_list()))


def columns_of(frame: nw.DataFrame[Any], names: Iterable[str]) -> dict[str, Column]:
    """Return those columns that the frame has."""
    present = set(frame.columns)
    return {name: column_of(frame[name]) for name in names if name in present}


def _without_nan(values: Iterable[object]) -> Iterator[object]:
    for value in values:
        yield None if isinstance(value, float) and value != value else value


def read_table(path: str | Path) -> pa.Table:
    """Read a CSV, TSV, Parquet or Arrow file, told by its ending; empty CSV cells are missing.

    Raises InputError naming the file where it cannot be read.
    """
    try:
        import pyarrow as pa
        from pyarrow import csv, feather, parquet
    except ImportError as error:
        raise MissingExtraError("reading files needs pyarrow: pip install 'driftmeter[cli]'") from error
    path = Path(path)
    name = path.name.lower()
    if not name.endswith(_SUFFIXES):
        raise InputError(str(path), f"a file ending in {', '.join(_SUFFIXES)}", repr(path.suffix))
    try:
        if name.endswith(".parquet"):
            return parquet.read_table(path)
        if name.endswith((".arrow", ".feather")):
            return feather.read_table(path)
        parse = csv.ParseOptions(delimiter="\t" if name.endswith(".tsv") else ",")
        return csv.read_csv(path, parse_options=parse, convert_options=csv.ConvertOptions(strings_can_be_null=True))
    except FileNotFoundError as error:
        raise InputError(str(path), "a file", "nothing there") from error
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise InputError(str(path), f"a readable {path.suffix} file", str(error)) from error
