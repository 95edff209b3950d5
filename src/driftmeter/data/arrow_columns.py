"""Arrow columns as numpy arrays and back, without pandas: pyarrow's own conversions import it, which takes a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from driftmeter.types import Codes, Floats

if TYPE_CHECKING:
    import pyarrow as pa

Mask = npt.NDArray[np.bool_]

_NUMBERS = {
    "int8": "i1", "int16": "i2", "int32": "i4", "int64": "i8", "uint8": "u1", "uint16": "u2", "uint32": "u4",
    "uint64": "u8", "float": "f4", "double": "f8",
}  # fmt: skip
_CODED = ("string", "large_string", "bool")


def are_numbers(kind: pa.DataType) -> bool:
    """Say whether numpy has this type of numbers."""
    return str(kind) in _NUMBERS


def numbers_of(column: pa.ChunkedArray | pa.Array) -> tuple[np.ndarray[Any, np.dtype[Any]], Mask]:
    """Return a column of numbers as an array of the same type, and which are there; the others may be anything.

    >>> import pyarrow as pa
    >>> numbers, present = numbers_of(pa.chunked_array([[1, 2], [None, 4]], pa.int16()))
    >>> numbers.dtype, present.tolist(), numbers[present].tolist()
    (dtype('int16'), [True, True, False, True], [1, 2, 4])
    """
    dtype = np.dtype(_NUMBERS[str(column.type)])
    numbers, present = [np.empty(0, dtype)], [np.empty(0, bool)]
    for chunk in getattr(column, "chunks", [column]):
        if len(chunk):
            numbers.append(np.frombuffer(chunk.buffers()[1], dtype, len(chunk), chunk.offset * dtype.itemsize))
            present.append(_present(chunk))
    if len(numbers) == 2:
        return numbers[1], present[1]
    return np.concatenate(numbers), np.concatenate(present)


def _present(array: pa.Array) -> Mask:
    if not array.null_count:
        return np.ones(len(array), bool)
    first, last = array.offset // 8, -(-(array.offset + len(array)) // 8)
    bits = np.unpackbits(np.frombuffer(array.buffers()[0], np.uint8)[first:last], bitorder="little")
    present: Mask = bits[array.offset % 8 :][: len(array)].astype(bool)
    return present


def coded_of(column: pa.ChunkedArray) -> tuple[Codes, list[Any]] | None:
    """Return the indices of texts or booleans into their distinct values, in the order in which these come first.

    Index -1 is missing. Returns None for a column of another type.
    """
    if str(column.type) not in _CODED:
        return None
    coded = whole(column).dictionary_encode()
    indices, present = numbers_of(coded.indices)
    return np.where(present, indices, -1).astype(np.intp), coded.dictionary.to_pylist()


def whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column as one array."""
    import pyarrow as pa

    if isinstance(column, pa.Array):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)


def array_of_numbers(numbers: Floats) -> pa.Array:
    """Return an Arrow array of float64; NaN is missing."""
    import pyarrow as pa

    present = ~np.isnan(numbers)
    buffers = [_bits(present), pa.py_buffer(np.ascontiguousarray(numbers))]
    return pa.Array.from_buffers(pa.float64(), len(numbers), buffers)


def array_of_booleans(truths: Mask, present: Mask) -> pa.Array:
    """Return an Arrow array of booleans, missing where they are not `present`."""
    import pyarrow as pa

    return pa.Array.from_buffers(pa.bool_(), len(truths), [_bits(present), _bits(truths)])


def _bits(mask: Mask) -> pa.Buffer:
    import pyarrow as pa

    return pa.py_buffer(np.packbits(mask, bitorder="little"))
