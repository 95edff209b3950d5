"""What can be tuned for a model: one small object, the same from a TOML file, from the API and in the tests.

A new setting is one field here, with its default, its kind and its meaning (declare.py); then `make docs` writes its
row of docs/settings.md.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from driftmeter.errors import InputError, unknown_name
from driftmeter.panes.retention import RETENTION
from driftmeter.panes.windows import WindowSetting
from driftmeter.settings.declare import Setting, as_table, below, changed, check, parts, read, setting, write
from driftmeter.settings.kinds import (
    Choice,
    DriftTestNames,
    Fraction,
    Importance,
    RowCount,
    StabilityIndex,
    TimeLength,
    YesNo,
    ZeroToOne,
)
from driftmeter.timestamps import DAY, HOUR
from driftmeter.types import JSON, Milliseconds

Guarantee = Literal["measured", "strict"]
"""`measured` is the dyadic-window scan, `strict` the e-SR detector with a proof: see docs/detection.md."""
Grade = Literal["slight", "minor", "major"]
"""How bad a drift is: see verdict/severity.py."""
_GRADES = ", ".join(f'`"{word}"`' for word in get_args(Grade))
_GUARANTEES = " or ".join(f'`"{word}"`' for word in get_args(Guarantee))


@dataclass(frozen=True)
class FeatureSettings:
    """The settings of one feature that differ from its model's; None is the model's setting."""

    tolerance: float | None = field(
        default=None, metadata=setting(StabilityIndex(), "the feature's own", shown="the model's")
    )
    tests: tuple[str, ...] | None = field(
        default=None, metadata=setting(DriftTestNames(), "the feature's own", shown="the model's")
    )
    pages: bool = field(
        default=True,
        metadata=setting(YesNo(), "`false`: the feature is judged and shown, and is in no incident"),
    )
    importance: float | None = field(
        default=None,
        metadata=setting(
            Importance(),
            "how much the model rests on the feature, by any one measure from 0 on: the overview sorts by it; of a "
            "residual, an hour or a weekday by default that of its column",
            shown="not known",
        ),
    )

    def __post_init__(self) -> None:
        """Refuse settings that could not work."""
        check(self)

    def to_json(self) -> JSON:
        """Return the settings that differ from the model's, as JSON."""
        return write(self, all_of_them=False)


@dataclass(frozen=True)
class ModelSettings:
    """What counts as drift for one model, what is shown of it, and how its detector works.

    Lengths of time are in ms. `window` is the window that is shown; `pane_rows`, `pane_length` and `reach` are the
    detector's ladder: a pane of the detector is frozen panes merged until they hold `pane_rows` rows or last
    `pane_length`, and its windows are powers of two of these panes, up to `reach`.
    """

    budget: Milliseconds = field(
        default=30 * DAY,
        metadata=setting(TimeLength(1, 3_650 * DAY), "time in which at most one false page is expected"),
    )
    tolerance: float = field(
        default=0.01,
        metadata=setting(
            StabilityIndex(), "population stability index below which a shift is no drift, however sure it is; 0 to 10"
        ),
    )
    guarantee: Guarantee = field(
        default="measured",
        metadata=setting(Choice(get_args(Guarantee)), f"{_GUARANTEES}: which detector keeps the budget"),
    )
    window: WindowSetting = field(
        default_factory=WindowSetting,
        metadata=parts(
            length=Setting(
                TimeLength(0, RETENTION), 'how far the window that is shown reaches back, at most `"90d"`', "window"
            ),
            rows=Setting(RowCount(), "and further, until it holds so many rows", "window_rows"),
        ),
    )
    tests: tuple[str, ...] | None = field(
        default=None, metadata=setting(DriftTestNames(), "names of the [tests](metrics.md) that are shown", shown="all")
    )
    pane_rows: int = field(
        default=100, metadata=setting(RowCount(1), "the detector's panes hold so many rows", "ladder.pane_rows")
    )
    pane_length: Milliseconds = field(
        default=HOUR,
        metadata=setting(TimeLength(1, RETENTION), "or last so long, whichever comes first", "ladder.pane_length"),
    )
    reach: Milliseconds = field(
        default=28 * DAY,
        metadata=setting(TimeLength("pane_length", RETENTION), 'its longest window, at most `"90d"`', "ladder.reach"),
    )
    page_from: Grade = field(
        default="slight",
        metadata=setting(
            Choice(get_args(Grade)),
            f"{_GRADES}: from which [severity](detection.md#severity) on drift pages; below it a feature is judged and "
            "shown, and opens no incident until it gets worse",
        ),
    )
    least_importance: float = field(
        default=0.0,
        metadata=setting(
            ZeroToOne(),
            "features of less `importance` than this share of the greatest are judged and shown, and are in no "
            "incident; 0 to 1",
        ),
    )
    false_discovery_rate: float = field(
        default=0.01,
        metadata=setting(Fraction(), "share of false alarms among the features flagged, where no detector runs"),
    )
    min_rows: int = field(
        default=200, metadata=setting(RowCount(), "fewer rows are not judged, where no detector runs")
    )
    unseen_texts: bool = field(
        default=True,
        metadata=setting(
            YesNo(),
            "keep [a few texts](sdk.md#what-leaves-the-process) of categories never seen before, so that sentences can "
            "name them; `false`: none is sent, kept or shown",
        ),
    )
    features: Mapping[str, FeatureSettings] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse settings that could not work; the errors name them as `to_json` does."""
        check(self)

    def tolerance_of(self, feature: str) -> float:
        """Return a feature's tolerance, as a PSI."""
        settings = self.features.get(feature)
        return self.tolerance if settings is None or settings.tolerance is None else settings.tolerance

    def to_json(self) -> JSON:
        """Return all settings as JSON, defaults too; null as `tests` means all tests."""
        features = {name: settings.to_json() for name, settings in sorted(self.features.items())}
        return {**write(self), "features": features}

    @classmethod
    def from_json(cls, data: object, where: str, base: ModelSettings | None = None) -> ModelSettings:
        """Read settings from JSON or a TOML table; keys that it leaves out are as in `base`, else the defaults.

        Raises InputError; its `field` is the path to the fault, from `where` on.
        """
        base = base or cls()
        given, of_features = read(base, data, where, besides="features")
        features = _features(of_features, f"{where}.features", base.features)
        try:
            return replace(base, features=features, **changed(base, given))
        except InputError as error:
            raise below(where, error) from error

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
            raise unknown_name(f"{where}.features.{name}", name, names)


def _features(data: object, where: str, base: Mapping[str, FeatureSettings]) -> dict[str, FeatureSettings]:
    features = dict(base)
    for name, content in as_table(data, where).items():
        settings = features.get(name, FeatureSettings())
        given, _ = read(settings, content, f"{where}.{name}")
        try:
            features[name] = replace(settings, **changed(settings, given))
        except InputError as error:
            raise below(f"{where}.{name}", error) from error
    return features
