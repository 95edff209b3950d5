"""The scorer of a profile, or of one feature, with the tests that its settings show."""

from __future__ import annotations

from collections.abc import Collection

from driftmeter.drift import Scorer
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings


def scorer_of(profile: Profile, settings: ModelSettings) -> Scorer:
    """Return the scorer of a profile; it shows the tests that the settings name for a feature, else for the model."""
    return Scorer(profile.features, [_shown(feature, settings) for feature in profile.features])


def scorer_of_feature(feature: Feature, settings: ModelSettings) -> Scorer:
    """Return the scorer of one feature: it scores the same alone, and far sooner than with all others."""
    return Scorer([feature], [_shown(feature, settings)])


def _shown(feature: Feature, settings: ModelSettings) -> Collection[str] | None:
    own = settings.features.get(feature.name)
    return settings.tests if own is None or own.tests is None else own.tests
