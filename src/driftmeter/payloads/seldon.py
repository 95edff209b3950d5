"""SeldonMessage, the request and answer of Seldon Core 1's own protocol, as a table.

=====================================================  =========================================================
`{"data": {"names": […], "ndarray": [[…], …]}}`        rows; without names they are in the order of the model
`{"data": {"names": […], "tensor": {"shape", "values"}}}`  the same, flat
`{"jsonData": …}`                                      whatever JSON the model takes: rows as anywhere else
`{"strData": …}`, `{"binData": …}`, `tftensor`         refused: their meaning is the model's own
=====================================================  =========================================================
"""

from __future__ import annotations

from typing import Any

import numpy as np

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.payloads.table import MOST_COLUMNS, PayloadTable, check_names, table_of_objects
from driftmeter.profile.names import text_of

JSON_DATA = "jsonData"
_DATA = ("data", JSON_DATA, "strData", "binData")


def is_seldon(content: Any) -> bool:
    """Say whether decoded JSON is a SeldonMessage.

    >>> is_seldon({"data": {"ndarray": [[1]]}, "meta": {}}), is_seldon({"data": 3.5}), is_seldon({"jsonData": []})
    (True, False, True)
    """
    if not isinstance(content, dict):
        return False
    data = content.get("data")
    if isinstance(data, dict) and not data.keys().isdisjoint(("ndarray", "tensor", "tftensor")):
        return True
    return any(key in content for key in _DATA[1:]) and content.keys() <= {*_DATA, "meta", "status"}


def table_of_seldon(content: dict[str, Any], field: str = "body") -> PayloadTable:
    """Return the rows of a message that carries `data`. Raises InputError naming the part at fault.

    A batch of Seldon's wrapper in which one value is text may hold numbers as texts: they are read as numbers where the
    profile's feature is numeric.

    >>> table_of_seldon({"data": {"names": ["a", "b"], "ndarray": [[1, "x"]]}}).named(None)
    {'a': [1], 'b': ['x']}
    """
    data = content.get("data")
    if not isinstance(data, dict):
        found = next((key for key in ("strData", "binData") if key in content), None)
        got = describe(data) if found is None else f"{found}, whose meaning only the model knows"
        raise InputError(f"{field}.data", "data with ndarray or tensor", got)
    field = f"{field}.data"
    names = _names(data.get("names"), f"{field}.names")
    if "ndarray" in data:
        table = table_of_objects(data["ndarray"], f"{field}.ndarray", names)
    elif "tensor" in data:
        table = _tensor(data["tensor"], names, f"{field}.tensor")
    else:
        raise InputError(field, "ndarray or tensor", "tftensor, which needs TensorFlow to be read")
    return table


def _names(names: Any, field: str) -> list[str] | None:
    """Return the names, None where there are none: Seldon's wrapper then writes an empty array."""
    if names is None or names == []:
        return None
    texts = [text_of(name) for name in names] if isinstance(names, list) else [None]
    if None in texts:
        raise InputError(field, "an array of names", describe(names))
    check_names([str(name) for name in texts], field)
    return [str(name) for name in texts]


def _tensor(tensor: Any, names: list[str] | None, field: str) -> PayloadTable:
    if not isinstance(tensor, dict):
        raise InputError(field, "an object with shape and values", describe(tensor))
    shape, values = tensor.get("shape"), tensor.get("values")
    if not isinstance(values, list):
        raise InputError(f"{field}.values", "an array", describe(values))
    whole = isinstance(shape, list) and all(type(length) is int and length >= 0 for length in shape)
    if not isinstance(shape, list) or not whole or len(shape) not in (1, 2):
        raise InputError(f"{field}.shape", "[rows, columns]", str(shape)[:60])
    rows, width = shape[0], shape[1] if len(shape) == 2 else 1
    if rows * width != len(values):
        raise InputError(f"{field}.values", f"{rows * width} values, as the shape {shape} says"[:80], str(len(values)))
    if not 0 < width <= MOST_COLUMNS:
        raise InputError(f"{field}.shape", f"1 to {MOST_COLUMNS} columns", str(width))
    if names is not None and len(names) != width:
        raise InputError(field, f"{len(names)} columns, one a name", str(width))
    columns = [_column(values[index::width]) for index in range(width)]
    return PayloadTable(tuple(columns), None if names is None else tuple(names), rows)


def _column(values: list[Any]) -> np.ndarray[Any, np.dtype[Any]] | list[Any]:
    if all(type(value) is float for value in values):
        return np.array(values, dtype=np.float64)
    return values
