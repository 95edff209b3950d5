"""The scorer of a profile, with the tests that its settings show."""

from __future__ import annotations

from driftmeter.drift import Scorer
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings


def scorer_of(profile: Profile, settings: ModelSettings) -> Scorer:
    """Return the scorer of a profile; it shows the tests that the settings name for a feature, else for the model."""
    named = {name: feature.tests for name, feature in settings.features.items() if feature.tests is not None}
    return Scorer(profile.features, [named.get(feature.name, settings.tests) for feature in profile.features])
