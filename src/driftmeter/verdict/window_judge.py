"""One window judged by itself, as of a batch: without a past, and so without a sequential detector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from driftmeter.detectors.protocol import Mask
from driftmeter.drift import FeatureScores
from driftmeter.panes.windows import Window
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.types import Floats
from driftmeter.verdict.sentences import of_window
from driftmeter.verdict.severity import grade
from driftmeter.verdict.verdict import FeatureVerdict, State, Verdict


def judge_window(profile: Profile, scores: Sequence[FeatureScores], window: Window, settings: ModelSettings) -> Verdict:
    """Decide on one window by itself: a feature drifts where its p-value is significant and its effect is large enough.

    Significance alone is not enough: with enough rows the smallest change is significant. `scores` are in the
    order of the profile's features. Below `settings.min_rows` rows all features are `insufficient`.
    """
    enough = window.summary.rows >= max(1, settings.min_rows)
    p_values = np.array([score.p_value for score in scores])
    effects = np.array([score.largest_effect for score in scores])
    tolerances = np.array([settings.tolerance_of(feature.name) for feature in profile.features])
    drifting = significant(p_values, settings.false_discovery_rate) & (effects >= tolerances)
    features = []
    for feature, score, drifts in zip(profile.features, scores, drifting, strict=True):
        state: State = "insufficient" if not enough else "drifting" if drifts else "ok"
        severity = grade(score.effect_low, score.excess) if state == "drifting" else "none"
        why = of_window(state, score, window.summary.rows, settings)
        features.append(FeatureVerdict(feature.name, feature.role, state, severity, None, score, why))
    return Verdict(profile.model, profile.digest, window, tuple(features))


def significant(p_values: Floats, rate: float) -> Mask:
    """Return which p-values, of shape (tests,), are significant at a false discovery rate.

    The step-up procedure of Benjamini and Hochberg (1995): of the sorted p-values all up to the last one that is at
    most its rank × rate / tests. Equal p-values are significant together.

    >>> significant(np.array([0.5, 0.0019, 0.0059, 0.0059, 0.9]), 0.01).tolist()
    [False, True, True, True, False]
    """
    order = np.argsort(p_values, kind="stable")
    bounds = rate * np.arange(1, len(p_values) + 1) / max(len(p_values), 1)
    below = np.flatnonzero(p_values[order] <= bounds)
    rejected = np.zeros(len(p_values), dtype=np.bool_)
    if below.size:
        rejected[order[: below[-1] + 1]] = True
    return rejected
