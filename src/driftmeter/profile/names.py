"""What columns, features and models may be called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

from driftmeter.errors import InputError, ProfileError

MOST_CHARACTERS = 1_000
"""Of a column's or a model's name: it is part of addresses, of which servers and gateways read a few thousand bytes."""
_INDEX = re.compile(r"__index_level_\d+__")
_UNREACHABLE = (".", "..")


def text_of(name: object) -> str | None:
    """Return a column's name as text; a whole number's are its digits, as files have it. None where it is neither.

    >>> text_of("age"), text_of(0), text_of(("age", "mean")), text_of(float("nan"))
    ('age', '0', None, None)
    """
    if isinstance(name, str):
        return str.__str__(name)
    return str(int(name)) if isinstance(name, Integral) and not isinstance(name, bool) else None


def texts_of(names: Iterable[object]) -> list[str]:
    """Return the names of a frame's columns as text; raises InputError, with the way out, where one has none."""
    found = []
    for name in names:
        text = text_of(name)
        if text is None:
            joined = '["_".join(map(str, name)) for name in frame.columns]'
            way = joined if isinstance(name, tuple) else "frame.columns.map(str)"
            got = f"{str(name)[:60]!r} of type {type(name).__name__}: rename them, such as by frame.columns = {way}"
            raise InputError("columns", "names that are texts or whole numbers", got)
        found.append(text)
    return found


def with_text_names(record: Mapping[Any, Any]) -> Mapping[str, Any]:
    """Return a row under its columns' names as text; a name that has none stays, and is no column of any profile.

    >>> with_text_names({0: 1.5, "x": 2.5})
    {'0': 1.5, 'x': 2.5}
    """
    if set(map(type, record)) <= {str}:
        return record
    return {name if (text := text_of(name)) is None else text: value for name, value in record.items()}


def named(name: str | None) -> str | None:
    """Return how a column that somebody asks for is called in a frame whose names are text."""
    return name if (text := text_of(name)) is None else text


def in_one_line(text: str) -> str:
    """Escape what would break a line of a log, or command a terminal: names may hold anything.

    >>> print(in_one_line("net" + chr(10) + "größe" + chr(27) + "[31m"))
    net\\ngröße\\x1b[31m
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def no_feature(column: str) -> str | None:
    """Say why a column of that name is left out unless it is asked for; None where it is not.

    pandas writes the index of a frame that was sampled, filtered or sorted into Parquet, under names such as
    `__index_level_0__`, and into CSV without a name.
    """
    if not column.strip():
        return "has no name: give it one, should it be a feature"
    return (
        "the index of a pandas frame: include it by name, should it be a feature" if _INDEX.fullmatch(column) else None
    )


def check_name(what: str, name: str) -> None:
    """Refuse a name that no address can carry or nobody can read; raises ProfileError with the way out."""
    if not name.strip():
        raise ProfileError(f"{what}: expected a name, got {name!r}: give it one")
    if len(name) > MOST_CHARACTERS:
        got = f"one of {len(name):,} ({name[:40]!r}…)"
        raise ProfileError(f"{what}: expected a name of at most {MOST_CHARACTERS:,} characters, got {got}: rename it")
    if name in _UNREACHABLE:
        raise ProfileError(f"{what}: expected a name that an address can carry, got {name!r}: rename it")
