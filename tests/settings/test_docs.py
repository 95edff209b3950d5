"""docs/settings.md says what the declarations say: every setting, no other, and the same defaults."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from driftmeter.settings.declare import declared
from driftmeter.settings.model import FeatureSettings, ModelSettings
from driftmeter.settings.reference import schema

PAGE = (Path(__file__).parents[2] / "docs/settings.md").read_text()
ROWS = dict(re.findall(r"^\| `([\w.]+)` \| .+ \| (.+) \|$", PAGE, re.MULTILINE))


def flat(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with the path to each as its key."""
    paths: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            paths |= {f"{key}.{name}": within for name, within in flat(value).items()}
        else:
            paths[key] = value
    return paths


def test_every_setting_is_documented_and_no_other() -> None:
    of_model = {one.key for one in declared(ModelSettings)}
    of_feature = {f"features.NAME.{one.key}" for one in declared(FeatureSettings)}
    assert set(ROWS) == of_model | of_feature, "run make docs"


def test_the_documented_defaults_are_the_defaults() -> None:
    settings = (*declared(ModelSettings), *declared(FeatureSettings))
    words = {one.setting.shown: one.default for one in settings if one.setting.shown}
    documented = {key: words[text] if text in words else json.loads(text.strip("`")) for key, text in ROWS.items()}
    model = flat({**ModelSettings().to_json(), "features": {}})
    assert {key: value for key, value in documented.items() if not key.startswith("features.")} == model
    feature: dict[str, Any] = {
        key.removeprefix("features.NAME."): value for key, value in documented.items() if key not in model
    }
    assert FeatureSettings(**feature) == FeatureSettings()


def test_the_schema_has_the_same_keys() -> None:
    properties = schema()
    keys = set()
    for key, one in properties.items():
        within = one.get("properties", {}) if key != "features" else {}
        keys |= {f"{key}.{name}" for name in within} or {key}
    assert keys - {"features"} == set(flat({**ModelSettings().to_json(), "features": {}}))
    assert set(properties["features"]["additionalProperties"]["properties"]) == {
        one.key for one in declared(FeatureSettings)
    }
