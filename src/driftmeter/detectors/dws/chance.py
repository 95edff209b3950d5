"""Chances as base-10 logarithms, and the two limits between which a chance is worth working out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from driftmeter.types import Floats

LEAST_LOG10 = -300.0
"""log10 of the smallest chance; smaller ones count as this."""
NOTABLE = 2.5
"""In standard deviations: below this no window can alarm, and the normal tail is exact enough to be shown."""
CERTAIN = 38.0
"""In standard deviations: beyond this the chance is smaller than floats hold."""


def log10_of(chance: npt.ArrayLike) -> Floats:
    """Return log10 of chances, any shape; -300 for smaller ones, and for 0.

    >>> log10_of([0.01, 0.0]).tolist()
    [-2.0, -300.0]
    """
    logarithm: Floats = np.log10(np.maximum(chance, 1e-300))
    return logarithm


def log10_student(deviations: Floats, freedom: Floats) -> Floats:
    """Return log10 of the upper tail of Student's t, scaled to variance 1, at `deviations` standard deviations.

    With `freedom` ν = 4 + 6/g₂ it has the excess kurtosis g₂. P = P(t_ν > z·√(ν/(ν−2))). ν must be above 2; the arrays
    broadcast.

    >>> log10_student(np.array([5.0]), np.array([6.0, 1e9])).round(2).tolist()  # g₂ = 3, and normal
    [-3.36, -6.54]
    """
    scaled = deviations * np.sqrt(freedom / (freedom - 2))
    return log10_of(stdtr(freedom, -scaled))
