"""How much JSON of few bytes may unfold to: `[1],` is four bytes, and a hundred once it is decoded."""

from __future__ import annotations

import re

from driftmeter.server.problems import TooLargeError

MOST_CONTAINERS = 1_000_000
"""Arrays and objects of one body, which is about one for each row: they take up to 300 MB, and a second of a thread."""
_NO_JSON = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1f]")
"""A byte that no JSON has: binary tensors begin before it."""


def check_containers(body: bytes | memoryview, json_length: int | None = None) -> None:
    """Raise TooLargeError where the JSON of a body holds too many arrays and objects to be decoded at once.

    `json_length` is the length of the JSON before binary tensors, if known.

    >>> check_containers(b'{"instances": [[1], [2]]}')
    """
    content = bytes(body[:json_length])
    if content.count(b"[") + content.count(b"{") <= MOST_CONTAINERS:
        return
    binary = _NO_JSON.search(content)
    if binary is not None:
        content = content[: binary.start()]
    containers = content.count(b"[") + content.count(b"{")
    if containers > MOST_CONTAINERS:
        expected = f"at most {MOST_CONTAINERS:,} arrays and objects of JSON: fewer rows at once, or columns"
        raise TooLargeError("body", expected, f"{containers:,}")
