"""The Open Inference Protocol V2, which Triton, KServe, MLServer, Seldon and TrustyAI speak: tensors as columns.

=========================================  =================================================================
tensors of shape [n] or [n, 1]             a column each, under the name of the tensor
one tensor of shape [n, k]                 k columns without names, in the order of the model
a tensor of shape [n, k] among others      k columns `name[0]` … `name[k-1]`
=========================================  =================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from driftmeter.data.columns import Column
from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.payloads.datatypes import (
    BOOL,
    BYTES,
    DTYPES,
    decoded,
    numbers_of_bytes,
    texts_of_bytes,
    without_missing,
)
from driftmeter.payloads.table import PayloadTable, check_names, check_width

_NOTHING = memoryview(b"")
_NUMBERS = frozenset([bool, int, float])
_MOST_VALUES = 1 << 31
"""Values of a tensor: no body holds more."""


def is_v2(content: Any, key: str) -> bool:
    """Say whether decoded JSON is a request (`key` is "inputs") or an answer ("outputs") of this protocol.

    >>> is_v2({"inputs": [{"name": "x", "shape": [1], "datatype": "FP32"}]}, "inputs")
    True
    """
    tensors = content.get(key) if isinstance(content, dict) else None
    if not isinstance(tensors, list) or not tensors:
        return False
    return all(isinstance(tensor, dict) and {"name", "shape", "datatype"} <= tensor.keys() for tensor in tensors)


def table_of_v2(content: Mapping[str, Any], key: str, tail: memoryview = _NOTHING, field: str = "body") -> PayloadTable:
    """Return the tensors under `key`, "inputs" or "outputs", as a table; `tail` are the bytes after the JSON.

    Numbers become arrays, texts become lists, with None for the words that clients write for a missing value. What a
    tensor says of its shape, of its size and of its values is compared before anything is allocated. Raises InputError
    naming the part at fault.
    """
    tensors = list(_tensors(content, key, len(tail), field))
    wide = [tensor for tensor in tensors if tensor.width > 1]
    check_width(sum(tensor.width for tensor in tensors), f"{field}.{key}")
    rows = tensors[0].rows
    for tensor in tensors:
        if tensor.rows != rows:
            raise InputError(tensor.field, f"{rows} rows, as in the tensors before", str(tensor.rows))
    columns = [column for tensor in tensors for column in tensor.columns(tail)]
    if len(tensors) == 1 and wide:
        return PayloadTable(tuple(columns), None, rows)
    names = [name for tensor in tensors for name in tensor.names]
    check_names(names, f"{field}.{key}")
    return PayloadTable(tuple(columns), tuple(names), rows)


@dataclass(frozen=True)
class _Tensor:
    """A tensor of `rows` rows and `width` columns whose values are `data`, or in the tail from `start` to `end`."""

    name: str
    field: str
    datatype: str
    shape: tuple[int, ...]
    rows: int
    width: int
    hint: str | None
    data: list[Any] | None
    start: int = 0
    end: int = 0

    @property
    def names(self) -> list[str]:
        return [self.name] if self.width == 1 else [f"{self.name}[{index}]" for index in range(self.width)]

    def columns(self, tail: memoryview) -> list[Column]:
        """Return the values, column by column."""
        values = self._values(tail)
        if self.width == 1:
            return [values]
        if isinstance(values, np.ndarray):
            return list(np.ascontiguousarray(values.reshape(self.rows, self.width).T))
        return [values[index :: self.width] for index in range(self.width)]

    def _values(self, tail: memoryview) -> np.ndarray[Any, np.dtype[Any]] | list[Any]:
        field = f"{self.field}.data"
        if self.data is None:
            raw = tail[self.start : self.end]
            if self.datatype != BYTES:
                return numbers_of_bytes(self.datatype, raw)
            texts = texts_of_bytes(raw, self.rows * self.width, field)
        else:
            values = self._flat(field)
            if self.datatype != BYTES:
                return _array_of(values, self.datatype)
            texts = values
        texts = without_missing(texts)
        return decoded(texts, field) if self.hint == "base64" else texts

    def _flat(self, field: str) -> list[Any]:
        """Return values of JSON, flat or nested as the shape is, as one list of as many values as the shape says."""
        values, count = self.data or [], self.rows * self.width
        for _ in self.shape[1:]:
            if not (values and isinstance(values[0], list)):
                break
            if any(not isinstance(inner, list) for inner in values):
                raise InputError(field, "values, or arrays of values", "both")
            values = list(chain.from_iterable(values))
        if len(values) != count:
            raise InputError(field, f"{count} values, as its shape {list(self.shape)} says", str(len(values)))
        return values


def _array_of(values: list[Any], datatype: str) -> np.ndarray[Any, np.dtype[Any]] | list[Any]:
    """Return numbers as an array where that changes none of them, else the list as it is."""
    if not _NUMBERS.issuperset(map(type, values)):  # an array of texts would take the longest one's room for each
        return values
    try:
        array = np.array(values)
    except (ValueError, OverflowError):
        return values
    if array.dtype.kind not in ("b" if datatype == BOOL else "iuf"):
        return values  # integers beyond 64 bits, or of another kind than the datatype: read one by one
    if (
        array.dtype.kind == "f"
        and datatype[0] in "IU"
        and any(type(value) is int and abs(value) > 2**53 for value in values)
    ):
        return values
    return array


def _tensors(content: Mapping[str, Any], key: str, tail: int, field: str) -> Iterator[_Tensor]:
    """Yield the tensors, checked against a tail of `tail` bytes, which they must use up."""
    tensors, at = content.get(key), 0
    if not isinstance(tensors, list) or not tensors:
        raise InputError(f"{field}.{key}", "an array of tensors", describe(tensors))
    of_all = _hint(content)
    for position, tensor in enumerate(tensors):
        where = f"{field}.{key}[{position}]"
        if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
            raise InputError(where, "a tensor with a name", describe(tensor))
        where = f"{where} ({tensor['name'][:60]!r})"
        datatype = tensor.get("datatype")
        if not isinstance(datatype, str) or (datatype != BYTES and datatype not in DTYPES):
            raise InputError(f"{where}.datatype", f"one of {', '.join(DTYPES)}, {BYTES}", describe(datatype))
        shape = _shape(tensor.get("shape"), where)
        rows, width = (shape[0] if shape else 1), (shape[1] if len(shape) > 1 else 1)
        size = _binary_size(tensor, where)
        data = tensor.get("data")
        if size is None and not isinstance(data, list):
            raise InputError(f"{where}.data", "an array, or binary_data_size in its parameters", describe(data))
        if size is not None:
            if datatype != BYTES and size != rows * width * DTYPES[datatype].itemsize:
                expected = f"{rows * width * DTYPES[datatype].itemsize} bytes, as shape and datatype say"
                raise InputError(f"{where}.parameters.binary_data_size", expected, str(size))
            if size > tail - at:
                raise InputError(field, f"{at + size} bytes after the JSON", str(tail))
            data = None
        start, at = at, at + (size or 0)
        hint = _hint(tensor) or of_all
        yield _Tensor(tensor["name"], where, datatype, shape, rows, width, hint, data, start, at)
    if at != tail:
        raise InputError(field, f"{at} bytes after the JSON", str(tail))


def _shape(shape: Any, field: str) -> tuple[int, ...]:
    if not isinstance(shape, list) or any(type(length) is not int or length < 0 for length in shape):
        raise InputError(f"{field}.shape", "an array of whole numbers", describe(shape))
    if len(shape) > 2 or (len(shape) == 2 and shape[1] == 0):
        raise InputError(f"{field}.shape", "[rows] or [rows, columns]", str(shape)[:60])
    if any(length > _MOST_VALUES for length in shape) or np.prod(shape, dtype=object) > _MOST_VALUES:
        raise InputError(f"{field}.shape", f"at most {_MOST_VALUES} values", str(shape)[:60])
    return tuple(shape)


def _binary_size(tensor: Mapping[str, Any], field: str) -> int | None:
    parameters = tensor.get("parameters")
    if parameters is None:
        return None
    if not isinstance(parameters, dict):
        raise InputError(f"{field}.parameters", "an object", describe(parameters))
    if "shared_memory_region" in parameters:
        raise InputError(
            f"{field}.parameters", "values in the body", "values in shared memory, which only the model sees"
        )
    size = parameters.get("binary_data_size")
    if size is not None and (type(size) is not int or size < 0):
        raise InputError(f"{field}.parameters.binary_data_size", "a number of bytes", describe(size))
    return size


def _hint(described: Mapping[str, Any]) -> str | None:
    """Return how MLServer is told to read a tensor, or all: `pd`, `str` and `datetime` are how it is read anyhow."""
    parameters = described.get("parameters")
    hint = parameters.get("content_type") if isinstance(parameters, dict) else None
    return hint if isinstance(hint, str) else None
