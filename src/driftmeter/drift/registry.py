"""All drift tests. A new one is its own file and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from driftmeter.drift.chi_square import ChiSquare, ChiSquareHashed
from driftmeter.drift.hellinger import Hellinger
from driftmeter.drift.jensen_shannon import JensenShannon
from driftmeter.drift.ks import KolmogorovSmirnov
from driftmeter.drift.protocol import DriftTest
from driftmeter.drift.psi import PopulationStability
from driftmeter.drift.rates import MissingRate, OutOfRangeRate, UnreadableRate, UnseenRate
from driftmeter.drift.total_variation import TotalVariation
from driftmeter.drift.vanished import Vanished
from driftmeter.drift.wasserstein import Wasserstein

DRIFT_TESTS: tuple[DriftTest, ...] = (
    KolmogorovSmirnov(),
    ChiSquare(),
    ChiSquareHashed(),
    PopulationStability(),
    JensenShannon(),
    Hellinger(),
    TotalVariation(),
    Wasserstein(),
    Vanished(),
    MissingRate(),
    UnreadableRate(),
    UnseenRate(),
    OutOfRangeRate(),
)
"""In the order in which results show them: new ones come last."""

DRIFT_TESTS_BY_NAME: Mapping[str, DriftTest] = {test.name: test for test in DRIFT_TESTS}
"""The same tests by `name`."""
