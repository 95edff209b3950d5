"""Every kind of change that is looked for. A further one is a function here that yields hypotheses."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from driftmeter.verdict.changes import affine, hours, kinds, masses, steps
from driftmeter.verdict.changes.hypothesis import Hypothesis
from driftmeter.verdict.changes.kinds import Categories
from driftmeter.verdict.changes.values import Values

OF_NUMBERS: tuple[Callable[[Values], Iterable[Hypothesis]], ...] = (
    affine.affine,
    affine.units,
    masses.spikes,
    masses.outliers,
    masses.limits,
    masses.mixtures,
    steps.steps,
    hours.hours,
)
OF_CATEGORIES: tuple[Callable[[Categories], Iterable[Hypothesis]], ...] = (
    kinds.new,
    kinds.renamed,
    kinds.swapped,
    kinds.shares,
    kinds.hours_of_day,
)
