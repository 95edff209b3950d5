"""Parameters of a query, read into the struct that declares them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import inspect

from driftmeter.errors import InputError
from driftmeter.server.problems import ParameterError

S = TypeVar("S", bound=msgspec.Struct)

_INTEGER = re.compile(r"[+-]?\d+(_\d+)*(\.0+)?", re.ASCII)
_LONGEST_GOT = 40


class _QueryField(NamedTuple):
    """A field of a struct of parameters: its attribute, its name in the query, its type, and whether it must come."""

    attribute: str
    name: str
    type: inspect.Type
    required: bool


def read_query(query: Mapping[str, str], struct: type[S]) -> S:
    """Read the fields of a struct from a query; parameters that it does not have are ignored.

    Fields may be text, a literal or an integer with bounds. Raises ParameterError if a required parameter
    is absent or an integer cannot be read, and InputError on a text that is none of a literal's.
    """
    values: dict[str, Any] = {}
    for field in _fields(struct):
        text = query.get(field.name)
        if text is not None:
            values[field.attribute] = _value(field, text)
        elif field.required:
            raise ParameterError(f"query {field.name}", "Field required", "None")
    return struct(**values)


@cache
def _fields(struct: type[msgspec.Struct]) -> tuple[_QueryField, ...]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    return tuple(
        _QueryField(field.name, field.encode_name, _plain(field.type), field.required) for field in info.fields
    )


def _plain(described: inspect.Type) -> inspect.Type:
    """Return a type without its description and without None."""
    while isinstance(described, inspect.Metadata | inspect.UnionType):
        if isinstance(described, inspect.Metadata):
            described = described.type
        else:
            described = next(member for member in described.types if not isinstance(member, inspect.NoneType))
    return described


def _value(field: _QueryField, text: str) -> str | int:
    if isinstance(field.type, inspect.IntType):
        return _integer(f"query {field.name}", text, field.type)
    if isinstance(field.type, inspect.LiteralType) and text not in field.type.values:
        raise InputError(field.name, " or ".join(map(str, field.type.values)), text[:_LONGEST_GOT])
    return text


def _integer(where: str, text: str, bounds: inspect.IntType) -> int:
    digits = text.strip()
    if not _INTEGER.fullmatch(digits):
        sentence = "Input should be a valid integer, unable to parse string as an integer"
        raise ParameterError(where, sentence, text)
    try:
        value = int(digits.partition(".")[0])
    except ValueError as error:  # Python reads at most some thousand digits
        sentence = "Unable to parse input string as an integer, exceeded maximum size"
        raise ParameterError(where, sentence, text) from error
    if bounds.ge is not None and value < bounds.ge:
        raise ParameterError(where, f"Input should be greater than or equal to {bounds.ge}", text)
    if bounds.le is not None and value > bounds.le:
        raise ParameterError(where, f"Input should be less than or equal to {bounds.le}", text)
    return value
