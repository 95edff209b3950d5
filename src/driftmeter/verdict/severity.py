"""Severity: how bad a drift is. The only place that knows the thresholds and the order; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Severity = Literal["none", "minor", "major"]

SEVERITIES: tuple[Severity, ...] = ("none", "minor", "major")
"""All severities, the mildest first."""

MINOR, MAJOR = 0.1, 0.25
"""The usual bounds of the population stability index (Siddiqi, Credit Risk Scorecards, 2006)."""
MINOR_RATE, MAJOR_RATE = 0.01, 0.05
"""Growth in the share of rows that are missing, unreadable, unseen or out of range, or the share that vanished."""


def grade(effect_low: float, excess: float) -> Severity:
    """Grade a drift by whichever is worse: the lower bound of its effect, or its excess rate.

    `effect_low` is a population stability index; `excess` is the growth of a share of rows (0 to 1), in
    bins where the reference has few rows or none. A NaN grades as nothing.

    >>> grade(0.09, 0.0), grade(0.1, 0.0), grade(0.0, 0.05)
    ('none', 'minor', 'major')
    """
    if effect_low >= MAJOR or excess >= MAJOR_RATE:
        return "major"
    return "minor" if effect_low >= MINOR or excess >= MINOR_RATE else "none"


def rank(severity: str) -> int:
    """Return the place of a severity, 0 for the mildest; a word that is no severity has that of `none`.

    >>> rank("major"), rank("none"), rank("dreadful")
    (2, 0, 0)
    """
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0


def worst_severity(severities: Iterable[str]) -> Severity:
    """Return the worst of some severities, `none` if there are none; words that are no severity do not count.

    >>> worst_severity(["none", "major", "minor"]), worst_severity([])
    ('major', 'none')
    """
    return SEVERITIES[max(map(rank, severities), default=0)]
