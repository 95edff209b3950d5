"""What the drift tests measure: their units and where their formulas come from."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from driftmeter.drift.registry import DRIFT_TESTS


@dataclass(frozen=True)
class LegendEntry:
    """One drift test: its name in verdicts and metrics, the unit of its statistic, and the source of its formula."""

    name: str
    unit: str
    citation: str


def legend(names: Container[str]) -> list[LegendEntry]:
    """Return the entries of the tests with these names, in the order of the registry; unknown names are left out.

    >>> legend({"psi"})[0].unit
    'nats'
    """
    return [LegendEntry(test.name, test.unit, test.citation) for test in DRIFT_TESTS if test.name in names]
