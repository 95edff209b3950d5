"""Options for reading a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


def silent(note: str) -> None:
    """Ignore a note."""


@dataclass(frozen=True)
class How:
    """How to read a file where its content is ambiguous.

    `texts` are columns of text, `numbers` are columns of numbers. `na` are words that mean a missing value in CSV,
    where they are not quoted. `encoding` is that of a CSV file, None for UTF-8 or what the byte order mark says. `say`
    is called with a sentence on each property of the file that was recognised.
    """

    texts: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    na: tuple[str, ...] = ()
    encoding: str | None = None
    say: Callable[[str], None] = field(default=silent)
