"""Fitting: from a reference to a profile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

import narwhals as nw
import numpy as np

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader, Rows, numbers_of
from driftmeter.data import identifiers
from driftmeter.data.columns import Column, Dictionary, as_frame
from driftmeter.data.kinds import as_kind, kind_of
from driftmeter.errors import InputError, MissingExtraError, ProfileError
from driftmeter.profile.category_grid import MOST_KNOWN, CategoryGrid
from driftmeter.profile.feature import Feature, Part
from driftmeter.profile.names import named, no_feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.profile.residuals import MOST_REGRESSED, Residuals
from driftmeter.profile.values import CategoryType, canonical
from driftmeter.timestamps import find_zone, zone_named
from driftmeter.types import Kind, Milliseconds

MIN_CATEGORY_ROWS = 30
"""A category has a bin of its own from this many reference rows on: below, its rate is too uncertain."""
MOST_CATEGORIES = 256
"""Bins of their own that a feature's categories may have: of those with that share of the rows or more. The others are
hashed into bins that no count had a say in."""

GIVEN_THE_REST = "given the rest"
RESIDUAL_NOISE = 2.0**-9
"""Standard deviations: a number rounded to six digits moves residuals by some of the steps that they are counted in."""

KINDS = ("numeric", "categorical", "boolean", "hour", "weekday")


def fit_profile(
    frame: Any,
    *,
    model: str,
    prediction: str | None,
    label: str | None,
    time: str | None,
    independent: bool,
    include: Iterable[str] | None,
    exclude: Iterable[str],
    kinds: Mapping[str, str],
    bins: int,
    residuals: bool,
    pane: tuple[int, Milliseconds],
    by_hour: bool,
    zone: str | None,
    allow_unreadable_times: bool,
) -> Profile:
    """Make a profile; see `Profile.fit`."""
    try:
        data = as_frame(frame)
    except InputError as error:
        raise ProfileError(str(error)) from error
    if len(data) == 0:
        raise ProfileError("the reference has no rows")
    prediction, label, time = named(prediction), named(label), named(time)
    kinds = {str(named(name)): kind for name, kind in kinds.items()}
    if not 2 <= bins <= 1024:
        raise ProfileError(f"bins: expected 2 to 1024, got {bins}")
    if zone is not None:
        zone_named(zone)
    for name, kind in kinds.items():
        if kind not in KINDS:
            raise ProfileError(f"column {name!r}: expected a kind out of {', '.join(KINDS)}, got {kind!r}")
    include = None if include is None else [str(named(name)) for name in include]
    exclude = [str(named(name)) for name in exclude]
    wanted, left_out = _choose(
        data.columns, include, exclude, not_features={"label": label, "time": time}, mentioned=(prediction, *kinds)
    )
    asked = {prediction, *kinds, *(include or ())}
    grids: list[tuple[str, Kind, Part | None, NumericGrid | CategoryGrid]] = []
    columns: dict[str, Column] = {}
    for name in wanted:
        series = data[name]
        found, reason = (kinds[name], "") if name in kinds else kind_of(series, asked=name in asked)
        if found is None:
            left_out[name] = reason
            continue
        kind = found
        columns[name] = as_kind(name, series, kind)
        if kind == "categorical" and name not in asked and identifiers.are_identifying_categories(columns[name]):
            left_out[name] = identifiers.OF_CATEGORIES
            del columns[name]
            continue
        grids.append(_grid(name, kind, series.dtype, columns[name], bins))
    drafts = tuple(
        Feature(
            name if part is None else f"{name} {part}",
            kind,
            "prediction" if name == prediction else "feature",
            grid,
            (0,) * grid.size,
            name,
            part,
            None if part is None else zone or _own_zone(data[name]),
        )
        for name, kind, part, grid in grids
    )
    if zone is None and time is not None:
        zone = _own_zone(data[time])
    draft = Profile(model, len(data), drafts, left_out, independent, time, zone=zone)
    rows = _read(draft, columns)
    if residuals:
        draft = _regressed(draft, rows)
    if draft.residuals is not None:
        rows = _read(draft, columns)
        draft = _gridded(draft, rows, bins)
    profile = _counted(draft, rows)
    if time is None or independent:
        return profile
    try:
        from driftmeter.fitting.from_rows import calibrated
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"time {time!r}: calibration needs {error.name}: pip install 'driftmeter[cli]'"
        ) from error
    calibration = calibrated(profile, rows, columns, data[time], pane, by_hour, allow_unreadable_times)
    return replace(profile, calibration=calibration)


def _read(draft: Profile, columns: Mapping[str, Column]) -> Rows:
    """Type the reference's rows by the very code that will type live ones; raises ProfileError where nothing of a
    column can be read: it could never drift."""
    reader = Reader(draft)
    rows, bad, _ = reader.read_columns(columns)
    first = {each.field: each for each in reversed(bad)}
    without = {f.column: np.isnan(rows.numbers[:, place]) for place, f in enumerate(reader.numeric)}
    for place, feature in enumerate(reader.others):
        without[feature.column] = np.isin(rows.codes[:, place], [*feature.grid.special.values()])
    for name in reader.unreadable(rows):
        if without[name].all():
            one = first.get(name)
            told = f", row {one.row}: expected {one.expected}, got {one.got}" if one else ""
            raise ProfileError(f"column {name!r}{told}: nothing there can be read")
    return rows


def _regressed(draft: Profile, rows: Rows) -> Profile:
    """Append those residuals that tell something, still without grids; or say in `left_out` why there are none."""
    numeric = [feature for feature in draft.features if feature.kind == "numeric"]
    places = [place for place, feature in enumerate(numeric) if feature.role == "feature"]
    if len(places) > MOST_REGRESSED:
        why = f"there are {len(places)} numeric features, and at most {MOST_REGRESSED} are regressed"
        return replace(draft, left_out={f"each number {GIVEN_THE_REST}": why, **draft.left_out})
    residuals = Residuals.fit([numeric[place].column for place in places], rows.numbers[:, places])
    if residuals is None:
        return draft
    grid = NumericGrid.fit(np.zeros(0), bins=2)
    derived = [
        Feature(f"{target} {GIVEN_THE_REST}", "numeric", "derived", grid, (0,) * grid.size, target)
        for target in residuals.targets
    ]
    return replace(draft, features=(*draft.features, *derived), residuals=residuals)


def _gridded(draft: Profile, rows: Rows, bins: int) -> Profile:
    """Give the derived features, the last, the grids of their own values."""
    assert draft.residuals is not None
    last = len(draft.residuals.targets)
    derived = []
    for feature, values in zip(draft.features[-last:], rows.numbers.T[-last:], strict=True):
        grid = NumericGrid.fit(values[np.isfinite(values)], bins=bins, noise=RESIDUAL_NOISE)
        derived.append(replace(feature, grid=grid, counts=(0,) * grid.size))
    return replace(draft, features=(*draft.features[:-last], *derived))


def _counted(draft: Profile, rows: Rows) -> Profile:
    """Fill in the reference's counts by the very code that will count live rows."""
    counts = Binner(draft).observe(rows).counts
    features = tuple(replace(f, counts=tuple(counts[part].tolist())) for f, part in draft.slices())
    return replace(draft, features=features)


