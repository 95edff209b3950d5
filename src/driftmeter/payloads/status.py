"""Answers of model servers about themselves: health, readiness, metadata. A logger sends them like any other."""

from __future__ import annotations

from typing import Any

from driftmeter.errors import InputError
from driftmeter.payloads.json_text import read_json

_HEALTH = frozenset(["live", "ready"])
_METADATA = tuple(
    map(frozenset, (["name", "platform"], ["name", "extensions"], ["model_version_status"], ["versions", "inputs"]))
)
_WORDS = tuple(f'"{word}"'.encode() for word in (*_HEALTH, "alive", *frozenset.union(*_METADATA) - {"name", "inputs"}))
_LONGEST = 1_000_000
"""Bytes of a body that may be such an answer: the metadata of a model of thousands of columns is below."""


def is_status(content: Any) -> bool:
    """Say whether an answer, in bytes or decoded, tells of the server and holds no rows.

    >>> is_status(b'{"ready":true}'), is_status({"name": "m", "platform": "x", "inputs": []}), is_status({"ready": 0.5})
    (True, True, False)
    """
    if isinstance(content, bytes):
        if len(content) > _LONGEST or not any(word in content for word in _WORDS):
            return False
        try:
            content = read_json(content)
        except InputError:
            return False
    if not isinstance(content, dict):
        return False
    keys = content.keys()
    if keys & _HEALTH and keys <= _HEALTH | {"name", "version"}:
        return all(isinstance(content[key], bool | str) for key in keys)
    return content == {"status": "alive"} or any(mark <= keys for mark in _METADATA)
