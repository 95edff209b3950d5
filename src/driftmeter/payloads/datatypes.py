"""Datatypes of the Open Inference Protocol: what their values are in bytes, and what stands for a missing one."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError

BYTES, BOOL, BF16 = "BYTES", "BOOL", "BF16"
DTYPES: dict[str, np.dtype[Any]] = {
    BOOL: np.dtype("u1"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    BF16: np.dtype("<u2"),
}
"""What one value is in bytes, for all datatypes but BYTES."""
MISSING_TEXTS = frozenset(["None", "nan", "NaT", "<NA>"])
"""What the clients of Triton and KServe write for Python's missing values in tensors of texts: `str(value)`."""
_LENGTH = 4
"""Bytes of the length before each element of BYTES."""


def numbers_of_bytes(datatype: str, data: memoryview) -> npt.NDArray[Any]:
    """Return the raw little-endian values of a datatype other than BYTES, in an array that may share their memory.

    FP16 and BF16 become float32, which holds each of them exactly. `data` holds whole values.

    >>> numbers_of_bytes("BF16", memoryview(bytes([0x80, 0x3F, 0x20, 0x40]))).tolist()
    [1.0, 2.5]
    """
    values = np.frombuffer(data, DTYPES[datatype])
    if datatype == BOOL:
        return np.asarray(values != 0)
    if datatype == BF16:
        values = (values.astype("<u4") << 16).view("<f4")
    return values.astype(np.float32) if datatype == "FP16" else values


def texts_of_bytes(data: memoryview, count: int, field: str) -> list[Any]:
    """Return the elements of a BYTES tensor, each with a length of 4 bytes before it: texts, or bytes that are none.

    Raises InputError, at `field`, unless there are `count` elements and nothing after them.

    >>> texts_of_bytes(memoryview(b"\\x01\\0\\0\\0a\\0\\0\\0\\0"), 2, "x")
    ['a', '']
    """
    size, at = len(data), 0
    if count * _LENGTH > size:
        raise InputError(field, f"{count} elements, each with a length of {_LENGTH} bytes", f"{size} bytes")
    whole, elements = bytes(data), list[Any]()
    for _ in range(count):
        end = at + _LENGTH + int.from_bytes(whole[at : at + _LENGTH], "little")
        if at + _LENGTH > size or end > size:
            raise InputError(field, f"{count} elements in {size} bytes", f"element {len(elements)} ends after them")
        elements.append(text_or_bytes(whole[at + _LENGTH : end]))
        at = end
    if at != size:
        raise InputError(field, f"{count} elements in {size} bytes", f"{size - at} bytes after them")
    return elements


def without_missing(values: Sequence[Any]) -> list[Any]:
    """Return texts with None for those that stand for a missing value.

    >>> without_missing(["a", "None", "nan", "none", ""])
    ['a', None, None, 'none', '']
    """
    return [None if type(value) is str and value in MISSING_TEXTS else value for value in values]


def decoded(values: Sequence[Any], field: str) -> list[Any]:
    """Return base64 texts decoded; None stays None. Raises InputError, at `field` and the position of the first other.

    >>> decoded(["VWxt", None], "x")
    ['Ulm', None]
    """
    content: list[Any] = []
    for position, value in enumerate(values):
        try:
            content.append(None if value is None else text_or_bytes(binascii.a2b_base64(value, strict_mode=True)))
        except (TypeError, ValueError) as error:
            raise InputError(f"{field}[{position}]", "base64", describe(value)) from error
    return content


def text_or_bytes(element: bytes) -> str | bytes:
    """Return the text of an element of BYTES, or the bytes that are none.

    >>> text_or_bytes(b"Ulm"), text_or_bytes(b"\\xff")
    ('Ulm', b'\\xff')
    """
    try:
        return element.decode()
    except UnicodeDecodeError:  # no text: the reader counts it as unreadable, unless nobody asks for the column
        return element
