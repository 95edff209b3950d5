"""Rejected: a value that could not be read, said in words."""

from __future__ import annotations

from dataclasses import dataclass

from driftmeter.types import JSON


@dataclass(frozen=True)
class Rejected:
    """A value that could not be read. Its row counts all the same, unless it is no row at all (`field` is empty)."""

    row: int
    field: str
    expected: str
    got: str

    def to_json(self) -> JSON:
        """Plain JSON."""
        return {"row": self.row, "field": self.field, "expected": self.expected, "got": self.got}


def describe(value: object) -> str:
    """Say what came, in few words, for an error message."""
    names = {str: "text", dict: "an object", list: "a list", type(None): "null"}
    kind = names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)
    if value is None or isinstance(value, dict | list):
        return kind
    if isinstance(value, bool):
        return "a boolean (true)" if value else "a boolean (false)"
    try:
        text = str(value)[:40]
        return f"{kind} ({text if kind == 'a number' else repr(text)})"
    except Exception:  # an integer of more digits than Python cares to print, or an object that fails
        return kind
