"""What can be tuned of a model: one small object, the same from a TOML file, from the API and in the tests."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from driftmeter.drift import DRIFT_TESTS
from driftmeter.errors import InputError
from driftmeter.panes.retention import RETENTION
from driftmeter.panes.windows import WindowSetting
from driftmeter.timestamps import DAY, HOUR, duration_text, parse_duration
from driftmeter.types import JSON, Milliseconds

Guarantee = Literal["measured", "strict"]
"""`measured` is the dyadic-window scan, `strict` the e-SR detector with a proof: see docs/detection.md."""

TEST_NAMES = tuple(test.name for test in DRIFT_TESTS)
_LONGEST: Milliseconds = 3_650 * DAY
_MOST_ROWS = 10**9
_MOST_NAMED = 20
"""Names that an error lists."""


@dataclass(frozen=True)
class FeatureSettings:
    """What one feature has otherwise than its model: None is as the model has it.

    `pages` False: the feature is judged and shown, and neither opens nor joins an incident.
    """

    tolerance: float | None = None
    tests: tuple[str, ...] | None = None
    pages: bool = True

    def __post_init__(self) -> None:
        """Refuse settings that could not work."""
        if self.tolerance is not None:
            _check_tolerance(self.tolerance)
        _check_tests(self.tests)

    def to_json(self) -> JSON:
        """Write what is otherwise than the model has it."""
        own: JSON = {} if self.tolerance is None else {"tolerance": self.tolerance}
        if self.tests is not None:
            own["tests"] = list(self.tests)
        return own if self.pages else {**own, "pages": False}


@dataclass(frozen=True)
class ModelSettings:
    """What counts as drift for one model.

    `budget` is the time in which at most one false page is expected. A shift smaller than `tolerance`, a
    population stability index, is no drift, however sure it is. `window` and `tests` say what is shown beside.
    The detector's ladder: its panes are frozen panes merged until they hold `pane_rows` rows or last `pane_length`,
    its windows are powers of two of them, up to `reach`. `false_discovery_rate` and `min_rows` are for a window
    that is judged by itself, where no detector runs.
    """

    budget: Milliseconds = 30 * DAY
    tolerance: float = 0.01
    guarantee: Guarantee = "measured"
    window: WindowSetting = field(default_factory=WindowSetting)
    tests: tuple[str, ...] | None = None
    pane_rows: int = 100
    pane_length: Milliseconds = HOUR
    reach: Milliseconds = 28 * DAY
    false_discovery_rate: float = 0.01
    min_rows: int = 200
    features: Mapping[str, FeatureSettings] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse settings that could not work; the errors name them as `to_json` does."""
        _check_length("budget", self.budget, 1, _LONGEST)
        _check_tolerance(self.tolerance)
        if self.guarantee not in get_args(Guarantee):
            raise InputError("guarantee", "measured or strict", repr(self.guarantee)[:60])
        _check_tests(self.tests)
        _check_number("ladder.pane_rows", self.pane_rows, 1)
        _check_length("ladder.pane_length", self.pane_length, 1, RETENTION)
        _check_length("ladder.reach", self.reach, self.pane_length, RETENTION)
        if not 0 < self.false_discovery_rate < 1:
            raise InputError("false_discovery_rate", "above 0 and below 1", str(self.false_discovery_rate))
        _check_number("min_rows", self.min_rows, 0)

    def tolerance_of(self, feature: str) -> float:
        """Return a feature's tolerance, as a PSI."""
        own = self.features.get(feature)
        return self.tolerance if own is None or own.tolerance is None else own.tolerance

    def to_json(self) -> JSON:
        """Write everything, defaults too; `tests` null are all tests."""
        return {
            "budget": duration_text(self.budget),
            "tolerance": self.tolerance,
            "guarantee": self.guarantee,
            "window": duration_text(self.window.length),
            "window_rows": self.window.rows,
            "tests": None if self.tests is None else list(self.tests),
            "ladder": {
                "pane_rows": self.pane_rows,
                "pane_length": duration_text(self.pane_length),
                "reach": duration_text(self.reach),
            },
            "false_discovery_rate": self.false_discovery_rate,
            "min_rows": self.min_rows,
            "features": {name: own.to_json() for name, own in sorted(self.features.items())},
        }

    @classmethod
    def from_json(cls, data: object, where: str, base: ModelSettings | None = None) -> ModelSettings:
        """Read settings from JSON or a TOML table: what it does not say is as `base` has it, by default as here.

        Raises InputError whose `field` is the path to what cannot be, from `where` on.
        """
        base = base or cls()
        given = _read(data, where, _MODEL)
        given.update(_read(given.pop("ladder", {}), f"{where}.ladder", _LADDER))
        features = _features(given.pop("features", {}), f"{where}.features", base.features)
        length, rows = given.pop("window", base.window.length), given.pop("window_rows", base.window.rows)
        try:
            _check_length("window", length, 0, RETENTION)
            _check_number("window_rows", rows, 0)
            return replace(base, window=WindowSetting(length, rows), features=features, **given)
        except InputError as error:
            raise _below(where, error) from error

    def dumps(self) -> bytes:
        """Serialise; equal settings give equal bytes."""
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()

    @classmethod
    def loads(cls, data: bytes) -> ModelSettings:
        """Read what `dumps` wrote; raises InputError where a version that knew other settings wrote it."""
        return cls.from_json(json.loads(data), "settings")


