from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from driftmeter.errors import InputError
from driftmeter.panes.windows import WindowSetting
from driftmeter.settings.declare import declared
from driftmeter.settings.model import FeatureSettings, ModelSettings, check_features
from driftmeter.settings.toml import SettingsFile
from driftmeter.timestamps import DAY, HOUR
from tests.settings.samples import model_settings

DEFAULTS = {
    "budget": "30d",
    "tolerance": 0.01,
    "guarantee": "measured",
    "window": "5m",
    "window_rows": 1000,
    "tests": None,
    "ladder.pane_rows": 100,
    "ladder.pane_length": "1h",
    "ladder.reach": "28d",
    "false_discovery_rate": 0.01,
    "min_rows": 200,
}
"""Keys and defaults that users rely on. A new setting need not be here."""


def refused(data: object, **base: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        ModelSettings.from_json(data, "flights", ModelSettings(**base))
    return caught.value


# --- JSON


@given(model_settings())
def test_what_is_written_is_read_back(settings: ModelSettings) -> None:
    assert ModelSettings.loads(settings.dumps()) == settings
    assert ModelSettings.from_json(settings.to_json(), "m", ModelSettings(tests=("psi",), tolerance=1.0)) == settings
    assert ModelSettings.loads(settings.dumps()).dumps() == settings.dumps()


def test_features_in_another_order_give_the_same_bytes() -> None:
    one = {"a": FeatureSettings(pages=False), "b": FeatureSettings(tolerance=0.5)}
    other = dict(reversed(one.items()))
    assert ModelSettings(features=one).dumps() == ModelSettings(features=other).dumps()


def value_at(content: Any, key: str) -> Any:
    """Return what stands in tables of JSON at the path of a key."""
    for name in key.split("."):
        content = content[name]
    return content


def test_everything_is_optional_and_defaults_are_written_out() -> None:
    assert ModelSettings.from_json({}, "flights") == ModelSettings()
    written = ModelSettings().to_json()
    assert written["features"] == {}
    for one in declared(ModelSettings):
        assert value_at(written, one.key) == one.setting.kind.write(one.default), one.key


@pytest.mark.parametrize("key", DEFAULTS)
def test_a_key_and_its_default_that_users_rely_on_stay(key: str) -> None:
    assert value_at(ModelSettings().to_json(), key) == DEFAULTS[key]


@pytest.mark.parametrize(("holder", "besides"), [(ModelSettings, {"features"}), (FeatureSettings, set())])
def test_every_field_is_declared_as_a_setting(holder: type, besides: set[str]) -> None:
    undeclared = {field.name for field in fields(holder)} - {one.field for one in declared(holder)}
    assert undeclared == besides, "without metadata=setting(...) a field is in no file and no answer"


def test_what_is_not_said_is_as_before() -> None:
    base = ModelSettings(
        budget=DAY, pane_rows=7, window=WindowSetting(HOUR, 5), features={"temp": FeatureSettings(tolerance=0.5)}
    )
    given = {"window_rows": 9, "ladder": {"reach": "2d"}, "features": {"temp": {"pages": False}, "humid": {}}}
    assert ModelSettings.from_json(given, "flights", base) == replace(
        base,
        window=WindowSetting(HOUR, 9),
        reach=2 * DAY,
        features={"temp": FeatureSettings(tolerance=0.5, pages=False), "humid": FeatureSettings()},
    )


def test_tests_that_are_null_are_all_of_them_again() -> None:
    base = ModelSettings(tests=("psi",))
    assert ModelSettings.from_json({"tests": None}, "flights", base).tests is None
    assert ModelSettings.from_json({"tests": ["ks", "psi", "ks"]}, "flights", base).tests == ("ks", "psi")


@pytest.mark.parametrize(
    ("data", "field", "expected", "got"),
    [
        ({"budgt": "7d"}, "flights.budgt", "one of budget, tolerance,", "'budgt' (did you mean 'budget'?)"),
        ({"zzz": 1}, "flights.zzz", ", features", "'zzz'"),
        ({"ladder": {"pane_row": 1}}, "flights.ladder.pane_row", "one of pane_rows, ", "(did you mean 'pane_rows'?)"),
        (
            {"features": {"temp": {"tolerence": 1}}},
            "flights.features.temp.tolerence",
            "one of tolerance, tests, pages",
            "(did you mean 'tolerance'?)",
        ),
        ({"tests": ["kss"]}, "flights.tests", "one of ks, chi_square", "'kss' (did you mean 'ks'?)"),
        ({"features": {"a": {"tests": ["ks", "sk"]}}}, "flights.features.a.tests", "one of ks", "'sk'"),
        ({"tests": "ks"}, "flights.tests", "a list of names of tests", "'ks'"),
        ({"tests": [1]}, "flights.tests", "a list of names of tests", "[1]"),
        ({"budget": 86400}, "flights.budget", "a number with ms, s, m, h or d", "86400"),
        ({"budget": "0s"}, "flights.budget", "1ms to 3650d", "0s"),
        ({"budget": "99999999d"}, "flights.budget", "1ms to 3650d", "99999999d"),
        ({"tolerance": "high"}, "flights.tolerance", "a number", "'high'"),
        ({"tolerance": True}, "flights.tolerance", "a number", "True"),
        ({"tolerance": -0.1}, "flights.tolerance", "a PSI from 0 to 10", "-0.1"),
        ({"tolerance": float("nan")}, "flights.tolerance", "a PSI from 0 to 10", "nan"),
        ({"tolerance": 10**400}, "flights.tolerance", "a PSI from 0 to 10", "inf"),
        ({"features": {"temp": {"tolerance": 11}}}, "flights.features.temp.tolerance", "a PSI from 0 to 10", "11.0"),
        ({"features": {"temp": {"pages": 0}}}, "flights.features.temp.pages", "true or false", "0"),
        ({"features": {"temp": 1}}, "flights.features.temp", "a table of settings", "1"),
        ({"features": []}, "flights.features", "a table of settings", "[]"),
        ({"guarantee": "strct"}, "flights.guarantee", "measured or strict", "'strct'"),
        ({"guarantee": []}, "flights.guarantee", "measured or strict", "[]"),
        ({"window": "91d"}, "flights.window", "0s to 90d", "91d"),
        ({"window": "0s", "window_rows": 0}, "flights.window", "above 0", "0 ms, 0 rows"),
        ({"window_rows": 1.5}, "flights.window_rows", "a whole number", "1.5"),
        ({"window_rows": -1}, "flights.window_rows", "0 to 1000000000 rows", "-1"),
        ({"min_rows": 10**4000}, "flights.min_rows", "0 to 1000000000 rows", "1000"),
        ({"ladder": {"pane_rows": 0}}, "flights.ladder.pane_rows", "1 to 1000000000 rows", "0"),
        ({"ladder": {"pane_length": "0s"}}, "flights.ladder.pane_length", "1ms to 90d", "0s"),
        ({"ladder": {"reach": "5m"}}, "flights.ladder.reach", "1h to 90d", "5m"),
        ({"ladder": {"reach": "100d"}}, "flights.ladder.reach", "1h to 90d", "100d"),
        ({"ladder": None}, "flights.ladder", "a table of settings", "None"),
        ({"false_discovery_rate": 1}, "flights.false_discovery_rate", "above 0 and below 1", "1.0"),
        ([], "flights", "a table of settings", "[]"),
    ],
)
def test_what_cannot_be_is_refused_by_its_path(data: object, field: str, expected: str, got: str) -> None:
    error = refused(data)
    assert error.field == field
    assert expected in error.expected
    assert got in error.got
    assert len(str(error)) < 400


def test_features_that_the_profile_lacks_are_refused_with_the_nearest() -> None:
    settings = ModelSettings(features={"temp": FeatureSettings(), "humit": FeatureSettings()})
    check_features(settings, ["temp", "humit"])
    with pytest.raises(InputError, match=re.escape("flights.features.humit: expected one of temp, humid, got 'humit'")):
        check_features(settings, ["temp", "humid"], "flights")
    with pytest.raises(InputError, match=re.escape("f0, f1") + ".* and 80 more, got 'temp'$"):
        check_features(settings, [f"f{number}" for number in range(100)])


def test_a_feature_has_its_own_tolerance_or_its_models() -> None:
    settings = ModelSettings(tolerance=0.2, features={"temp": FeatureSettings(tolerance=0.5), "a": FeatureSettings()})
    assert [settings.tolerance_of(name) for name in ("temp", "a", "b")] == [0.5, 0.2, 0.2]


# --- the file

FILE = """
["*"]
budget = "14d"
tolerance = 0.05
[  "*".ladder]
reach = "7d"
pane_rows = 50

[flights]
tolerance = 0.02
tests = ["ks", "psi"]
ladder.pane_rows = 10
[flights.features.temp]
pages = false

["shop.de"]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "drift.toml"
    path.write_text(FILE)
    return path


def test_a_file_holds_a_table_for_each_model_and_one_for_all(path: Path) -> None:
    file = SettingsFile.load(path)
    default = file.default(ModelSettings(min_rows=7))
    assert default == ModelSettings(min_rows=7, budget=14 * DAY, tolerance=0.05, reach=7 * DAY, pane_rows=50)
    flights = replace(
        default,
        tolerance=0.02,
        tests=("ks", "psi"),
        pane_rows=10,
        features={"temp": FeatureSettings(pages=False)},
    )
    assert file.models(default) == {"flights": flights, "shop.de": default}


def test_a_models_table_says_what_holds_for_all_too(path: Path) -> None:
    file = SettingsFile.load(path)
    default = file.default(ModelSettings())
    for model, expected in {**file.models(default), "other": default}.items():
        assert ModelSettings.from_json(file.table(model), model) == expected
    with pytest.raises(InputError, match=re.escape('a table [shop] or ["*"], got [flights]')):
        SettingsFile({"flights": {}}).table("shop")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[flights", "drift.toml: expected a TOML file, got "),
        ('budget = "7d"', "budget: expected a table of settings, got '7d'"),
        ("[flights.features.temp]\ntolerance = 99", "flights.features.temp.tolerance: expected a PSI from 0 to 10"),
        ("[flights]\nbudget = 2024-01-01", "flights.budget: expected a number with ms"),
        ('["*".features.temp]', r"\*.features: expected features in the table of their model"),
        ('["*"]\ntolerance = nan', r"\*.tolerance: expected a PSI"),
        ('"*" = 3', r"\*: expected a table"),
        ("[flights]\nmin_rows = 1" + "0" * 5000, "drift.toml: expected a TOML file"),
    ],
)
def test_a_file_that_cannot_be_is_refused(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        SettingsFile.load(path)


def test_a_file_that_is_no_text_is_refused(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="expected a TOML file"):
        SettingsFile.load(path)


def test_settings_of_a_version_that_knew_more_are_refused_by_name() -> None:
    content = {**ModelSettings().to_json(), "colour": "red"}
    with pytest.raises(InputError, match=r"settings\.colour"):
        ModelSettings.loads(json.dumps(content).encode())
