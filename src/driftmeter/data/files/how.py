"""What is known of a file before it is read, and whom to tell what was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


def silent(note: str) -> None:
    """Take no notice."""


@dataclass(frozen=True)
class How:
    """How to read what a file leaves open.

    `texts` are columns whose cells are text as they stand, `numbers` such whose cells are numbers; `na` are words that
    stand for a missing value in CSV, where they are not quoted; `encoding` is that of a CSV file, by default UTF-8 or
    what its byte order mark says. `say` is called with a sentence on whatever was recognised rather than told.
    """

    texts: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    na: tuple[str, ...] = ()
    encoding: str | None = None
    say: Callable[[str], None] = field(default=silent)
