"""What the value of a setting may be: how it is read from JSON or TOML, checked, and written."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from driftmeter.drift.registry import DRIFT_TESTS
from driftmeter.errors import InputError, unknown_name
from driftmeter.timestamps import duration_text, parse_duration
from driftmeter.types import JSON, Milliseconds

TEST_NAMES = tuple(test.name for test in DRIFT_TESTS)
_MOST_ROWS = 10**9


class SettingKind(Protocol):
    """A kind of value; every method raises or returns at once, and none keeps anything."""

    def read(self, value: object, where: str) -> Any:
        """Return the value that JSON or TOML has at the path `where`; raises InputError where it has another type."""
        ...

    def check(self, name: str, value: Any, settings: object) -> None:
        """Raise InputError of the field `name` where a value of that type is out of its bounds."""
        ...

    def write(self, value: Any) -> object:
        """Return the value as JSON."""
        ...

    def schema(self) -> JSON:
        """Return the JSON schema of what `read` takes."""
        ...


@dataclass(frozen=True)
class TimeLength:
    """A length of time in ms, written as text such as "30d"; `least` may be the name of another setting."""

    least: Milliseconds | str
    most: Milliseconds

    def read(self, value: object, where: str) -> Milliseconds:
        """Read text: a number with ms, s, m, h or d."""
        return parse_duration(value, where)

    def check(self, name: str, value: Milliseconds, settings: object) -> None:
        """Keep to the bounds."""
        least: Milliseconds = getattr(settings, self.least) if isinstance(self.least, str) else self.least
        if not least <= value <= self.most:
            raise InputError(name, f"{duration_text(least)} to {duration_text(self.most)}", duration_text(value))

    def write(self, value: Milliseconds) -> str:
        """Write it in the largest unit that takes no fraction."""
        return duration_text(value)

    def schema(self) -> JSON:
        """Return a string's schema."""
        return {"type": "string", "description": "A number with ms, s, m, h or d.", "example": "30d"}


@dataclass(frozen=True)
class RowCount:
    """A number of rows, up to a thousand million."""

    least: int = 0

    def read(self, value: object, where: str) -> int:
        """Read a whole number."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise InputError(where, "a whole number", repr(value)[:60])
        return value

    def check(self, name: str, value: int, settings: object) -> None:
        """Keep to the bounds."""
        if not self.least <= value <= _MOST_ROWS:
            raise InputError(name, f"{self.least} to {_MOST_ROWS} rows", str(value)[:60])

    def write(self, value: int) -> int:
        """Write it as it is."""
        return value

    def schema(self) -> JSON:
        """Return an integer's schema."""
        return {"type": "integer"}


class _Number:
    def read(self, value: object, where: str) -> float:
        """Read a number, whole or not."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(where, "a number", repr(value)[:60])
        try:
            return float(value)
        except OverflowError:  # a whole number of hundreds of digits
            return math.inf

    def write(self, value: float | None) -> float | None:
        """Write it as it is."""
        return value

    def schema(self) -> JSON:
        """Return a number's schema."""
        return {"type": "number"}


class StabilityIndex(_Number):
    """A population stability index from 0 to 10; None means the model's."""

    def check(self, name: str, value: float | None, settings: object) -> None:
        """Keep to the bounds."""
        if value is not None and not 0 <= value <= 10:
            raise InputError(name, "a PSI from 0 to 10", str(value))


class Importance(_Number):
    """A number of at least 0, by whatever measure; None: not known."""

    def check(self, name: str, value: float | None, settings: object) -> None:
        """Keep to the bounds."""
        if value is not None and not 0 <= value < math.inf:
            raise InputError(name, "a finite number of at least 0", str(value))


class ZeroToOne(_Number):
    """A number from 0 to 1."""

    def check(self, name: str, value: float, settings: object) -> None:
        """Keep to the bounds."""
        if not 0 <= value <= 1:
            raise InputError(name, "0 to 1", str(value))


class Fraction(_Number):
    """A number above 0 and below 1."""

    def check(self, name: str, value: float, settings: object) -> None:
        """Keep to the bounds."""
        if not 0 < value < 1:
            raise InputError(name, "above 0 and below 1", str(value))


class YesNo:
    """True or false."""

    def read(self, value: object, where: str) -> bool:
        """Read a boolean."""
        if not isinstance(value, bool):
            raise InputError(where, "true or false", repr(value)[:60])
        return value

    def check(self, name: str, value: bool, settings: object) -> None:
        """Take both."""

    def write(self, value: bool) -> bool:
        """Write it as it is."""
        return value

    def schema(self) -> JSON:
        """Return a boolean's schema."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Choice:
    """One of some words."""

    words: Sequence[str]

    def read(self, value: object, where: str) -> object:
        """Take anything: `check` says which words there are."""
        return value

    def check(self, name: str, value: object, settings: object) -> None:
        """Take one of the words."""
        if value not in self.words:
            raise InputError(name, " or ".join(self.words), repr(value)[:60])

    def write(self, value: str) -> str:
        """Write it as it is."""
        return value

    def schema(self) -> JSON:
        """Return the schema of the words."""
        return {"type": "string", "enum": list(self.words)}


class DriftTestNames:
    """Names of drift tests, each once; None: all of them, or as the model has it."""

    def read(self, value: object, where: str) -> tuple[str, ...] | None:
        """Read a list of texts, or null."""
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise InputError(where, "a list of names of tests", repr(value)[:60])
        return tuple(dict.fromkeys(value))

    def check(self, name: str, value: tuple[str, ...] | None, settings: object) -> None:
        """Take names of tests that there are."""
        for test in value or ():
            if test not in TEST_NAMES:
                raise unknown_name(name, test, TEST_NAMES)

    def write(self, value: tuple[str, ...] | None) -> list[str] | None:
        """Write a list, or null."""
        return None if value is None else list(value)

    def schema(self) -> JSON:
        """Return the schema of such a list."""
        return {"type": ["array", "null"], "items": {"type": "string"}}


def as_markdown(kind: SettingKind, value: Any) -> str:
    """Return a value as a table of the docs shows it.

    >>> as_markdown(TimeLength(0, 10), 5_000), as_markdown(YesNo(), True), as_markdown(RowCount(), 200)
    ('`"5s"`', '`true`', '200')
    """
    text = json.dumps(kind.write(value))
    return text if isinstance(value, int | float) and text[0].isdigit() else f"`{text}`"
