from __future__ import annotations

import pytest

from driftmeter.errors import InputError
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.settings.importance import importances_of, silenced_in
from driftmeter.settings.model import FeatureSettings, ModelSettings
from driftmeter.types import Role


def feature(name: str, column: str | None = None, role: Role = "feature") -> Feature:
    return Feature(name, "boolean", role, CategoryGrid.boolean(), (), column or name)


FEATURES = (
    feature("temp"),
    feature("wind"),
    feature("day hour", "day"),
    feature("temp given the rest", "temp", "derived"),
)


def settings(least: float = 0.0, **importances: float) -> ModelSettings:
    features = {name: FeatureSettings(importance=value) for name, value in importances.items()}
    return ModelSettings(features=features, least_importance=least)


def test_importances_are_shares_of_the_greatest_and_a_residual_has_that_of_its_column() -> None:
    assert importances_of(settings(temp=300, day=60), FEATURES) == {
        "temp": 1.0,
        "wind": None,
        "day hour": 0.2,
        "temp given the rest": 1.0,
    }
    assert set(importances_of(settings(temp=0), FEATURES).values()) == {0.0, None}


def test_features_known_to_be_unimportant_do_not_page_nor_do_those_that_must_not() -> None:
    assert silenced_in(settings(0.3, temp=300, day=60), FEATURES) == {"day hour"}
    assert silenced_in(settings(0.2, temp=300, day=60), FEATURES) == frozenset()
    quiet = ModelSettings(features={"wind": FeatureSettings(pages=False), "gone": FeatureSettings(pages=False)})
    assert silenced_in(quiet, FEATURES) == {"wind"}


@pytest.mark.parametrize("importance", [-1.0, float("nan"), float("inf")])
def test_an_importance_is_a_finite_number_of_at_least_0(importance: float) -> None:
    with pytest.raises(InputError, match="a finite number of at least 0"):
        FeatureSettings(importance=importance)


def test_the_least_importance_is_a_share() -> None:
    with pytest.raises(InputError, match="0 to 1"):
        ModelSettings(least_importance=1.5)
