"""A profile as tables: what is monitored, what is left out, and what the profile knows of time."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from driftmeter.cli.console import console, plain
from driftmeter.profile import bin_names
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import DAY, iso
from driftmeter.types import JSON
from driftmeter.verdict import sentences
from driftmeter.verdict.figures import percent, span
from driftmeter.verdict.readiness import covers_days, judged_after


def show_profile(profile: Profile, path: Path) -> None:
    """Print what is monitored, what is left out and why, what the profile knows of time, and its digest."""
    out = console()
    table = Table("feature", "kind", "role", box=None, header_style="bold", pad_edge=False)
    table.add_column("bins", justify="right")
    table.add_column("missing", justify="right")
    table.add_column("notes")
    for feature in profile.features:
        table.add_row(
            plain(feature.name),
            feature.kind if feature.part is None else f"{feature.part}, {feature.zone or 'as written'}",
            feature.role,
            str(_core_bins(feature)),
            percent(feature.counts[feature.grid.special[bin_names.MISSING]] / profile.rows),
            plain("; ".join(profile.notes.get(feature.name, ()))),
        )
    out.print(table)
    if profile.left_out:
        left_out = Table("left out", "why", box=None, header_style="bold", pad_edge=False)
        for name, why in sorted(profile.left_out.items()):
            left_out.add_row(plain(name), plain(why))
        out.print()
        out.print(left_out)
    size = path.stat().st_size / 1000
    out.print()
    if profile.span is not None:
        first, last = (iso(time)[:16].replace("T", " ") for time in profile.span)
        written = "" if profile.time_format is None else f", written as {profile.time_format}"
        column = "" if profile.time is None else f" by {profile.time!r}{written}"
        out.print(plain(f"Rows from {first} to {last} UTC{column}."), soft_wrap=True)
    out.print(plain(time_sentence(profile)), soft_wrap=True)
    out.print(
        plain(
            f"{path}: {_feature_count(profile)} of {profile.model} from {profile.rows:,} rows, {size:,.0f} kB, "
            f"digest {profile.digest}"
        ),
        soft_wrap=True,
    )


def profile_json(profile: Profile) -> JSON:
    """Return what `show_profile` prints as plain JSON."""
    return {
        "model": profile.model,
        "digest": profile.digest,
        "rows": profile.rows,
        "time": profile.time,
        "time_format": profile.time_format,
        "zone": profile.zone,
        "from": None if profile.span is None else iso(profile.span[0]),
        "to": None if profile.span is None else iso(profile.span[1]),
        "independent": profile.independent,
        "calibrated": profile.calibration is not None,
        "alarms": time_sentence(profile),
        "na": list(profile.na),
        "features": [
            {
                "feature": feature.name,
                "column": feature.column,
                "kind": feature.kind,
                "part": feature.part,
                "role": feature.role,
                "bins": _core_bins(feature),
                "missing": feature.counts[feature.grid.special[bin_names.MISSING]] / profile.rows,
                "notes": list(profile.notes.get(feature.name, ())),
            }
            for feature in profile.features
        ],
        "left_out": dict(profile.left_out),
    }


def _feature_count(profile: Profile) -> str:
    count = len(profile.features)
    return f"{count:,} features" if count != 1 else "1 feature"


def time_sentence(profile: Profile) -> str:
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


def _core_bins(feature: Feature) -> int:
    grid = feature.grid
    return grid.core.stop - grid.core.start if isinstance(grid, NumericGrid) else len(grid.categories)
