"""What could not be read, by field: kept for whoever asks, and said in few words now and then."""

from __future__ import annotations

from dataclasses import dataclass

from driftmeter.data.rejected import Rejected

_MOST_NAMED = 5
_LONGEST_NAME = 40
_MOST_FIELDS = 10_000


@dataclass
class _Field:
    expected: str
    got: str
    count: int = 0
    said: int = 0

    def to_json(self) -> dict[str, object]:
        return {"count": self.count, "expected": self.expected, "got": self.got}


class Unread:
    """Counts values that could not be read by field, each with what was expected and what came last.

    The field of a time is `timestamp`; the field of what is no row at all is empty. No clock and no lock.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self._fields: dict[str, _Field] = {}

    def note(self, first: Rejected, count: int) -> None:
        """Count so many values of a field, such as this one."""
        if not count:
            return
        field = self._fields.get(first.field)
        if field is None:
            if len(self._fields) >= _MOST_FIELDS:  # profiles that follow each other bring new ones
                return
            field = self._fields[first.field] = _Field(first.expected, first.got)
        field.expected, field.got = first.expected, first.got
        field.count += count

    @property
    def unsaid(self) -> bool:
        """Whether there is more than `say` has said."""
        return any(field.count > field.said for field in self._fields.values())

    @property
    def unnamed(self) -> bool:
        """Whether some field was never said."""
        return any(not field.said for field in self._fields.values())

    def say(self) -> str:
        """Return a sentence on some fields, what was expected and what came: those that were never said, then those
        that have grown most. The rest is for the next sentence. No value is longer than 40 characters."""
        grown = [(name, field) for name, field in self._fields.items() if field.count > field.said]
        grown.sort(key=lambda each: (each[1].said > 0, each[1].said - each[1].count))
        parts = [_part(name, field) for name, field in grown[:_MOST_NAMED]]
        if len(grown) > _MOST_NAMED:
            parts.append(f"{len(grown) - _MOST_NAMED:,} more fields, see Monitor.unreadable()")
        for _, field in grown[:_MOST_NAMED]:
            field.said = field.count
        return f"cannot be read: {'; '.join(parts)}"

    def to_json(self) -> dict[str, dict[str, object]]:
        """Plain JSON: for each field `count`, and `expected` and `got` of the last one."""
        return {name: field.to_json() for name, field in self._fields.items()}


def _part(name: str, field: _Field) -> str:
    what = f"field {name[:_LONGEST_NAME]!r}" if name else "rows"
    return f"{what}: expected {field.expected}, got {field.got} ({field.count:,} so far)"
