"""Drift tests: how far a window's counts are from the reference's, feature by feature. verdict.py decides."""

from driftmeter.drift.protocol import DriftTest, Pair, Score, Scores
from driftmeter.drift.psi import Effect
from driftmeter.drift.registry import DRIFT_TESTS
from driftmeter.drift.scorer import FeatureScores, Scorer, score_feature

__all__ = [
    "DRIFT_TESTS",
    "DriftTest",
    "Effect",
    "FeatureScores",
    "Pair",
    "Score",
    "Scorer",
    "Scores",
    "score_feature",
]
