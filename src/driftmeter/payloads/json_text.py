"""JSON as serving systems write it: NaN and Infinity are bare words there, by clients that mean it."""

from __future__ import annotations

import json
from typing import Any

from driftmeter.errors import InputError

try:
    import msgspec
except ImportError:  # a model server needs no more than the standard library, at a third of the speed
    msgspec = None  # type: ignore[assignment]


def read_json(text: bytes | str, field: str = "body") -> Any:
    """Decode JSON in which bare NaN and Infinity may stand, as the clients of Triton, MLflow, Seldon and BentoML write.

    Raises InputError, at `field`, if it is no JSON.

    >>> read_json(b'{"a": [1, NaN]}')
    {'a': [1, nan]}
    """
    if msgspec is not None:
        try:
            return msgspec.json.decode(text)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass  # NaN, or no JSON: the standard library says which
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(field, "JSON", str(error)[:200]) from error
    _check_text(content, text, field)
    return content


def _check_text(content: Any, text: bytes | str, field: str) -> None:
    """Refuse half a surrogate pair, which the standard library lets pass: it can be neither stored nor sent."""
    if (b"\\ud" if isinstance(text, bytes) else "\\ud") not in text.lower():  # type: ignore[operator]
        return
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InputError(field, "JSON", "half of a surrogate pair") from error
    except RecursionError as error:  # writing takes a level or two more than reading
        raise InputError(field, "JSON", "more levels than can be read") from error
