"""The binary extension of the Open Inference Protocol: JSON, and after it the raw values of its tensors."""

from __future__ import annotations

import json
from typing import Any

from driftmeter.errors import InputError
from driftmeter.payloads.json_text import read_json

_decoder = json.JSONDecoder()
_MOST_DIGITS = 18
"""Digits of a length: Python reads no number of thousands."""


def split_body(body: bytes, json_length: int | None, field: str = "body") -> tuple[Any, memoryview]:
    """Return the JSON at the start of a body, decoded, and the bytes after it.

    `json_length` is what the header Inference-Header-Content-Length says. It is often lost on the way of a log, and
    then the end of the JSON is found by reading it. Raises InputError, at `field`, if the body begins with no JSON.

    >>> content, rest = split_body(b'{"a": 1}\\x00\\x01', None)
    >>> content, bytes(rest)
    ({'a': 1}, b'\\x00\\x01')
    """
    if json_length is None:
        json_length = _end_of_json(body, field)
    elif not 0 <= json_length <= len(body):
        raise InputError(
            field, f"at least {json_length} bytes, as Inference-Header-Content-Length says", str(len(body))
        )
    return read_json(body[:json_length], field), memoryview(body)[json_length:]


def json_length_of(header: str | None) -> int | None:
    """Return the length of the JSON that the header Inference-Header-Content-Length says; None where it says none.

    >>> json_length_of("17"), json_length_of("many"), json_length_of(None)
    (17, None, None)
    """
    if header is None or len(header) > _MOST_DIGITS or not (header.isascii() and header.isdecimal()):
        return None
    return int(header)


def _end_of_json(body: bytes, field: str) -> int:
    # bytes that are no UTF-8 become half surrogates, one for each byte, and the same bytes again
    text = body.decode("utf-8", "surrogateescape")
    try:
        _, end = _decoder.raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise InputError(field, "JSON", str(error)[:200]) from error
    return len(text[:end].encode("utf-8", "surrogateescape"))