def check_features(settings: ModelSettings, names: Collection[str], where: str = "settings") -> None:
    """Refuse settings of features that a profile does not have; raises InputError with the path from `where` on."""
    for name in settings.features:
        if name not in names:
            raise _unknown(f"{where}.features.{name}", name, names)


# --- what may be

_Read = Callable[[object, str], Any]


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(where, "a number", repr(value)[:60])
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return math.inf


def _whole(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(where, "a whole number", repr(value)[:60])
    return value


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise InputError(where, "true or false", repr(value)[:60])
    return value


def _names(value: object, where: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InputError(where, "a list of names of tests", repr(value)[:60])
    return tuple(dict.fromkeys(value))


def _as_it_is(value: object, where: str) -> object:
    return value


_MODEL: dict[str, _Read] = {
    "budget": parse_duration,
    "tolerance": _number,
    "guarantee": _as_it_is,
    "window": parse_duration,
    "window_rows": _whole,
    "tests": _names,
    "ladder": _as_it_is,
    "false_discovery_rate": _number,
    "min_rows": _whole,
    "features": _as_it_is,
}
_LADDER: dict[str, _Read] = {"pane_rows": _whole, "pane_length": parse_duration, "reach": parse_duration}
_FEATURE: dict[str, _Read] = {"tolerance": _number, "tests": _names, "pages": _flag}


def _table(data: object, where: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise InputError(where, "a table of settings", repr(data)[:60])
    return data


def _read(data: object, where: str, known: dict[str, _Read]) -> dict[str, Any]:
    """Read a table whose keys are known, each by its own type."""
    table = _table(data, where)
    for key in table:
        if key not in known:
            raise _unknown(f"{where}.{key}", key, known)
    return {key: known[key](value, f"{where}.{key}") for key, value in table.items()}


def _features(data: object, where: str, base: Mapping[str, FeatureSettings]) -> dict[str, FeatureSettings]:
    features = dict(base)
    for name, own in _table(data, where).items():
        given = _read(own, f"{where}.{name}", _FEATURE)
        try:
            features[name] = replace(features.get(name, FeatureSettings()), **given)
        except InputError as error:
            raise _below(f"{where}.{name}", error) from error
    return features


def _unknown(where: str, key: str, known: Collection[str]) -> InputError:
    """Make the error for a name that is not known, with the nearest of those that are."""
    near = difflib.get_close_matches(key, known, 1)
    names = list(known)[:_MOST_NAMED]
    more = f" and {len(known) - len(names)} more" if len(known) > len(names) else ""
    got = repr(key)[:60] + (f" (did you mean {near[0]!r}?)" if near else "")
    return InputError(where, f"one of {', '.join(names)}{more}", got)


def _below(where: str, error: InputError) -> InputError:
    return InputError(f"{where}.{error.field}", error.expected, error.got)


def _check_tolerance(tolerance: float) -> None:
    if not 0 <= tolerance <= 10:
        raise InputError("tolerance", "a PSI from 0 to 10", str(tolerance))


def _check_tests(tests: tuple[str, ...] | None) -> None:
    for name in tests or ():
        if name not in TEST_NAMES:
            raise _unknown("tests", name, TEST_NAMES)


def _check_number(name: str, value: int, least: int) -> None:
    if not least <= value <= _MOST_ROWS:
        raise InputError(name, f"{least} to {_MOST_ROWS} rows", str(value)[:60])


def _check_length(name: str, value: Milliseconds, least: Milliseconds, most: Milliseconds) -> None:
    if not least <= value <= most:
        raise InputError(name, f"{duration_text(least)} to {duration_text(most)}", duration_text(value))
