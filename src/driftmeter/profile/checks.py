"""Checks of values from JSON: integers that a float holds exactly, and texts that can be encoded."""

from __future__ import annotations


def is_utf8(text: str) -> bool:
    """Say whether a text can be encoded as UTF-8: JSON and pandas may hold half a surrogate pair, which cannot.

    >>> is_utf8("Köln"), is_utf8("\\ud800")
    (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def integer_of(value: object) -> int:
    """Return a number of rows from JSON; raises ValueError on all but integers from 0 to 2**53 - 1."""
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError(f"expected an integer from 0 to 2**53 - 1, got {str(value)[:40]}")
    return value
