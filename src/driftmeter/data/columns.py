"""Columns of data frames: from a pandas, polars or pyarrow frame to arrays that `rows` reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from narwhals.exceptions import DuplicateError

from driftmeter.errors import InputError
from driftmeter.profile.names import texts_of
from driftmeter.types import Codes

EXACT = 2**53
"""Larger integers than this are not all float64, and may be somebody's identifiers."""


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
        distinct: list[object] = []
        indices: list[int] = []
        for value in values:
            if value is None:
                indices.append(-1)
                continue
            try:
                # equal moments may be written with other hours
                key = value.isoformat() if isinstance(value, dt.datetime) else value
                index = table.setdefault((type(value), key), len(distinct))
            except TypeError:  # not hashable: no category, but that is for the reader to say
                index = len(distinct)
            if index == len(distinct):
                distinct.append(value)
            indices.append(index)
        return cls(np.array(indices, dtype=np.intp), tuple(distinct))


Column = np.ndarray[Any, np.dtype[Any]] | Dictionary | list[Any]
"""One column: numbers or booleans as an array (NaN is missing), a dictionary, or plain values (None is missing)."""


def as_frame(frame: Any) -> nw.DataFrame[Any]:
    """Wrap a pandas, polars or pyarrow frame; collect a lazy one.

    Arrow's columns come in plain types. Whole numbers are names as good as text, which they become. Raises InputError
    where two columns have one name or one has a name of another type, TypeError on what is no frame.
    """
    try:
        wrapped = nw.from_native(frame)
        data = wrapped.collect() if isinstance(wrapped, nw.LazyFrame) else wrapped
        data.columns  # noqa: B018 - some backends look at the names only now
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
    """Return a series as an array where it holds numbers, as a list where times, else as a dictionary."""
    dtype = series.dtype
    missing = series.null_count() > 0
    if isinstance(dtype, nw.Int128 | nw.UInt128):  # numpy has none
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


def columns_of(frame: nw.DataFrame[Any], names: Iterable[str]) -> dict[str, Column]:
    """Return those columns that the frame has."""
    present = set(frame.columns)
    return {name: column_of(frame[name]) for name in names if name in present}


def _values(series: nw.Series[Any]) -> Iterator[object]:
    """Yield a series' values, None for whatever its library calls missing, and for NaN."""
    missing = series.is_null().to_list()
    for value, absent in zip(series.to_list(), missing, strict=True):
        yield None if absent or (isinstance(value, float) and value != value) else value
