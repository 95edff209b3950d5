"""One window judged by itself, as of a batch: without a past, and so without a sequential detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from driftmeter.detectors.protocol import Mask
from driftmeter.drift import FeatureScores
from driftmeter.panes.windows import Window
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.types import Floats
from driftmeter.verdict import sentences
from driftmeter.verdict.blame import Blame, Drifter
from driftmeter.verdict.changes import leading, recognise
from driftmeter.verdict.severity import grade
from driftmeter.verdict.verdict import FeatureVerdict, State, Verdict
from driftmeter.verdict.window_cause import Names, cause_of_window


def judge_window(
    profile: Profile,
    scores: Sequence[FeatureScores],
    window: Window,
    settings: ModelSettings,
    new_categories: Mapping[str, Names] | None = None,
) -> Verdict:
    """Decide on one window by itself: a feature drifts where its p-value is significant and its effect is large enough.

    Significance alone is not enough: with enough rows the smallest change is significant. `scores` are in the
    order of the profile's features. Below `settings.min_rows` rows all features are `insufficient`. `new_categories`
    are the names of what a feature's reference never held, as `cause_of_window` takes them.
    """
    enough = window.summary.rows >= max(1, settings.min_rows)
    p_values = np.array([score.p_value for score in scores])
    effects = np.array([score.largest_effect for score in scores])
    tolerances = np.array([settings.tolerance_of(feature.name) for feature in profile.features])
    drifting = significant(p_values, settings.false_discovery_rate) & (effects >= tolerances)
    features = []
    for (feature, part), score, drifts, tolerance in zip(profile.slices(), scores, drifting, tolerances, strict=True):
        state: State = "insufficient" if not enough else "drifting" if drifts else "ok"
        why, change = sentences.NOTHING_WRONG, None
        if state == "insufficient":
            why = sentences.too_few_rows(window.summary.rows, max(1, settings.min_rows))
        elif state == "drifting":
            counts, new = window.summary.counts[part], (new_categories or {}).get(feature.name, ())
            change = recognise(feature, counts, names=leading(new))
            cause = cause_of_window(feature, counts, vanished=score.vanished, new=new)
            why = sentences.drifting(cause, feature, change)
        verdict = FeatureVerdict(feature.name, feature.role, state, "none", None, score, why, change=change)
        if state == "drifting":
            # an index over few groups may miss what makes the feature drift
            effect = score.effect if score.effect >= tolerance else score.largest_effect
            severity = grade(score.effect_low, score.excess_low)
            verdict = replace(verdict, severity=severity, alarming_effect=effect)
        features.append(verdict)
    return Verdict(profile.model, profile.digest, window, _blamed(profile, features, window))


def _blamed(profile: Profile, features: Sequence[FeatureVerdict], window: Window) -> tuple[FeatureVerdict, ...]:
    """Return the features with whom each follows that drifts."""
    drifting = [Drifter(one.feature, one.severity, one.effect) for one in features if one.drifting]
    if len(drifting) < 2:
        return tuple(features)
    follows = Blame(profile).follows(drifting, window.summary.counts)
    return tuple(replace(one, follows=follows.get(one.feature)) for one in features)


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
