"""Give models the settings that the server was started with for them."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from driftmeter.engine.engine import Engine
from driftmeter.errors import InputError
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings, check_features

_log = logging.getLogger(__name__)


def configure_known(engine: Engine, models: Mapping[str, ModelSettings]) -> None:
    """Configure the models that are in the store.

    Raises InputError on settings of features that a model's active profile does not have.
    """
    registered = {record.model for record in engine.models()}
    for model, settings in models.items():
        if model in registered:
            check_features(settings, _names(engine.compiled(model).profile), model)
            engine.configure(model, settings)
        else:
            _log.info("model %s has settings, and no profile yet: it is configured when its first one comes", model)


def configure_new(engine: Engine, profile: Profile, models: Mapping[str, ModelSettings]) -> None:
    """Configure a model that has just got its first profile, if there are settings for it."""
    settings = models.get(profile.model)
    if settings is None:
        return
    try:
        check_features(settings, _names(profile), profile.model)
    except InputError as error:  # not the fault of the client that sent the profile
        _log.warning("the settings of model %s: %s", profile.model, error)
    engine.configure(profile.model, settings)


def _names(profile: Profile) -> list[str]:
    return [feature.name for feature in profile.features]
