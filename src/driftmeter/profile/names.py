"""Names of columns, features and models: which ones are allowed, and how they become text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

from driftmeter.errors import InputError, ProfileError

MOST_CHARACTERS = 1_000
"""Longest name of a column or model: names are part of URLs, of which gateways read a few thousand bytes."""
_INDEX = re.compile(r"__index_level_\d+__")
_UNREACHABLE = (".", "..")


def text_of(name: object) -> str | None:
    """Return the name of a column as text: a whole number becomes its digits, as in a file; other objects give None.

    >>> text_of("age"), text_of(0), text_of(("age", "mean")), text_of(float("nan"))
    ('age', '0', None, None)
    """
    if isinstance(name, str):
        return str.__str__(name)
    return str(int(name)) if isinstance(name, Integral) and not isinstance(name, bool) else None


def texts_of(names: Iterable[object]) -> list[str]:
    """Return the names of the columns of a frame as text.

    Raises InputError, with a way to rename the columns, where a name is neither text nor a whole number.
    """
    texts = []
    for name in names:
        text = text_of(name)
        if text is None:
            joined = '["_".join(map(str, name)) for name in frame.columns]'
            way = joined if isinstance(name, tuple) else "frame.columns.map(str)"
            got = f"{str(name)[:60]!r} of type {type(name).__name__}: rename them, such as by frame.columns = {way}"
            raise InputError("columns", "names that are texts or whole numbers", got)
        texts.append(text)
    return texts


def with_text_names(record: Mapping[Any, Any]) -> Mapping[str, Any]:
    """Return a row with names as text; a name that has no text stays as it is, since no profile has such a column.

    >>> with_text_names({0: 1.5, "x": 2.5})
    {'0': 1.5, 'x': 2.5}
    """
    if set(map(type, record)) <= {str}:
        return record
    return {name if (text := text_of(name)) is None else text: value for name, value in record.items()}


def named(name: str | None) -> str | None:
    """Return the text of a name that a user asks for, or the name itself where it has none."""
    return name if (text := text_of(name)) is None else text


def in_one_line(text: str) -> str:
    """Escape characters that break a line of a log or control a terminal: names may hold anything.

    >>> print(in_one_line("net" + chr(10) + "größe" + chr(27) + "[31m"))
    net\\ngröße\\x1b[31m
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def no_feature(column: str) -> str | None:
    """Return why a column of that name is left out unless the user names it; None where it is not left out.

    pandas writes the index of a frame that was sampled, filtered or sorted: to Parquet under names such as
    `__index_level_0__`, to CSV without a name.
    """
    if not column.strip():
        return "has no name: give it one, should it be a feature"
    return f"the index of a pandas frame; --include {column} monitors it" if _INDEX.fullmatch(column) else None


def check_name(what: str, name: str) -> None:
    """Raise ProfileError, with the way out, on a name that is blank, too long, or cannot be part of a URL."""
    if not name.strip():
        raise ProfileError(f"{what}: expected a name, got {name!r}: give it one")
    if len(name) > MOST_CHARACTERS:
        got = f"one of {len(name):,} ({name[:40]!r}…)"
        raise ProfileError(f"{what}: expected a name of at most {MOST_CHARACTERS:,} characters, got {got}: rename it")
    if name in _UNREACHABLE:
        raise ProfileError(f"{what}: expected a name that an address can carry, got {name!r}: rename it")
