"""Frames as columns, for `observe_many`: pandas, polars and Arrow, where no row need be made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from driftmeter.client.event_time import read_event_time
from driftmeter.client.live import LiveCounter
from driftmeter.client.records import items_per_row
from driftmeter.data.arrow_columns import are_numbers, numbers_of
from driftmeter.data.columns import Column, Dictionary
from driftmeter.errors import InputError
from driftmeter.timestamps import LATEST
from driftmeter.types import Floats

AT_ONCE = 1_000
"""Rows that are counted before other threads get their turn."""
_PLAIN = frozenset([float, int, bool, str])


@dataclass(frozen=True)
class ColumnFrame:
    """A frame of `rows` rows with different texts as `names`; `take(start, stop)` returns some of them as columns."""

    names: tuple[str, ...]
    rows: int
    take: Callable[[int, int], dict[str, Column]]


def as_columns(data: Any) -> ColumnFrame | None:
    """Wrap a frame of pandas, polars or pyarrow; return None for all else, and for frames with odd names or none.

    A value in a column means what it means in the frame's rows.
    """
    kind = type(data)
    library = kind.__module__.partition(".")[0]
    if not hasattr(kind, "columns"):
        return None
    names: tuple[str, ...]
    if library == "pandas" and hasattr(kind, "iloc"):
        names, rows = tuple(data.columns.tolist()), len(data)
        take = _of_pandas(data, names)
    elif library == "polars" and hasattr(kind, "get_columns"):
        names, rows, take = tuple(data.columns), data.height, _of_polars(data)
    elif library == "pyarrow" and hasattr(kind, "to_struct_array"):
        names, rows, take = tuple(data.schema.names), data.num_rows, _of_arrow(data)
    else:
        return None
    is_plain = all(type(name) is str for name in names) and len(set(names)) == len(names)
    return ColumnFrame(names, rows, take) if names and is_plain else None


def count_frame(
    live: LiveCounter, frame: ColumnFrame, predictions: Any, timestamp: Any, collect: Callable[[], None]
) -> tuple[int, Any, Any]:
    """Count rows of a frame, from the first on; `collect` takes what was counted, which may be due.

    Returns how many were counted, and the predictions and times of all rows in a form that can be read again. The rest
    of the rows has to be observed one by one.
    """
    answers: Any = None
    if predictions is not None:
        answers, predictions = predictions_of(predictions, frame.rows, live.single)
        if answers is None:
            return 0, predictions, timestamp
    times, timestamp = times_of(timestamp, frame.rows)
    done = 0
    while times is not None and done < frame.rows:
        end = min(done + AT_ONCE, frame.rows)
        try:
            rows = live.type_columns(frame.take(done, end), None if answers is None else answers[done:end])
        except Exception:  # one by one, only the rows at fault are lost
            break
        first = done
        while done < end:
            counted = live.count_rows(rows, times[first:end], done - first)
            done += counted
            if done < end:
                collect()
                if not counted:
                    return done, predictions, timestamp
    return done, predictions, timestamp


def _is_plain_array(array: object) -> bool:
    return type(array) is np.ndarray and array.ndim == 1 and array.dtype.kind in "fiub" and array.itemsize <= 8


def _of_pandas(data: Any, names: tuple[str, ...]) -> Callable[[int, int], dict[str, Column]]:
    # columns of one type at once: one after the other would take longer than it takes to count them
    groups: dict[Any, list[int]] = {}
    for position, dtype in enumerate(data.dtypes.tolist()):
        groups.setdefault(dtype, []).append(position)

    def take(start: int, stop: int) -> dict[str, Column]:
        part = data.iloc[start:stop] if stop - start < len(data) else data
        columns: list[Column] = [[]] * len(names)
        for dtype, positions in groups.items():
            if isinstance(dtype, np.dtype) and dtype.kind in "fiub" and dtype.itemsize <= 8:
                matrix = (part if len(groups) == 1 else part.iloc[:, positions]).to_numpy()
                for position, column in zip(positions, matrix.T, strict=True):
                    columns[position] = column
            else:
                for position in positions:
                    columns[position] = _of_pandas_series(part.iloc[:, position])
        return dict(zip(names, columns, strict=True))

    return take


def _of_pandas_series(series: Any) -> Column:
    if not isinstance(series.dtype, np.dtype) and hasattr(series, "cat"):
        return Dictionary(series.cat.codes.to_numpy(), tuple(series.cat.categories.to_numpy(dtype=object).tolist()))
    values: list[Any] = series.to_numpy(dtype=object).tolist()
    return values


def _of_polars(data: Any) -> Callable[[int, int], dict[str, Column]]:
    names, are_floats = data.columns, {repr(dtype) for dtype in data.dtypes} == {"Float64"}

    def take(start: int, stop: int) -> dict[str, Column]:
        part = data.slice(start, stop - start) if stop - start < data.height else data
        if are_floats:  # NaN where there is none; one column after the other would take ten times as long
            return dict(zip(names, part.to_numpy(order="fortran").T, strict=True))
        return {series.name: _of_polars_series(series) for series in part.get_columns()}

    return take


def _of_polars_series(series: Any) -> Column:
    if series.dtype.is_numeric() and not series.null_count():
        array: np.ndarray[Any, Any] = series.to_numpy()
        if _is_plain_array(array):
            return array
    values: list[Any] = series.to_list()
    return values


def _of_arrow(data: Any) -> Callable[[int, int], dict[str, Column]]:
    import pyarrow as pa

    names, double = data.schema.names, pa.float64().id
    are_floats = bool(names) and all(kind.id == double for kind in data.schema.types)

    def take(start: int, stop: int) -> dict[str, Column]:
        part = data.slice(start, stop - start) if stop - start < data.num_rows else data
        if are_floats and part.num_rows:  # as for polars
            batch = part if isinstance(part, pa.RecordBatch) else part.combine_chunks().to_batches()[0]
            matrix = batch.to_tensor(null_to_nan=True, row_major=False).to_numpy()
            return dict(zip(names, matrix.T, strict=True))
        return {name: _of_arrow_array(column) for name, column in zip(part.schema.names, part.columns, strict=True)}

    return take


def _of_arrow_array(column: Any) -> Column:
    chunks = getattr(column, "chunks", None)
    array = column if chunks is None else chunks[0] if len(chunks) == 1 else None
    if are_numbers(column.type) and not column.null_count:
        numbers: np.ndarray[Any, Any] = numbers_of(column)[0]
        return numbers
    if array is not None and hasattr(array, "indices") and are_numbers(array.indices.type):
        indices, present = numbers_of(array.indices)
        if array.indices.null_count:
            indices = np.where(present, indices, -1).astype(np.int64)
        return Dictionary(indices, tuple(array.dictionary.to_pylist()))
    values: list[Any] = column.to_pylist()
    return values


def predictions_of(predictions: Any, rows: int, single: Callable[[Any], Any]) -> tuple[Column | None, Any]:
    """Return one prediction for each row as a column, and all of them in a form that can be read again.

    There is no column where there is not one for each row. `single` unwraps a prediction.
    """
    if _is_plain_array(array := _without_frame(predictions)):
        return (array if len(array) == rows else None), predictions
    items = items_per_row(predictions) if hasattr(predictions, "__len__") else None
    if items is None:
        return None, predictions
    if type(predictions) is list and set(map(type, predictions)) <= _PLAIN:
        given = predictions
    else:
        given = [single(item) for item in items]
    is_whole = len(given) == rows and not any(item is None for item in given)
    return (given if is_whole else None), given


def _without_frame(values: Any) -> Any:
    """Return an array or series of plain numbers, of one column, as an array."""
    if type(values) is np.ndarray:
        return values.reshape(-1) if values.ndim == 2 and values.shape[1] == 1 else values
    library = type(values).__module__.partition(".")[0]
    if hasattr(type(values), "columns"):
        return None
    if library == "pandas" and hasattr(values, "dtype") and isinstance(values.dtype, np.dtype):
        return values.to_numpy()
    if library == "polars" and hasattr(values, "null_count") and hasattr(values, "dtype") and not values.null_count():
        return values.to_numpy() if values.dtype.is_numeric() else None
    return None


def count_numbers(live: LiveCounter, matrix: Floats, predictions: list[Any] | None, collect: Callable[[], None]) -> int:
    """Count the rows of a matrix as far as can be; return how many. `collect` is called between them."""
    done = 0
    while done < len(matrix):
        end = min(done + AT_ONCE, len(matrix))
        done += (counted := live.count_matrix(matrix, predictions, done, end))
        if done < end:
            collect()
            if not counted:
                break
    return done


def times_of(timestamp: Any, rows: int) -> tuple[Floats | None, Any]:
    """Return the times of rows in ms, NaN where a row has none, and all of them in a form that can be read again.

    There are no times where there are fewer than rows, or where one cannot be read.
    """
    items = None if timestamp is None else items_per_row(timestamp)
    if items is not None and not hasattr(timestamp, "__len__"):
        return None, timestamp
    if items is None:
        return _milliseconds([timestamp] * min(rows, 1), rows), timestamp
    array = _without_frame(timestamp)
    if type(array) is np.ndarray and len(array) >= rows and array.dtype.kind in "fiM":
        return _of_array(array[:rows]), timestamp
    given = list(items)
    return (_milliseconds(given[:rows], rows) if len(given) >= rows else None), given


def _milliseconds(timestamps: list[Any], rows: int) -> Floats | None:
    """Read times as `observe` does: one for each row, or one for all."""
    times = np.full(max(1, len(timestamps)), np.nan)
    for row, timestamp in enumerate(timestamps):
        time = None if timestamp is None else read_event_time(timestamp)
        if isinstance(time, InputError):
            return None
        if time is not None:
            times[row] = time
    return np.full(rows, times[0]) if len(times) != rows else times


def _of_array(array: np.ndarray[Any, Any]) -> Floats | None:
    """Do as `parse_time` does with each number of seconds, or time of numpy, of an array."""
    with np.errstate(invalid="ignore", over="ignore"):
        if array.dtype.kind == "M":
            missing, micro = np.isnat(array), array.astype("datetime64[us]").astype(np.int64)
        else:
            missing, seconds = np.isnan(array), np.rint(array.astype(np.float64) * 1_000_000)
            if not (missing | (np.abs(seconds) < 2**62)).all():
                return None
            micro = np.where(missing, 0, seconds).astype(np.int64)
    times = micro // 1_000
    if not (missing | ((times >= 0) & (times <= LATEST))).all():
        return None
    return np.where(missing, np.nan, times)
