"""From a reference to a profile: choose the columns, cut their grids, count the rows, calibrate by their times."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np

from driftmeter.counts.bad_cells import numbers_of
from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader, Rows
from driftmeter.data.clocks import RowTimes
from driftmeter.data.columns import Column, Source, as_frame
from driftmeter.data.kinds import as_kind, kind_of
from driftmeter.data.labels import MOST_LEVELS
from driftmeter.data.time_formats import check_format
from driftmeter.errors import InputError, MissingExtraError, ProfileError
from driftmeter.fitting.choose import choose, unless_included
from driftmeter.fitting.grids import grid_of, zone_of
from driftmeter.fitting.labelled import Wanted, plan
from driftmeter.fitting.look import Onlooker, codes_of
from driftmeter.fitting.notes import note_on_zone, notes_of
from driftmeter.fitting.performance import fitted, with_threshold
from driftmeter.fitting.times import span_of, times_of
from driftmeter.profile.bin_values import BinValues
from driftmeter.profile.feature import Feature
from driftmeter.profile.names import named
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.profile.residuals import GIVEN_THE_REST, MOST_REGRESSED, Residuals
from driftmeter.timestamps import zone_named
from driftmeter.types import Floats, Milliseconds, Role

RESIDUAL_NOISE = 2.0**-9
"""Standard deviations: a number rounded to six digits moves residuals by some of the steps that they are counted in."""

KINDS = ("numeric", "categorical", "boolean", "hour", "weekday")


def fit_profile(
    frame: Any,
    *,
    model: str,
    prediction: str | None,
    labelled: Wanted,
    time: str | None,
    time_format: str | None,
    independent: bool,
    only: Iterable[str] | None,
    include: Iterable[str],
    exclude: Iterable[str],
    kinds: Mapping[str, str],
    bins: int,
    residuals: bool,
    pane: tuple[int, Milliseconds],
    by_hour: bool,
    zone: str | None,
    allow_unreadable_times: bool,
) -> Profile:
    """Return the profile of a reference; for the arguments see `Profile.fit`."""
    try:
        data = as_frame(frame)
    except InputError as error:
        raise ProfileError(str(error)) from error
    if len(data) == 0:
        raise ProfileError("the reference has no rows")
    prediction, label, time = named(prediction), named(labelled.label), named(time)
    probabilities = {str(text): str(named(name)) for text, name in (labelled.probabilities or {}).items()}
    labelled = replace(labelled, label=label, probabilities=probabilities)
    kinds = {str(named(name)): kind for name, kind in kinds.items()}
    if not 2 <= bins <= 1024:
        raise ProfileError(f"bins: expected 2 to 1024, got {bins}")
    if zone is not None:
        zone_named(zone)
    if time_format is not None:
        check_format(time_format)
        if time is None:
            raise ProfileError(f"time format {time_format!r}: expected the column that is written so, as time")
    for name, given in kinds.items():
        if given not in KINDS:
            raise ProfileError(f"column {name!r}: expected a kind out of {', '.join(KINDS)}, got {given!r}")
    only = None if only is None else [str(named(name)) for name in only]
    include, exclude = [str(named(name)) for name in include], [str(named(name)) for name in exclude]
    wanted, left_out = choose(
        data.columns,
        only=only,
        include=include,
        exclude=exclude,
        not_features={"label": label, "time": time},
        mentioned=(prediction, *probabilities.values(), *kinds),
    )
    of_classes = {*probabilities.values()}
    wanted = sorted(wanted, key=lambda name: name in of_classes)  # the prediction comes before its probabilities
    asked = {prediction, *of_classes, *kinds, *(only or ()), *include}
    if zone is None and time is not None:
        zone = zone_of(data[time])
    times = None
    if time is not None:
        needed = not independent
        times = times_of(data[time], time, zone, time_format, needed=needed, allow_unreadable=allow_unreadable_times)
    onlooker = Onlooker(
        None if times is None else RowTimes(times),
        time,
        None if prediction is None else _numbered(prediction, Source(data[prediction]), kinds.get(prediction)),
        labelled=label is not None,
    )
    drafts: list[Feature] = []
    columns: dict[str, Column] = {}
    running: set[str] = set()
    notes: dict[str, tuple[str, ...]] = {}
    for name in wanted:
        source = Source(data[name])
        kind, reason = (kinds[name], "") if name in kinds else kind_of(source)
        if kind is None:
            left_out[name] = reason
            continue
        column = as_kind(name, source, kind)
        look = onlooker.look_at(name, kind, source)
        if look.why_not and name not in asked:
            left_out[name] = unless_included(look.why_not, name)
            continue
        if look.running:
            running.add(name)
        columns[name] = column
        role: Role = "prediction" if name == prediction or name in of_classes else "feature"
        drafts.append(_draft(name, role, source.series, kind, column, bins, zone))
        asked_back = () if look.why_not is None or name == prediction else (look.why_not,)
        notes[name] = (*asked_back, *look.notes, *note_on_zone(drafts[-1], source.series))
    planned = plan(
        labelled,
        None if label is None else Source(data[label]),
        None if prediction is None else Source(data[prediction]),
        next((feature.kind for feature in drafts if feature.column == prediction), None),
    )
    if planned is not None and planned.performance.threshold is not None:
        index = next(index for index, feature in enumerate(drafts) if feature.column == prediction)
        values, _ = numbers_of(drafts[index].column, columns[drafts[index].column])
        try:
            drafts[index] = with_threshold(drafts[index], planned.performance.threshold, values)
        except ProfileError:
            if labelled.explicit:
                raise
            planned = None
    draft = Profile(model, len(data), tuple(drafts), left_out, independent, time, zone=zone, time_format=time_format)
    draft = replace(draft, span=None if times is None else span_of(times))
    rows = _read(draft, columns)
    if residuals:
        draft = _regressed(draft, rows, running)
    if draft.residuals is not None:
        rows = _read(draft, columns)
        draft = _gridded(draft, rows, bins)
    profile = _counted(draft, rows)
    profile = replace(profile, notes=notes_of(profile.features, notes))
    if planned is not None:
        moments = None if independent else times
        try:
            profile = replace(profile, performance=fitted(profile, rows, planned, moments))
        except ProfileError:
            if labelled.explicit:
                raise
    if times is None or independent:
        return profile
    try:
        from driftmeter.fitting.from_rows import calibrated
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"time {time!r}: calibration needs {error.name}: pip install 'driftmeter[cli]'"
        ) from error
    calibration = calibrated(profile, rows, columns, times, pane, by_hour)
    return replace(profile, calibration=calibration)


def _numbered(name: str, source: Source, kind: str | None) -> Floats | None:
    """Return the prediction as numbers, or as the numbers of its classes; None where it has too many of these."""
    kind = kind or kind_of(source)[0]
    if kind == "numeric":
        as_kind(name, source, kind)
        return numbers_of(name, source.column)[0]
    if kind is None or kind in ("hour", "weekday"):
        return None
    codes, levels = codes_of(source, MOST_LEVELS)
    return np.where(codes < 0, np.nan, codes) if levels <= MOST_LEVELS else None


def _draft(
    name: str, role: Role, series: nw.Series[Any], kind: str, column: Column, bins: int, zone: str | None
) -> Feature:
    """Return a feature with its grid and without counts."""
    feature_kind, part, grid = grid_of(name, kind, series.dtype, column, bins)
    return Feature(
        name if part is None else f"{name} {part}",
        feature_kind,
        role,
        grid,
        (0,) * grid.size,
        name,
        part,
        None if part is None else zone or zone_of(series),
    )


def _read(draft: Profile, columns: Mapping[str, Column]) -> Rows:
    """Type the reference's rows by the code that types live ones.

    Raises ProfileError where nothing of a column can be read: it could never drift.
    """
    reader = Reader(draft)
    rows, bad, _ = reader.read_columns(columns)
    first = {rejected.field: rejected for rejected in reversed(bad)}
    without = {f.column: np.isnan(rows.numbers[:, index]) for index, f in enumerate(reader.numeric)}
    for index, feature in enumerate(reader.categorical):
        without[feature.column] = np.isin(rows.codes[:, index], [*feature.grid.special.values()])
    for name in reader.unreadable(rows):
        if without[name].all():
            value = first.get(name)
            example = f", row {value.row}: expected {value.expected}, got {value.got}" if value else ""
            raise ProfileError(f"column {name!r}{example}: nothing there can be read")
    return rows


def _regressed(draft: Profile, rows: Rows, running: Collection[str]) -> Profile:
    """Append the residuals that other columns explain well enough, without grids; `left_out` says why if none is.

    The columns in `running`, which go one way with the time, explain nothing.
    """
    numeric = [feature for feature in draft.features if feature.kind == "numeric"]
    indices = [
        index for index, feature in enumerate(numeric) if feature.role == "feature" and feature.column not in running
    ]
    if len(indices) > MOST_REGRESSED:
        why = f"there are {len(indices)} numeric features, and at most {MOST_REGRESSED} are regressed"
        return replace(draft, left_out={f"each number {GIVEN_THE_REST}": why, **draft.left_out})
    residuals = Residuals.fit([numeric[index].column for index in indices], rows.numbers[:, indices])
    if residuals is None:
        return draft
    grid = NumericGrid.fit(np.zeros(0), bins=2)
    derived = [
        Feature(f"{target} {GIVEN_THE_REST}", "numeric", "derived", grid, (0,) * grid.size, target)
        for target in residuals.targets
    ]
    return replace(draft, features=(*draft.features, *derived), residuals=residuals)


def _gridded(draft: Profile, rows: Rows, bins: int) -> Profile:
    """Give the derived features, which come last, grids cut by their values."""
    assert draft.residuals is not None
    last = len(draft.residuals.targets)
    derived = []
    for feature, values in zip(draft.features[-last:], rows.numbers.T[-last:], strict=True):
        grid = NumericGrid.fit(values[np.isfinite(values)], bins=bins, noise=RESIDUAL_NOISE)
        derived.append(replace(feature, grid=grid, counts=(0,) * grid.size))
    return replace(draft, features=(*draft.features[:-last], *derived))


def _counted(draft: Profile, rows: Rows) -> Profile:
    """Fill in the reference's counts by the code that counts live rows, and the values that the counts stand for."""
    counts = Binner(draft).observe(rows).counts
    units = {} if draft.residuals is None else dict(zip(draft.residuals.columns, draft.residuals.sds, strict=True))
    features, numbers = [], iter(rows.numbers.T)
    for feature, part in draft.slices():
        values = None
        if isinstance(feature.grid, NumericGrid):
            unit = units[feature.column] if feature.role == "derived" else 1.0
            values = BinValues.of(feature.grid, next(numbers), unit=unit)
        features.append(replace(feature, counts=tuple(counts[part].tolist()), values=values))
    return replace(draft, features=tuple(features))