def _choose(
    columns: list[str],
    include: Iterable[str] | None,
    exclude: Iterable[str],
    *,
    not_features: Mapping[str, str | None],
    mentioned: Iterable[str | None],
) -> tuple[list[str], dict[str, str]]:
    """Return the columns to monitor in the frame's order, and why the others are left out."""
    include = None if include is None else list(include)
    exclude, mentioned = list(exclude), list(mentioned)
    for name in [*(include or ()), *exclude, *not_features.values(), *mentioned]:
        if name is not None and name not in columns:
            raise ProfileError(f"no column {name!r}; there are: {', '.join(columns)}")
    asked = {name for name in mentioned if name}  # such as the hour of the time column
    left_out = {name: f"the {what}" for what, name in not_features.items() if name and name not in asked}
    for name in exclude:
        left_out.setdefault(name, "excluded")
    if include is not None:
        keep = {*include, *asked}
        left_out |= {name: "not included" for name in columns if name not in keep and name not in left_out}
    asked.update(include or ())
    for name in columns:
        if name not in asked and (why := no_feature(name)):
            left_out.setdefault(name, why)
    return [name for name in columns if name not in left_out], left_out


def _own_zone(series: nw.Series[Any]) -> str | None:
    """Return the zone that a column names, by a name that summer time belongs to: a bare offset would be another half
    the year."""
    name = series.dtype.time_zone if isinstance(series.dtype, nw.Datetime) else None
    if isinstance(series.dtype, nw.Unknown):
        # narwhals (2.29) has no type for pandas' zones with an underscore or a digit, such as America/New_York
        zone = getattr(getattr(series.to_native(), "dtype", None), "tz", None)
        name = None if zone is None else str(zone)
    return name if name is not None and find_zone(name) is not None else None


def _grid(
    name: str, kind: str, dtype: nw.dtypes.DType, column: Column, bins: int
) -> tuple[str, Kind, Part | None, NumericGrid | CategoryGrid]:
    if kind == "numeric":
        values, _ = numbers_of(name, column)
        finite = values[np.isfinite(values)]
        return name, "numeric", None, NumericGrid.fit(finite, bins=bins, whole=dtype.is_integer())
    if kind == "boolean":
        return name, "boolean", None, CategoryGrid.boolean()
    if kind in ("hour", "weekday"):
        texts = tuple(str(value) for value in range(24 if kind == "hour" else 7))
        return name, "categorical", cast(Part, kind), CategoryGrid(texts, (), 0, "integer")
    grid = CategoryGrid.fit(
        _category_counts(name, column, _category_type(dtype)),
        dtype=_category_type(dtype),
        min_rows=max(MIN_CATEGORY_ROWS, -(-len(column) // MOST_CATEGORIES)),
        most_bins=MOST_CATEGORIES,
        most_known=MOST_KNOWN,
    )
    return name, "categorical", None, grid


def _category_type(dtype: nw.dtypes.DType) -> CategoryType:
    if dtype.is_integer():
        return "integer"
    return "float" if dtype.is_numeric() else "boolean" if dtype == nw.Boolean else "string"


def _category_counts(name: str, column: Column, dtype: CategoryType) -> dict[str, int]:
    if isinstance(column, np.ndarray):
        distinct, inverse = np.unique(column, return_inverse=True)
        column = Dictionary(inverse.reshape(-1), tuple(distinct.tolist()))
    elif isinstance(column, list):
        column = Dictionary.encode(column)
    rows = np.bincount(column.indices[column.indices >= 0], minlength=len(column.values))
    counts: dict[str, int] = {}
    for value, count in zip(column.values, rows.tolist(), strict=True):
        try:
            text = canonical(value, dtype)
        except (TypeError, ValueError, OverflowError):
            continue  # counted as unreadable
        if text is not None:
            counts[text] = counts.get(text, 0) + count
    return counts
