"""Columns of data frames: a pandas, polars or pyarrow frame as arrays and dictionaries, which `Reader` reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from driftmeter.data import arrow_columns
from driftmeter.errors import InputError
from driftmeter.profile.names import texts_of
from driftmeter.types import Codes

if TYPE_CHECKING:
    import narwhals as nw
    import pyarrow as pa

EXACT = 2**53
"""Above this, float64 does not hold every integer: such integers stay as they are, since they may be identifiers."""


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
        """Code any values; 1, 1.0, True and "1" stay four different values.

        >>> Dictionary.encode([1, None, "1", 1])
        Dictionary(indices=array([ 0, -1,  1,  0]), values=(1, '1'))
        """
        table: dict[tuple[type, object], int] = {}
        distinct: list[object] = []
        indices: list[int] = []
        for value in values:
            if value is None:
                indices.append(-1)
                continue
            try:
                # two date-times may be equal and yet show different hours
                key = value.isoformat() if isinstance(value, dt.datetime) else value
                index = table.setdefault((type(value), key), len(distinct))
            except TypeError:  # not hashable, hence no category: `Reader` reports it
                index = len(distinct)
            if index == len(distinct):
                distinct.append(value)
            indices.append(index)
        return cls(np.array(indices, dtype=np.intp), tuple(distinct))


Column = np.ndarray[Any, np.dtype[Any]] | Dictionary | list[Any]
"""One column: numbers or booleans as an array (NaN is missing), a dictionary, or plain values (None is missing)."""


def as_frame(frame: Any) -> nw.DataFrame[Any]:
    """Wrap a pandas, polars or pyarrow frame; collect a lazy one.

    Arrow's columns become plain types, column names that are whole numbers become text. Raises InputError where two
    columns have the same name or a name is neither text nor a whole number, TypeError where `frame` is no frame.
    """
    # only here and in `column_of`: a model server, whose rows are dicts, shall not load it
    import narwhals as nw
    from narwhals.exceptions import DuplicateError

    try:
        wrapped = nw.from_native(frame)
        data = wrapped.collect() if isinstance(wrapped, nw.LazyFrame) else wrapped
        data.columns  # noqa: B018 - some backends check the names only here
        native = data.to_native()
        if nw.dependencies.is_pandas_like_dataframe(native) and any(type(name) is not str for name in native.columns):
            data = nw.from_native(native.set_axis(texts_of(native.columns), axis=1), eager_only=True)
            data.columns  # noqa: B018 - 0 and "0" are one name now
    except DuplicateError as error:
        got = str(error).rpartition("- ")[2]
        raise InputError("columns", "one column of each name", f"{got}: rename or drop the others") from error
    if data.implementation.is_pyarrow():
        from driftmeter.data.plain import plain_table

        plain: nw.DataFrame[Any] = nw.from_native(plain_table(data.to_native()))
        return plain
    return data


def column_of(series: nw.Series[Any]) -> Column:
    """Return a series as an array where it holds numbers, as a list where it holds times, else as a dictionary."""
    import narwhals as nw

    if series.implementation.is_pyarrow() and (column := _column_of_arrow(series.to_native())) is not None:
        return column
    dtype = series.dtype
    missing = series.null_count() > 0
    if isinstance(dtype, nw.Int128 | nw.UInt128):  # numpy has no such type
        return Dictionary.encode(_values(series))
    if dtype.is_integer():
        if not missing and (whole := np.asarray(series.to_numpy())).dtype.kind in "iu":
            return whole
        if missing and max(abs(int(series.min() or 0)), abs(int(series.max() or 0))) > EXACT:
            return Dictionary.encode(_values(series))
    if dtype.is_numeric():
        single = dtype == nw.Float32
        cast = series.cast(nw.Float32 if single else nw.Float64)
        return np.asarray(cast.to_numpy(), dtype=np.float32 if single else np.float64)
    if isinstance(dtype, nw.Datetime | nw.Date):
        return list(_values(series))
    return Dictionary.encode(_values(series))


def _column_of_arrow(column: pa.ChunkedArray) -> Column | None:
    """Return an Arrow column of numbers, texts or booleans as `column_of` does, else None."""
    if (coded := arrow_columns.coded_of(column)) is not None:
        return Dictionary(coded[0], tuple(coded[1]))
    if not arrow_columns.are_numbers(column.type):
        return None
    numbers, present = arrow_columns.numbers_of(column)
    if not column.null_count:
        return numbers
    if numbers.dtype.kind in "iu":
        given = numbers[present]
        if len(given) and max(abs(int(given.min())), abs(int(given.max()))) > EXACT:
            return None
        numbers = numbers.astype(np.float64)
    return np.where(present, numbers, numbers.dtype.type(np.nan))


class Source:
    """A series and its column, which is made once, and only where it is asked for."""

    def __init__(self, series: nw.Series[Any]) -> None:
        """Take a series of a frame that `as_frame` returned."""
        self.series = series

    @cached_property
    def column(self) -> Column:
        """The values of the series."""
        return column_of(self.series)


def columns_of(frame: nw.DataFrame[Any], names: Iterable[str]) -> dict[str, Column]:
    """Return the named columns, without those that the frame does not have."""
    present = set(frame.columns)
    return {name: column_of(frame[name]) for name in names if name in present}


def _values(series: nw.Series[Any]) -> Iterator[object]:
    """Yield the values of a series; None for NaN and for whatever its library calls missing."""
    missing = series.is_null().to_list()
    for value, absent in zip(series.to_list(), missing, strict=True):
        yield None if absent or (isinstance(value, float) and value != value) else value
