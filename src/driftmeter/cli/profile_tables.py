"""A profile as tables: what is monitored, what is left out, and what the profile knows of time."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from driftmeter.cli.console import console, plain
from driftmeter.page.profile_summary import profile_summary
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import iso
from driftmeter.verdict.figures import percent


def show_profile(profile: Profile, path: Path) -> None:
    """Print what is monitored, what is left out and why, what the profile knows of time, and its digest."""
    out, summary = console(), profile_summary(profile)
    table = Table("feature", "kind", "role", box=None, header_style="bold", pad_edge=False)
    table.add_column("bins", justify="right")
    table.add_column("missing", justify="right")
    table.add_column("notes")
    for feature in summary["features"]:
        explained = [] if feature["explained"] is None else [f"the others explain {percent(feature['explained'])}"]
        table.add_row(
            plain(feature["feature"]),
            feature["kind"] if feature["part"] is None else f"{feature['part']}, {feature['zone'] or 'as written'}",
            feature["role"],
            str(feature["bins"]),
            percent(feature["missing"]),
            plain("; ".join([*explained, *feature["notes"]])),
        )
    out.print(table)
    if profile.left_out:
        left_out = Table("left out", "why", box=None, header_style="bold", pad_edge=False)
        for one in summary["left_out"]:
            left_out.add_row(plain(one["column"]), plain(one["why"]))
        out.print()
        out.print(left_out)
    size = path.stat().st_size / 1000
    out.print()
    if profile.span is not None:
        first, last = (iso(time)[:16].replace("T", " ") for time in profile.span)
        written = "" if profile.time_format is None else f", written as {profile.time_format}"
        column = "" if profile.time is None else f" by {profile.time!r}{written}"
        out.print(plain(f"Rows from {first} to {last} UTC{column}."), soft_wrap=True)
    out.print(plain(summary["alarms"]), soft_wrap=True)
    out.print(
        plain(
            f"{path}: {_feature_count(profile)} of {profile.model} from {profile.rows:,} rows, {size:,.0f} kB, "
            f"digest {profile.digest}"
        ),
        soft_wrap=True,
    )


def _feature_count(profile: Profile) -> str:
    count = len(profile.features)
    return f"{count:,} features" if count != 1 else "1 feature"
