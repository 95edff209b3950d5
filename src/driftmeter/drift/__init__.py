"""Drift tests: how far a window's counts are from the reference's, feature by feature.

They only measure; the package `verdict` decides.
"""

from driftmeter.drift.protocol import DriftTest, Pair, Score, Scores
from driftmeter.drift.psi import Effect
from driftmeter.drift.registry import DRIFT_TESTS, DRIFT_TESTS_BY_NAME
from driftmeter.drift.scorer import FeatureScores, Scorer

__all__ = [
    "DRIFT_TESTS",
    "DRIFT_TESTS_BY_NAME",
    "DriftTest",
    "Effect",
    "FeatureScores",
    "Pair",
    "Score",
    "Scorer",
    "Scores",
]
