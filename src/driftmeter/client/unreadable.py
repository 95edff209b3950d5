"""What could not be read, counted by field, and a sentence about it now and then."""

from __future__ import annotations

from dataclasses import dataclass

from driftmeter.data.rejected import Rejected

_MOST_NAMED = 5
_LONGEST_NAME = 40
_MOST_FIELDS = 10_000


@dataclass
class _FieldCount:
    expected: str
    got: str
    count: int = 0
    logged: int = 0
    """What `count` was in the last sentence that named the field."""

    def to_json(self) -> dict[str, object]:
        return {"count": self.count, "expected": self.expected, "got": self.got}


class UnreadableFields:
    """Counts values that could not be read by field, and keeps what was expected and what came last.

    The field of a time is `timestamp`; the field of something that is no row at all is "". No clock and no lock.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self._fields: dict[str, _FieldCount] = {}

    def add(self, example: Rejected, count: int) -> None:
        """Count values of one field, such as the example; fields beyond the first 10,000 are left out."""
        if not count:
            return
        field = self._fields.get(example.field)
        if field is None:
            if len(self._fields) >= _MOST_FIELDS:  # each new profile may bring new ones
                return
            field = self._fields[example.field] = _FieldCount(example.expected, example.got)
        field.expected, field.got = example.expected, example.got
        field.count += count

    @property
    def has_unlogged(self) -> bool:
        """Whether some count has grown since the last sentence about it."""
        return any(field.count > field.logged for field in self._fields.values())

    @property
    def has_unnamed(self) -> bool:
        """Whether no sentence has named some field yet."""
        return any(not field.logged for field in self._fields.values())

    def sentence(self) -> str:
        """Return a sentence about at most five fields: what was expected, what came, and how often.

        Fields that no sentence has named come first, then those that have grown most. The rest waits for the next
        sentence. No name or value is longer than 40 characters.
        """
        grown = [(name, field) for name, field in self._fields.items() if field.count > field.logged]
        grown.sort(key=lambda item: (item[1].logged > 0, item[1].logged - item[1].count))
        parts = [_part(name, field) for name, field in grown[:_MOST_NAMED]]
        if len(grown) > _MOST_NAMED:
            parts.append(f"{len(grown) - _MOST_NAMED:,} more fields, see Monitor.unreadable()")
        for _, field in grown[:_MOST_NAMED]:
            field.logged = field.count
        return f"cannot be read: {'; '.join(parts)}"

    def to_json(self) -> dict[str, dict[str, object]]:
        """Return plain JSON: for each field `count`, and `expected` and `got` of the last value."""
        return {name: field.to_json() for name, field in self._fields.items()}


def _part(name: str, field: _FieldCount) -> str:
    subject = f"field {name[:_LONGEST_NAME]!r}" if name else "rows"
    return f"{subject}: expected {field.expected}, got {field.got} ({field.count:,} so far)"
