"""How changes write their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, isfinite, log10

from driftmeter.verdict.figures import amount

_MOST_NAMED = 3


def signed(value: float) -> str:
    """Write an offset with its sign, to three digits or so.

    >>> signed(12.0), signed(-0.03217), signed(273.15)
    ('+12', '−0.0322', '+273')
    """
    text = f"{abs(value):.3g}" if abs(value) < 100 else amount(abs(value), abs(value) / 10)
    return f"{'−' if value < 0 else '+'}{text}"


def offset_text(value: float) -> str:
    """Write an offset behind a factor.

    >>> offset_text(-17.7778), offset_text(32.0)
    ('− 17.8', '+ 32')
    """
    text = signed(value)
    return f"{text[0]} {text[1:]}"


def factor_text(value: float) -> str:
    """Write a factor.

    >>> factor_text(5 / 9), factor_text(1000.0), factor_text(1 / 60)
    ('×0.556', '×1,000', '×0.0167')
    """
    return f"×{value:.3g}" if abs(value) < 1000 else f"×{value:,.0f}"


def quoted(name: str) -> str:
    """Write a category in quotes, a long one shortened."""
    return repr(name if len(name) <= 40 else f"{name[:39]}…")


def listed(names: Sequence[str]) -> str:
    """List categories, of many the first few.

    >>> listed(["a"]), listed(["a", "b", "c", "d"])
    ("'a'", "'a', 'b', 'c' and 1 more")
    """
    text = ", ".join(map(quoted, names[:_MOST_NAMED]))
    return f"{text} and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else text


def roundest(value: float, error: float) -> float:
    """Return the number of fewest digits within an error of a value; the value itself where there is no error.

    >>> roundest(2.98, 0.11), roundest(12.34, 0.06), roundest(-0.0321, 0.004)
    (3.0, 12.3, -0.03)
    """
    if error <= 0 or not isfinite(value) or not isfinite(error) or value == 0:
        return value
    for places in range(-floor(log10(abs(value))) - 1, 15):
        rounded = round(value, places)
        if rounded and abs(rounded - value) <= error:
            return rounded
    return value
