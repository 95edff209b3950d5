"""The profile: the frozen, versioned artefact made from a reference. Kilobytes of JSON, no raw rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from driftmeter.errors import MissingExtraError, ProfileError, ProfileFormatError
from driftmeter.profile.calibration import Calibration
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.checks import integer_of, is_utf8
from driftmeter.profile.feature import Feature
from driftmeter.profile.names import check_name
from driftmeter.profile.notes import check_notes, notes_from_json
from driftmeter.profile.performance import Performance
from driftmeter.profile.residuals import Residuals
from driftmeter.types import JSON, Milliseconds

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

FORMAT = "driftmeter-profile"
VERSION = 3
MOST_BINS = 4_000_000
"""Bins of all features of a profile together: larger panes are not read either."""


@dataclass(frozen=True)
class Profile:
    """A model's reference, frozen: schema, grids, counts, digest.

    >>> import polars
    >>> frame = polars.DataFrame({"age": [31.0, 45.0, None], "city": ["Ulm", "Bonn", "Ulm"]})
    >>> profile = Profile.fit(frame, model="credit")
    >>> [(feature.name, feature.kind) for feature in profile.features]
    [('age', 'numeric'), ('city', 'categorical')]
    """

    model: str
    rows: int
    features: tuple[Feature, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Columns that are not monitored, and why."""
    independent: bool = False
    """True where the user stated that the rows were drawn independently of each other."""
    time: str | None = None
    """The column with the time of each row."""
    residuals: Residuals | None = None
    """How the derived features, the last ones of `features`, are computed from numeric ones."""
    calibration: Calibration | None = None
    """How much the reference varies on its own over time."""
    zone: str | None = None
    """The zone, an IANA name, of hours of the day, and of times in `time` that name no zone; None is UTC."""
    na: tuple[str, ...] = ()
    """Words that stand for a missing value in the CSV files of this model."""
    time_format: str | None = None
    """How `time` is written: a format of `strptime`, or a unit since the epoch; None is ISO 8601 or seconds."""
    span: tuple[Milliseconds, Milliseconds] | None = None
    """The times of the first and the last row; None where the rows have none."""
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What deserves a second look, by the name of the feature."""
    performance: Performance | None = None
    """The labels of the reference by cell, from which performance is estimated; None without labels."""

    def __post_init__(self) -> None:
        """Raise ProfileError on a profile that nothing could be judged by."""
        if not isinstance(self.model, str) or not self.model or "/" in self.model:
            raise ProfileError(f"model: expected a name without '/', got {self.model!r}")
        check_name("model", self.model)
        for feature in self.features:
            check_name(f"column {feature.column[:40]!r}", feature.column)
        names = [feature.name for feature in self.features]
        twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
        if twice:
            raise ProfileError(
                f"two features have the name {twice[0]!r}: rename the column of that name, or leave it out (exclude)"
            )
        if not self.features:
            raise ProfileError(f"no column can be monitored; left out: {dict(self.left_out)}")
        if self.rows < 1:
            raise ProfileError("the reference has no rows")
        if self.bins > MOST_BINS:
            raise ProfileError(f"expected at most {MOST_BINS:,} bins in all features, got {self.bins:,}")
        if self.residuals is not None:
            self._check_derived(self.residuals)
        try:
            check_notes(self.notes, names)
        except ValueError as error:
            raise ProfileError(str(error)) from error
        for text in self._texts():
            if not is_utf8(text):
                raise ProfileError(f"expected texts that can be written as UTF-8, got {text[:40]!r}")

    def _check_derived(self, residuals: Residuals) -> None:
        """Raise ProfileError unless residuals are of numeric features, and derived features come last, in order."""
        first = len(self.features) - len(residuals.targets)
        numeric = {f.column for f in self.features[: max(first, 0)] if f.kind == "numeric" and f.role == "feature"}
        last = [(f.column, f.kind, f.role) for f in self.features[max(first, 0) :]]
        if last != [(target, "numeric", "derived") for target in residuals.targets]:
            raise ProfileError(f"expected the residuals of {list(residuals.targets)} as the last features, got {last}")
        others = [column for column in residuals.columns if column not in numeric]
        if others:
            raise ProfileError(f"residuals: expected columns of numeric features, got {others[0]!r}")

    def _texts(self) -> Iterator[str]:
        yield self.model
        yield from (self.time or "", self.time_format or "", self.zone or "", *self.na)
        for column, reason in self.left_out.items():
            yield from (column, reason)
        for notes in self.notes.values():
            yield from notes
        for feature in self.features:
            yield from (feature.name, feature.column, feature.zone or "")
            if isinstance(feature.grid, CategoryGrid):
                yield from feature.grid.categories

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """The index in a vector of counts at which each feature's bins start, and last the length of the vector."""
        sizes = [feature.size for feature in self.features]
        return tuple(int(offset) for offset in np.concatenate([[0], np.cumsum(sizes)]))

    @property
    def bins(self) -> int:
        """Length of a vector of counts: all bins of all features."""
        return self.offsets[-1]

    @property
    def prediction_column(self) -> str | None:
        """The column of the predictions, None where the profile has none."""
        return next((feature.column for feature in self.features if feature.role == "prediction"), None)

    @property
    def model_columns(self) -> tuple[str, ...]:
        """The columns that a model takes, in the profile's order: that of values without names."""
        return tuple(dict.fromkeys(feature.column for feature in self.features if feature.role == "feature"))

    def slices(self) -> Iterable[tuple[Feature, slice]]:
        """Yield each feature with the slice of its bins in a vector of counts."""
        for index, feature in enumerate(self.features):
            yield feature, slice(self.offsets[index], self.offsets[index + 1])

    @cached_property
    def _content(self) -> JSON:
        performance = {} if self.performance is None else {"performance": self.performance.to_json()}
        return {
            "format": FORMAT,
            "version": VERSION,
            "model": self.model,
            "rows": self.rows,
            "independent": self.independent,
            "time": self.time,
            "time_format": self.time_format,
            "na": list(self.na),
            "zone": self.zone,
            "span": None if self.span is None else list(self.span),
            "residuals": None if self.residuals is None else self.residuals.to_json(),
            "calibration": None if self.calibration is None else self.calibration.to_json(),
            "left_out": dict(sorted(self.left_out.items())),
            "notes": {name: list(texts) for name, texts in sorted(self.notes.items())},
            "features": [feature.to_json() for feature in self.features],
            **performance,
        }

    @cached_property
    def digest(self) -> str:
        """The hash of the content, 32 hexadecimal digits: equal for equal profiles, and only for these."""
        return _digest(self._content)

    def _repr_html_(self) -> str:
        from driftmeter.profile.notebook import notebook  # of no use to a model server

        return notebook(self)

    def to_json(self) -> JSON:
        """Return plain JSON with the digest."""
        return {**self._content, "digest": self.digest}

    def dumps(self) -> bytes:
        """Return the profile as UTF-8 JSON; equal profiles give equal bytes."""
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()

    def dump(self, path: str | Path) -> None:
        """Write the profile to a file."""
        Path(path).write_bytes(self.dumps() + b"\n")

    @classmethod
    def loads(cls, data: bytes | str) -> Profile:
        """Read a profile; raises ProfileFormatError on other data, another version, and altered content."""
        try:
            content = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ProfileFormatError(f"expected a profile as JSON, got text that is not JSON: {error}") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            got = content.get("format") if isinstance(content, dict) else type(content).__name__
            raise ProfileFormatError(f'expected a profile (JSON with "format": "{FORMAT}"), got {got!r}')
        if content.get("version") != VERSION:
            raise ProfileFormatError(
                f"expected a profile of version {VERSION}, got version {content.get('version')!r}: "
                "make it anew with `driftmeter profile`"
            )
        digest = content.pop("digest", None)
        try:
            residuals, calibration = content["residuals"], content["calibration"]
            performance = content.get("performance")
            for key in ("time", "time_format", "zone"):
                if not isinstance(content[key], str | None):
                    raise TypeError(f"{key}: expected a text, got {content[key]!r}")
            if not all(isinstance(word, str) for word in content["na"]):
                raise TypeError(f"na: expected texts, got {content['na']!r}")
            features = tuple(Feature.from_json(feature) for feature in content["features"])
            profile = cls(
                content["model"],
                integer_of(content["rows"]),
                features,
                dict(content["left_out"]),
                content["independent"] is True,
                content["time"],
                None if residuals is None else Residuals.from_json(residuals),
                None if calibration is None else Calibration.from_json(calibration),
                content["zone"],
                tuple(content["na"]),
                content["time_format"],
                _span(content["span"]),
                notes_from_json(content["notes"], [feature.name for feature in features]),
                None if performance is None else Performance.from_json(performance, features),
            )
            if residuals is None and any(feature.role == "derived" for feature in profile.features):
                raise ValueError("expected residuals, from which the derived features follow, got none")
            wrong = [f.name for f in profile.features if sum(f.counts) != profile.rows]
            if wrong:
                raise ValueError(f"feature {wrong[0]!r}: expected counts of {profile.rows} rows")
            for feature in profile.features:
                if isinstance(feature.grid, CategoryGrid) and feature.grid.once > profile.rows:
                    raise ValueError(f"feature {feature.name!r}: more categories that came once than rows")
            true_digest = profile.digest
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ProfileFormatError(f"the profile is damaged: {type(error).__name__}: {error}") from error
        if digest != true_digest:
            raise ProfileFormatError(
                f"the profile was altered: its content has the digest {true_digest}, it says {digest!r}"
            )
        return profile

    @classmethod
    def load(cls, path: str | Path) -> Profile:
        """Read a profile from a file; raises ProfileFormatError naming the file."""
        try:
            return cls.loads(Path(path).read_bytes())
        except ProfileFormatError as error:
            raise ProfileFormatError(f"{path}: {error}") from error

    @classmethod
    def fit(
        cls,
        frame: IntoFrame,
        *,
        model: str,
        prediction: str | None = None,
        label: str | None = None,
        task: str | None = None,
        positive: str | None = None,
        threshold: float | None = None,
        probabilities: Mapping[str, str] | None = None,
        time: str | None = None,
        time_format: str | None = None,
        independent: bool = False,
        only: Iterable[str] | None = None,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        kinds: Mapping[str, str] | None = None,
        bins: int = 64,
        residuals: bool = True,
        pane_rows: int = 100,
        pane_length: Milliseconds = 3_600_000,
        by_hour: bool = False,
        zone: str | None = None,
        allow_unreadable_times: bool = False,
    ) -> Profile:
        """Make a profile from a pandas, polars or pyarrow frame; the order of its rows does not matter.

        `label` and `time` are columns that are no features. Columns that look like identifiers, clocks, dates or a
        label are left out too, with the reason in `left_out`, unless they are named in `include`, which monitors them
        in addition, or in `only`, beside which there are none. `exclude` leaves columns out. `kinds` overrides the
        kind of a column: "numeric", "categorical", "boolean", or for a date-time column "hour" or "weekday". `bins` is
        the most bins of a numeric feature; a threshold may add one.

        With `residuals`, each numeric feature that the others explain in part gets a derived feature with the part
        that they do not explain, such as "age given the rest". With `time` the profile is calibrated: `pane_rows` and
        `pane_length` (ms) are as in the settings of the model, and `by_hour` compares each hour of the day with the
        same hour of other days. `zone`, an IANA name, is the zone of hours and weekdays, and of times that name no
        zone; by default that of the column, or else times are taken as written. `time_format` is how the texts or
        numbers of `time` are written, if neither in ISO 8601 nor as seconds: a format of `strptime`, or s, ms, us, ns.

        With both `prediction` and `label` the profile holds what estimates the performance of the model without labels
        (docs/performance.md), if the reference has 500 labels. `task` is binary, multiclass or regression, by default
        what the labels and predictions look like. In binary, `positive` is the text of the positive class, by default
        the larger number or true; a prediction of numbers is positive from `threshold` on, by default 0.5 where all are
        from 0 to 1. In multiclass, `prediction` is the class, and `probabilities` are the columns of the probability of
        each class, which ROC AUC needs.

        Raises ProfileError naming the column. Unreadable times are an error if they are more than a hundredth, unless
        `allow_unreadable_times`; otherwise they are a warning, UnreadableWarning.
        """
        from driftmeter.fitting.fit import fit_profile
        from driftmeter.fitting.labelled import Wanted

        return fit_profile(
            frame,
            model=model,
            prediction=prediction,
            labelled=Wanted(label, task, positive, threshold, probabilities),
            time=time,
            time_format=time_format,
            independent=independent,
            only=only,
            include=include,
            exclude=exclude,
            kinds=kinds or {},
            bins=bins,
            residuals=residuals,
            pane=(pane_rows, pane_length),
            by_hour=by_hour,
            zone=zone,
            allow_unreadable_times=allow_unreadable_times,
        )

    @classmethod
    def fit_spark(cls, frame: Any, *, sample: int = 500_000, seed: int = 0, **options: Any) -> Profile:
        """Make a profile from a DataFrame of Spark that need not fit into memory; `options` are those of `fit`.

        A frame of at most `sample` rows is fitted as `fit` would. Of a larger one a sample of about so many rows, drawn
        by `seed`, decides which columns are monitored, and the cuts of numbers: each cut's rank among all rows is less
        than `driftmeter.integrations.spark.quantile_error(sample)` of the rows off, 0.4 % by default. Extremes and
        categories are those of all rows, which are counted on the executors and calibrate the profile: stretches of
        fewer rows than make a pane, and derived features at their extremes, apart. Rows whose time cannot be read are
        left out.

        Raises what `fit` raises, and MissingExtraError without pyspark.
        """
        try:
            from driftmeter.integrations.spark.fit import fit_spark
        except ModuleNotFoundError as error:
            hint = "pip install 'driftmeter[spark]', and pyspark from 4.0 on where the cluster does not bring it"
            raise MissingExtraError(f"fit_spark needs {error.name}: {hint}") from error
        return fit_spark(frame, sample=sample, seed=seed, **options)


def _span(data: JSON | None) -> tuple[Milliseconds, Milliseconds] | None:
    if data is None:
        return None
    first, last = map(integer_of, data)
    if not 0 <= first <= last:
        raise ValueError(f"span: expected two ascending times, got {first} and {last}")
    return first, last


def _digest(content: JSON) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
