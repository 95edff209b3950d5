"""How important features are to their model, and whose drift pages."""

from __future__ import annotations

from collections.abc import Iterable

from driftmeter.profile.feature import Feature
from driftmeter.settings.model import ModelSettings


def importances_of(settings: ModelSettings, features: Iterable[Feature]) -> dict[str, float | None]:
    """Return the importance of each feature, from 0 to that of the most important one, 1; None where it is not known.

    A residual, and an hour or a weekday, is as important as its column, unless it has an importance of its own.

    >>> from driftmeter.profile.category_grid import CategoryGrid
    >>> from driftmeter.settings.model import FeatureSettings
    >>> plan, city = (Feature(name, "categorical", "feature", CategoryGrid.boolean(), (), name) for name in ("p", "c"))
    >>> importances_of(ModelSettings(features={"p": FeatureSettings(importance=40.0)}), [plan, city])
    {'p': 1.0, 'c': None}
    """
    given = {name: feature.importance for name, feature in settings.features.items() if feature.importance is not None}
    found = {feature.name: given.get(feature.name, given.get(feature.column)) for feature in features}
    greatest = max((value for value in found.values() if value is not None), default=0.0) or 1.0
    return {name: None if value is None else round(value / greatest, 6) for name, value in found.items()}


def silenced_in(settings: ModelSettings, features: Iterable[Feature]) -> frozenset[str]:
    """Return the features whose drift is judged and shown, and opens no incident.

    These are those that the settings say do not page, and those that are known to be less important than
    `least_importance`.
    """
    features = list(features)
    silent = {name for name, feature in settings.features.items() if not feature.pages}
    for name, importance in importances_of(settings, features).items():
        if importance is not None and importance < settings.least_importance:
            silent.add(name)
    return frozenset(silent & {feature.name for feature in features})
