"""Settings of any values, drawn as their fields declare them: a new field is drawn without a word here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from driftmeter.drift import DRIFT_TESTS
from driftmeter.errors import InputError
from driftmeter.settings.declare import changed, declared
from driftmeter.settings.kinds import (
    Choice,
    DriftTestNames,
    Fraction,
    Importance,
    RowCount,
    SettingKind,
    StabilityIndex,
    TimeLength,
    YesNo,
    ZeroToOne,
)
from driftmeter.settings.model import FeatureSettings, ModelSettings

_NAMES = st.text(st.characters(exclude_categories=["Cs"]))
_TEST_NAMES = st.lists(st.sampled_from([test.name for test in DRIFT_TESTS]), unique=True).map(tuple)


def values_of(kind: SettingKind, drawn: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Return the values of a kind; `drawn` has those of the fields before it, which may be its least."""
    match kind:
        case TimeLength():
            return st.integers(drawn[kind.least] if isinstance(kind.least, str) else kind.least, kind.most)
        case RowCount():
            return st.integers(kind.least, 10**9)
        case StabilityIndex():
            return st.floats(0, 10)
        case ZeroToOne():
            return st.floats(0, 1)
        case Importance():
            return st.none() | st.floats(0, 1e300)
        case Fraction():
            return st.floats(0, 1, exclude_min=True, exclude_max=True)
        case YesNo():
            return st.booleans()
        case Choice():
            return st.sampled_from(kind.words)
        case DriftTestNames():
            return _TEST_NAMES
    raise AssertionError(f"no values of {type(kind).__name__}: add a case to values_of in tests/settings/samples.py")


@st.composite
def given_of(draw: st.DrawFn, holder: type) -> dict[str, Any]:
    """Draw a value for each setting of a dataclass, by its key."""
    by_field: dict[str, Any] = {}
    by_key: dict[str, Any] = {}
    for one in declared(holder):
        values = values_of(one.setting.kind, by_field)
        value = draw(st.none() | values if one.default is None else values)
        by_field[one.field] = by_key[one.key] = value
    return by_key


@st.composite
def model_settings(draw: st.DrawFn) -> ModelSettings:
    """Draw settings of a model and of some features; each setting takes any of its values."""
    features = draw(st.dictionaries(_NAMES, given_of(FeatureSettings), max_size=3))
    by_key = draw(given_of(ModelSettings))
    try:
        return ModelSettings(
            **changed(ModelSettings(), by_key),
            features={name: FeatureSettings(**changed(FeatureSettings(), one)) for name, one in features.items()},
        )
    except InputError:  # two of them exclude each other: a window of no time and no rows
        reject()
