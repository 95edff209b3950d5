"""Severity: how bad a drift is. The only place that knows the thresholds and the order; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Severity = Literal["none", "slight", "minor", "major"]

SEVERITIES: tuple[Severity, ...] = ("none", "slight", "minor", "major")
"""All severities, the mildest first."""

MINOR, MAJOR = 0.1, 0.25
"""The usual bounds of the population stability index (Siddiqi, Credit Risk Scorecards, 2006)."""
MINOR_RATE, MAJOR_RATE = 0.01, 0.05
"""Growth in the share of rows that are missing, unreadable, unseen or out of range, or the share that vanished."""


def grade(effect_low: float, excess_low: float) -> Severity:
    """Grade what drifts by whichever is worse: the lower bound of its effect, or that of its excess rate.

    `effect_low` is a population stability index; `excess_low` is a share of all rows (0 to 1): those that are new in
    bins where the reference has few rows or none, or that vanished. What drifts is beyond the tolerance, so at least
    `slight`: `none` is for what does not drift. A NaN grades as nothing more.

    >>> grade(0.02, 0.0), grade(0.1, 0.0), grade(0.0, 0.05)
    ('slight', 'minor', 'major')
    """
    if effect_low >= MAJOR or excess_low >= MAJOR_RATE:
        return "major"
    return "minor" if effect_low >= MINOR or excess_low >= MINOR_RATE else "slight"


def rank(severity: str) -> int:
    """Return the place of a severity, 0 for the mildest; a word that is no severity has that of `none`.

    >>> rank("major"), rank("none"), rank("dreadful")
    (3, 0, 0)
    """
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0


def worst_severity(severities: Iterable[str]) -> Severity:
    """Return the worst of some severities, `none` if there are none; words that are no severity do not count.

    >>> worst_severity(["slight", "major", "minor"]), worst_severity([])
    ('major', 'none')
    """
    return SEVERITIES[max(map(rank, severities), default=0)]
