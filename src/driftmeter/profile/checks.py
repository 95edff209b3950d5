"""Checks of what JSON may hold: whole numbers that a float carries too, and texts that can be written."""

from __future__ import annotations


def is_utf8(text: str) -> bool:
    """Say whether a text can be written: JSON and pandas may hold half a surrogate pair, which can't."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def integer_of(value: object) -> int:
    """Return a number of rows as JSON had it; raises ValueError where it is none that a float could carry too."""
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError(f"expected an integer from 0 to 2**53 - 1, got {str(value)[:40]}")
    return value
