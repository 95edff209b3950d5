"""Codes for missing among numbers: -999, 9999, or -1 where nothing else is negative."""

from __future__ import annotations

import numpy as np

from driftmeter.types import Floats

_FEWEST_ROWS = 50
_FEWEST_CODED = 5
_LEAST_SHARE = 0.002
_LEAST_SHARE_OF_UNTYPICAL = 0.01
"""Of a code that is not written in nines."""
_FEWEST_OTHERS = 10


def missing_code(numbers: Floats) -> tuple[float, float] | None:
    """Return a value that looks like a code for missing, and its share of the numbers; None where there is none.

    `numbers` (rows,); NaN does not count. A code is the least or the largest value, many rows have it, and it is far
    from all others: by half of what the middle 98 % of these span if it is written in nines, by ten times that much
    otherwise. So is -1 where more than ten other values are 0 or more.

    >>> missing_code(np.concatenate([np.linspace(0, 100, 95), np.full(5, -999.0)]))
    (-999.0, 0.05)
    >>> missing_code(np.linspace(0, 100, 95))
    """
    ordered = np.sort(numbers[np.isfinite(numbers)])
    if len(ordered) < _FEWEST_ROWS:
        return None
    for code in (float(ordered[0]), float(ordered[-1])):
        others = ordered[ordered != code]
        coded = len(ordered) - len(others)
        share = coded / len(ordered)
        if coded < _FEWEST_CODED or share < _LEAST_SHARE or len(others) < 2:
            continue
        low, high = others[len(others) // 100], others[-1 - len(others) // 100]
        with np.errstate(over="ignore"):
            gap, width = float(np.abs(others - code).min()), float(high - low)
        typical = _is_in_nines(code) and gap > width / 2
        untypical = share >= _LEAST_SHARE_OF_UNTYPICAL and (
            gap > 10 * width > 0 or (code == -1 and others[0] >= 0 and len(np.unique(others)) > _FEWEST_OTHERS)
        )
        if typical or untypical:
            return code, share
    return None


def missing_code_note(numbers: Floats) -> str | None:
    """Describe the code for missing among numbers in a sentence, None where there is none."""
    found = missing_code(numbers)
    if found is None:
        return None
    code, share = found
    return (
        f"{code:g} in {100 * share:.2g} % of the rows, far from all others: looks like a code for missing; "
        f"--na={code:g}, as the CSV file writes it, reads it so"
    )


def _is_in_nines(code: float) -> bool:
    digits = f"{abs(code):.0f}" if code.is_integer() and abs(code) < 1e15 else ""
    return len(digits) >= 2 and set(digits) == {"9"}
