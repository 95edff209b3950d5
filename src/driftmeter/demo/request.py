"""The body of a prediction request, read and checked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from driftmeter.demo.data import Row
from driftmeter.errors import InputError

MAX_ROWS = 1_000

_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}


@dataclass(frozen=True)
class PredictionRequest:
    """Rows to score, and whether they came as a list."""

    rows: list[Row]
    listed: bool


def parse(body: bytes, numeric: Iterable[str], categorical: Iterable[str]) -> PredictionRequest:
    """Read a JSON object of features, or a list of them. Raises InputError at the first fault.

    Numeric features are numbers or null, categorical features strings or null; an absent feature is null, and
    an unknown one may hold anything. Strict JSON: no NaN, no infinity.
    """
    content = _decode(body)
    listed = isinstance(content, list)
    rows = content if listed else [content]
    if len(rows) > MAX_ROWS:
        raise InputError("body", f"at most {MAX_ROWS} rows", f"{len(rows)} rows")
    numeric, categorical = tuple(numeric), tuple(categorical)
    for index, row in enumerate(rows):
        _check(row, f"[{index}]" if listed else "", numeric, categorical)
    return PredictionRequest(rows, listed)


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("body", "JSON", str(error)) from error


def _check(row: object, where: str, numeric: tuple[str, ...], categorical: tuple[str, ...]) -> None:
    if not isinstance(row, dict):
        expected = "an object of features" if where else "an object of features, or a list of them"
        raise InputError(where or "body", expected, _name(row))
    prefix = f"{where}." if where else ""
    for name in categorical:
        value = row.get(name)
        if value is not None and not isinstance(value, str):
            raise InputError(prefix + name, "a string or null", _name(value))
    for name in numeric:
        value = row.get(name)
        if value is not None and not _is_number(value):
            raise InputError(prefix + name, "a number within float64 or null", _name(value))


def _is_number(value: object) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError:
            return False
    return isinstance(value, float) and math.isfinite(value)


def _name(value: object) -> str:
    """Name a JSON value in plain words, cut to 40 characters."""
    if value is None:
        return "null"
    kind = _KINDS[type(value)]
    if isinstance(value, list | dict):
        return kind
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        text = repr(value)
    except ValueError:  # Python does not print integers of more than 4,300 digits
        text = "too long to print"
    return f"{kind}, {text if len(text) <= 40 else text[:39] + '…'}"
