from __future__ import annotations

import pytest

from driftmeter.engine.engine import Engine
from driftmeter.errors import InputError
from driftmeter.server.configure import configure_known
from driftmeter.settings.model import FeatureSettings, ModelSettings
from driftmeter.timestamps import DAY


def test_models_that_are_known_get_the_settings_they_are_named_with(engine: Engine) -> None:
    settings = ModelSettings(budget=7 * DAY, features={"amount": FeatureSettings(pages=False)})
    configure_known(engine, {"shop": settings, "later": ModelSettings()})
    assert engine.settings_of("shop") == settings
    configure_known(engine, {})
    assert engine.settings_of("shop") == settings
    configure_known(engine, {"shop": ModelSettings()})
    assert engine.settings_of("shop") == ModelSettings()


def test_a_feature_that_there_is_not_is_refused_with_its_model(engine: Engine) -> None:
    settings = ModelSettings(features={"amuont": FeatureSettings()})
    with pytest.raises(InputError, match=r"shop\.features\.amuont: expected .* \(did you mean 'amount'\?\)"):
        configure_known(engine, {"shop": settings})
    assert engine.settings_of("shop") == ModelSettings()
