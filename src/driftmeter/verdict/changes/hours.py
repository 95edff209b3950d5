"""Hours of the day that moved by some hours, as in another time zone: what falls off one end comes in at the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from driftmeter.types import Floats
from driftmeter.verdict.changes.change import Change
from driftmeter.verdict.changes.hypothesis import Hypothesis, misfit
from driftmeter.verdict.changes.values import Values

DAY = 24
_PRICE = 0.8
"""Parameters that the number of hours counts for: it is one of 23."""


def hour_text(hours: int) -> str:
    """Say by how many hours, the nearer way round.

    >>> hour_text(5), hour_text(23)
    ('is shifted by +5 hours, as in another time zone', 'is shifted by −1 hour, as in another time zone')
    """
    near = hours if hours <= DAY // 2 else hours - DAY
    number = f"{'−' if near < 0 else '+'}{abs(near)} hour{'' if abs(near) == 1 else 's'}"
    return f"is shifted by {number}, as in another time zone"


def hours(values: Values) -> Iterator[Hypothesis]:
    """Yield the hours of a number, if all of the reference's values are whole ones from 0 to 23."""
    atoms = values.grid.atoms
    if None in atoms or len(atoms) < 6:
        return
    held = np.array(atoms, dtype=np.float64)
    if held[0] < 0 or held[-1] > DAY - 1 or (held % 1).any():
        return
    core = values.was[2:-2]
    moved = (held + np.arange(1, DAY)[:, np.newaxis]) % DAY
    bin_ = np.searchsorted(values.cuts, moved, side="right")
    expected = np.zeros((DAY - 1, len(values.was)))
    np.add.at(expected, (np.arange(DAY - 1)[:, np.newaxis], bin_), core)
    yield _best(expected, values.now, misfit(values.now, expected, values.noise))


def _best(expected: Floats, now: Floats, scores: Floats) -> Hypothesis:
    best = int(scores.argmin())
    number = best + 1 if best + 1 <= DAY // 2 else best + 1 - DAY
    return Hypothesis(
        Change("hours", hour_text(best + 1), hours=number), expected[best], _PRICE, within=("shift", "affine")
    )
