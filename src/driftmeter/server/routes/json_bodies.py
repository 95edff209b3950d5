"""Small bodies of JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from driftmeter.errors import InputError
from driftmeter.types import JSON


def read_json(body: bytes) -> Any:
    """Decode JSON; raises InputError on anything else, such as NaN or objects that are nested too deep."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputError("body", "JSON", str(error)[:200]) from error


def read_object(body: bytes) -> JSON:
    """Decode a JSON object; raises InputError on anything else.

    >>> read_object(b'{"note": "seen"}')
    {'note': 'seen'}
    """
    content = read_json(body)
    if not isinstance(content, dict):
        raise InputError("body", "a JSON object", type(content).__name__)
    return content
