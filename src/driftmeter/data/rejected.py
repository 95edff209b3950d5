"""Rejected values: what could not be read, described for the sender."""

from __future__ import annotations

from dataclasses import dataclass

from driftmeter.types import JSON


@dataclass(frozen=True)
class Rejected:
    """A value that could not be read.

    Its row still counts, with that value as unreadable. Where `field` is empty, the whole row could not be read, and
    does not count.
    """

    row: int
    field: str
    expected: str
    got: str

    def to_json(self) -> JSON:
        """Plain JSON."""
        return {"row": self.row, "field": self.field, "expected": self.expected, "got": self.got}


def describe(value: object) -> str:
    """Describe a value in a few words for an error message.

    >>> describe("yes"), describe(3), describe([1, 2]), describe(None)
    ("text ('yes')", 'a number (3)', 'a list', 'null')
    """
    names = {str: "text", dict: "an object", list: "a list", type(None): "null"}
    kind = names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)
    if value is None or isinstance(value, dict | list):
        return kind
    if isinstance(value, bool):
        return "a boolean (true)" if value else "a boolean (false)"
    try:
        text = str(value)[:40]
        return f"{kind} ({text if kind == 'a number' else repr(text)})"
    except Exception:  # an integer with more digits than Python prints, or an object whose __str__ fails
        return kind
