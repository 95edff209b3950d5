"""Rows and predictions in all the forms that `observe` and `observe_many` take: each value has its column's name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from driftmeter.client.no_fork import NO_FORK
from driftmeter.data.rejected import describe

RECORD = "values by column: a dict, a row or frame of one row, a named tuple or dataclass"
RECORDS = "rows: a frame, or an iterable of such as observe takes"
_AT_ONCE = 1_000
"""Rows of a frame that become dicts at once: the frame may be far larger than the buffer."""
_NESTED = 4
_read_before: set[type] = set()
"""Kinds of frames of which one was read: no further one imports anything."""


class NoRecordError(TypeError):
    """Something that is no row was given as one; `expected` and `got` say what was wrong."""

    def __init__(self, expected: str, got: str) -> None:
        """Keep both, and name both in the message."""
        super().__init__(f"expected {expected}, got {got}")
        self.expected, self.got = expected, got


def read_record(features: Any) -> dict[str, Any]:
    """Return the values of one row by column, as a new dict.

    Takes a mapping, an object with the methods of one (sqlite3.Row), a pandas Series with names, a frame of one row
    (pandas, polars, pyarrow), a row of Arrow, a structured scalar or array of one, a named tuple, a dataclass, or an
    object of msgspec, attrs or pydantic (its fields; nested fields are not flattened). Names may be of any type, as in
    a frame: see `Intake`. Raises NoRecordError if there are no names, as in a list or an array, and on frames of
    several rows.

    >>> from collections import namedtuple
    >>> read_record(namedtuple("Applicant", "age city")(41, "Ulm"))
    {'age': 41, 'city': 'Ulm'}
    """
    if hasattr(features, "as_py"):  # a row of Arrow: a mapping of values that are still wrapped
        features = features.as_py()
    if isinstance(features, Mapping):
        return dict(features)
    frame = _frame(features)
    if frame is not None:
        return frame.single_row()
    if isinstance(features, type):
        raise NoRecordError(RECORD, f"the class {features.__name__[:40]}")
    record = _of_array(features) or _of_series(features) or _of_fields(features)
    if record is None and not isinstance(features, str | bytes) and hasattr(features, "keys"):
        record = dict(features)
    if record is None:
        raise NoRecordError(RECORD, _describe_nameless(features))
    return record


def has_no_names(features: Any) -> bool:
    """Say whether a row is only values: a tuple, a list or an array of one dimension, none of them with names."""
    if isinstance(features, np.ndarray):
        return features.ndim == 1 and features.dtype.names is None
    return isinstance(features, list | tuple) and not hasattr(features, "_fields")


def is_matrix(records: Any) -> bool:
    """Say whether rows are an array of two dimensions, without names."""
    return isinstance(records, np.ndarray) and records.ndim == 2 and records.dtype.names is None


def has_floats(array: np.ndarray[Any, Any]) -> bool:
    """Say whether the items of an array mean the same as float64: masked arrays hide some, long floats lose digits."""
    return type(array) is np.ndarray and array.dtype.kind == "f" and array.itemsize <= 8


def named_values(features: Any, columns: Sequence[str]) -> dict[str, Any]:
    """Give names to the values of a row that has none; raises NoRecordError where their numbers differ."""
    if len(features) != len(columns):
        raise NoRecordError(f"{len(columns):,} values, one for each of the columns", f"{len(features):,}")
    values = features.tolist() if isinstance(features, np.ndarray) else features
    return dict(zip(columns, values, strict=True))


def iterate_records(records: Any) -> Iterator[Any]:
    """Yield the rows of a frame as dicts, or the items of an iterable as they are.

    Raises NoRecordError if `records` is neither, and if it is one single row.
    """
    if not hasattr(records, "as_py"):
        frame = _frame(records)
        if frame is not None:
            return iter(frame)
        if isinstance(records, np.ndarray) and records.dtype.names and records.ndim:
            return iter(records.reshape(-1))
    if isinstance(records, str | bytes | bytearray | Mapping) or not isinstance(records, Iterable):
        raise NoRecordError(RECORDS, _describe_nameless(records))
    return iter(records)


def items_per_row(values: Any) -> Iterator[Any] | None:
    """Yield one value for each row, from an array, series, list or frame (whose rows become dicts).

    Returns None if `values` is one single value, such as a number, a text or a time.
    """
    if hasattr(values, "as_py") or isinstance(values, str | bytes | bytearray | Mapping):
        return None
    frame = _frame(values)
    if frame is not None:
        return iter(frame)
    if isinstance(values, np.ndarray) and values.ndim:
        # views would keep the whole array alive, and change with it
        return iter(values.reshape(-1).copy() if values.size == len(values) else values)
    return iter(values) if isinstance(values, Iterable) and getattr(values, "ndim", None) != 0 else None


def mismatch(rows: int, predictions: Any) -> str:
    """Return what is wrong if there are more or fewer predictions than rows; nothing of a generator."""
    try:
        given = len(predictions)
    except TypeError:
        return ""
    return "" if given == rows else f"observe_many: expected {rows:,} predictions, one for each row, got {given:,}"


def stable_prediction(prediction: Any) -> Any:
    """Return a prediction that does not change later and can be read without importing a library.

    Arrays are copied, since models reuse the array that they answer in; a frame of one row becomes a dict.
    """
    if isinstance(prediction, str | bytes | int | float | np.generic):
        return prediction
    if isinstance(prediction, np.ndarray):
        return prediction.copy()
    frame = _frame(prediction)
    return prediction if frame is None or frame.rows != 1 else frame.single_row()


def prediction_value(prediction: Any, column: str) -> Any:
    """Return the value of a prediction that may be wrapped in a list of one or in named fields.

    Of named fields it is the one that is called `column`, or the only one. Everything else is returned as it is; see
    `values.plain` for arrays and series of one. Only for predictions is a list of one the same as its value:
    `model.predict([row]).tolist()` returns such a list.

    >>> prediction_value([[0.3]], "score"), prediction_value([0.3, 0.7], "score")
    (0.3, [0.3, 0.7])
    >>> prediction_value({"score": 0.3, "version": 7}, "score")
    0.3
    """
    for _ in range(_NESTED):
        if prediction is None or isinstance(prediction, str | bytes | int | float | np.generic | np.ndarray):
            return prediction
        if isinstance(prediction, list | tuple) and not hasattr(prediction, "_fields"):
            if len(prediction) != 1:
                return prediction
            prediction = prediction[0]
            continue
        try:
            fields = dict(prediction) if isinstance(prediction, Mapping) else _of_series(prediction)
            fields = _of_fields(prediction) if fields is None else fields
        except Exception:  # no record, or one that cannot be read: the caller gets it as it is
            return prediction
        if fields is None or (column not in fields and len(fields) != 1):
            return prediction
        prediction = fields[column] if column in fields else next(iter(fields.values()))
    return prediction


@dataclasses.dataclass(frozen=True)
class _Frame:
    """A frame of `rows` rows; `take(start, stop)` returns some of them as dicts."""

    rows: int
    take: Callable[[int, int], list[dict[str, Any]]]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for start in range(0, self.rows, _AT_ONCE):
            yield from self.take(start, start + _AT_ONCE)

    def single_row(self) -> dict[str, Any]:
        if self.rows != 1:
            hint = ": observe_many takes several" if self.rows else ""
            raise NoRecordError(f"one row{hint}", f"a frame of {self.rows:,} rows")
        return self.take(0, 1)[0]


def _frame(data: Any) -> _Frame | None:
    """Wrap a frame of pandas, polars, pyarrow or another library of narwhals; return None if it is no frame."""
    kind = type(data)
    if not hasattr(kind, "columns"):  # narwhals would import more of itself before it declines
        return None
    if hasattr(kind, "iloc") and any(base.__module__.partition(".")[0] == "pandas" for base in kind.__mro__):
        return _of_pandas(data)
    if kind.__module__.partition(".")[0] == "pyarrow" and hasattr(data, "to_struct_array"):
        import pyarrow as pa

        data = data if isinstance(data, pa.Table) else pa.Table.from_batches([data])
    if kind in _read_before:
        return _of_narwhals(data)
    with NO_FORK:
        frame = _of_narwhals(data)
        if frame is not None:
            frame.take(0, 1)
            _read_before.add(kind)
    return frame


def _of_narwhals(data: Any) -> _Frame | None:
    """Wrap a frame; the first one loads narwhals, which the rows of most model servers never need."""
    import narwhals as nw

    frame = nw.from_native(data, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        return None
    return _Frame(len(frame), lambda start, stop: frame[start:stop].rows(named=True))


def _of_pandas(data: Any) -> _Frame:
    names = list(data.columns)

    def take(start: int, stop: int) -> list[dict[str, Any]]:
        # eighty times as fast as to_dict("records") for one row, and values keep their types
        values = data.iloc[start:stop].to_numpy(dtype=object)
        return [dict(zip(names, row, strict=True)) for row in values.tolist()]

    return _Frame(len(data), take)


def _of_array(features: Any) -> dict[str, Any] | None:
    """Read a structured scalar, or an array of one; return None if it is neither."""
    if not isinstance(features, np.void | np.ndarray) or not features.dtype.names:
        return None
    if features.size != 1:
        raise NoRecordError("one row: observe_many takes several", f"an array of {features.size:,} rows")
    row: Any = features if isinstance(features, np.void) else features.flat[0]
    # copies: the values are views of the array
    return {name: row[name].copy() for name in features.dtype.names}


def _of_series(features: Any) -> dict[str, Any] | None:
    """Read a row of pandas, or of a library with its methods: a series with the columns' names."""
    if not (hasattr(features, "to_dict") and hasattr(features, "index") and hasattr(features, "iloc")):
        return None
    record: dict[str, Any] = features.to_dict()
    return record


def _of_fields(features: Any) -> dict[str, Any] | None:
    """Read the fields of an object whose class names them."""
    kind = type(features)
    names: Iterable[str]
    if isinstance(features, tuple) and hasattr(kind, "_fields"):
        return dict(zip(kind._fields, features, strict=False))
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
    elif hasattr(kind, "__struct_fields__"):  # msgspec
        names = kind.__struct_fields__
    elif hasattr(kind, "__attrs_attrs__"):
        names = [field.name for field in kind.__attrs_attrs__]
    elif any(base.__name__ == "BaseModel" and base.__module__.startswith("pydantic.") for base in kind.__mro__):
        return dict(features)
    else:
        return None
    return {name: getattr(features, name) for name in names if hasattr(features, name)}


def _describe_nameless(features: Any) -> str:
    """Return in words what came, and how much of it."""
    if features is None or isinstance(features, str | bytes | int | float):
        return describe(features)
    kind = type(features).__name__[:40]
    try:
        return f"{kind} of {len(features):,} values, without names"
    except TypeError:
        return kind
