"""What a profile made of each column, and what it knows of time, as one document."""

from __future__ import annotations

from driftmeter.profile import bin_names
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import DAY, iso
from driftmeter.types import JSON
from driftmeter.verdict import sentences
from driftmeter.verdict.figures import span
from driftmeter.verdict.readiness import covers_days, judged_after


def profile_summary(profile: Profile) -> JSON:
    """Return what is monitored, what is left out and why, and when the profile will alarm, as plain JSON."""
    calibration = profile.calibration
    return {
        "model": profile.model,
        "profile": profile.digest,
        "rows": profile.rows,
        "period": None if profile.span is None else _period(*profile.span),
        "time": profile.time,
        "time_format": profile.time_format,
        "zone": profile.zone,
        "independent": profile.independent,
        "calibrated": None
        if calibration is None
        else {
            "lengths_seconds": [length / 1000 for length in calibration.lengths],
            "days": round(calibration.covered / DAY, 2),
        },
        "alarms": alarms_sentence(profile),
        "na": list(profile.na),
        "notes": [f"{name}: {note}" for name, notes in sorted(profile.notes.items()) for note in notes],
        "features": [_feature(profile, feature) for feature in profile.features],
        "left_out": [{"column": column, "why": why} for column, why in sorted(profile.left_out.items())],
    }


def _period(first: int, last: int) -> JSON:
    return {"start": iso(first), "end": iso(last), "days": round((last - first) / DAY, 2)}


def _feature(profile: Profile, feature: Feature) -> JSON:
    grid = feature.grid
    atoms = len(grid.atoms) - grid.atoms.count(None) if isinstance(grid, NumericGrid) else None
    return {
        "feature": feature.name,
        "column": feature.column,
        "role": feature.role,
        "kind": feature.kind,
        "part": feature.part,
        "zone": feature.zone,
        "bins": bins_of(feature),
        "missing": feature.counts[grid.special[bin_names.MISSING]] / profile.rows,
        "atoms": atoms,
        "distinct": _distinct(feature),
        "explained": explained(feature),
        "notes": list(profile.notes.get(feature.name, ())),
    }


def bins_of(feature: Feature) -> int:
    """Return how many bins hold the values of the reference: of a number those in its range, of a category its own."""
    grid = feature.grid
    return grid.core.stop - grid.core.start if isinstance(grid, NumericGrid) else len(grid.categories)


def _distinct(feature: Feature) -> int | None:
    """Return how many values the reference held; None where they are not known."""
    grid = feature.grid
    if isinstance(grid, NumericGrid):
        return None if None in grid.atoms else len(grid.atoms)
    return None if grid.rest_hashes is None else len(grid.categories) + len(grid.rest_hashes)


def explained(feature: Feature) -> float | None:
    """Return the share of a column's variance that the other columns explain, R²; None of what is no residual.

    A residual is counted in standard deviations of its column: what it varies is what they leave unexplained.
    """
    if feature.role != "derived":
        return None
    grid = feature.grid
    assert isinstance(grid, NumericGrid), feature.name
    rows = feature.reference[grid.present]
    value, deviation = feature.unit_values.by_bin(grid)
    total = max(int(rows.sum()), 1)
    mean = float((rows * value).sum()) / total
    variance = float((rows * (deviation**2 + (value - mean) ** 2)).sum()) / total
    return round(min(max(1 - variance, 0.0), 1.0), 3)


def alarms_sentence(profile: Profile) -> str:
    """Say whether a profile knows how much change is normal, and what that means for alarms."""
    if profile.independent:
        return "Its rows count as independent of each other: alarms rest on that."
    calibration = profile.calibration
    if calibration is None:
        return (
            f"Not calibrated. {sentences.NO_ORDER_OF_TIME}"
            if profile.time is None
            else f"Not calibrated. {sentences.REFERENCE_TOO_SHORT}"
        )
    first, last = calibration.lengths[0], calibration.lengths[-1]
    calibrated = f"Calibrated by windows of {span(first)} to {span(last)}, not counting days without rows."
    if covers_days(calibration):
        return f"{calibrated} {_pace_sentence(profile)}"
    return f"{calibrated} {sentences.too_few_days(calibration.covered)}"


def _pace_sentence(profile: Profile) -> str:
    """Say after how many rows a model is judged: the first question after `serve`."""
    after, blind = judged_after(profile)
    if not after:
        return "Rows that come as these did are too few, or too alike, to be judged soon."
    later = f", and {blind} of {len(profile.features)} features later" if blind else ""
    assert profile.calibration is not None
    pace = profile.calibration.covered / profile.rows
    # windows of a day or more come from batches: their times say nothing on how fast rows come
    time = f", {span(round(after * pace))}" if profile.calibration.lengths[0] < DAY else ""
    return f"Rows that come as these did are judged after about {after:,} of them{time}{later}."
