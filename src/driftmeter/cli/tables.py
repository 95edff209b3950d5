"""Tables for people, on a terminal of any width."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from driftmeter.data.columns import as_frame, column_of
from driftmeter.data.kinds import placeholders_note
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.report.batch import Report
from driftmeter.report.page import in_order
from driftmeter.report.texts import effect_text, p_text, percent, printable, rate_text
from driftmeter.timestamps import DAY, moment_of
from driftmeter.verdict import sentences
from driftmeter.verdict.readiness import covers_days, judged_after

COLOURS = {
    "drifting": "bold red",
    "pending": "magenta",
    "insufficient": "yellow",
    "ok": "green",
    "uncalibrated": "yellow",
    "calibrating": "yellow",
}
_HEAVY = 0.5
"""Share of the values in one bin from which on it is worth a word."""
_MOST_NOTES = 8


class _Console(Console):
    def on_broken_pipe(self) -> None:
        try:
            super().on_broken_pipe()
        except SystemExit:  # with 1, which says drift
            raise SystemExit(2) from None


def console() -> Console:
    """Return a console: as wide as the terminal, and wide enough for a table where there is none."""
    made = _Console(highlight=False)
    return made if made.is_terminal else _Console(highlight=False, width=140)


def show_profile(profile: Profile, frame: Any, path: Path) -> None:
    """Print what is monitored, what is left out and why, what it knows of time, and the digest.

    `frame` is None where the reference is not at hand: then there are no notes on its columns.
    """
    out = console()
    data = None if frame is None else as_frame(frame)
    table = Table("feature", "kind", "role", box=None, header_style="bold", pad_edge=False)
    table.add_column("bins", justify="right")
    table.add_column("missing", justify="right")
    table.add_column("notes")
    for feature in profile.features:
        table.add_row(
            _text(feature.name),
            feature.kind if feature.part is None else f"{feature.part}, {feature.zone or 'as written'}",
            feature.role,
            str(_own_bins(feature)),
            percent(feature.counts[feature.grid.special[bin_names.MISSING]] / profile.rows),
            _text("" if data is None else "; ".join(notes_on(feature, data[feature.column]))),
        )
    out.print(table)
    if profile.left_out:
        left = Table("left out", "why", box=None, header_style="bold", pad_edge=False)
        for name, why in profile.left_out.items():
            left.add_row(_text(name), _text(why))
        out.print()
        out.print(left)
    size = path.stat().st_size / 1000
    out.print()
    out.print(_text(told_of_time(profile)), soft_wrap=True)
    out.print(
        _text(
            f"{path}: {_features(profile)} of {profile.model} from {profile.rows:,} rows, {size:,.0f} kB, "
            f"digest {profile.digest}"
        ),
        soft_wrap=True,
    )


def _features(profile: Profile) -> str:
    count = len(profile.features)
    return f"{count:,} features" if count != 1 else "1 feature"


def told_of_time(profile: Profile) -> str:
    """Say what a profile knows of how much is normal, and what that means for alarms."""
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
    told = (
        f"Calibrated by windows of {sentences.span(first)} to {sentences.span(last)}, not counting days without rows."
    )
    if covers_days(calibration):
        return f"{told} {_told_of_judging(profile)}"
    return f"{told} {sentences.too_few_days(calibration.covered)}"


def _told_of_judging(profile: Profile) -> str:
    """Say how long rows must come until they are judged: the first question after `serve`."""
    after, blind = judged_after(profile)
    if not after:
        return "Rows that come as these did are too few, or too alike, to be judged soon."
    later = f", and {blind} of {len(profile.features)} features later" if blind else ""
    assert profile.calibration is not None
    pace = profile.calibration.covered / profile.rows
    # a batch stands for a day at most, and nobody waits for what it stands for
    took = f", {sentences.span(round(after * pace))}" if profile.calibration.lengths[0] < DAY else ""
    return f"Rows that come as these did are judged after about {after:,} of them{took}{later}."


def notes_on(feature: Feature, series: nw.Series[Any]) -> Iterable[str]:
    """Yield what deserves a second look in a feature of the reference."""
    grid, counts = feature.grid, feature.reference
    if feature.part is not None and _on_utc(feature, series):
        yield f"the {feature.part} of UTC: --zone NAME if people there live by clocks with summer time"
    present = counts[grid.present]
    total = int(present.sum())
    if total == 0:
        yield "no values at all"
        return
    if isinstance(grid, NumericGrid):
        heaviest = int(np.argmax(present))
        share = int(present[heaviest]) / total
        if share == 1.0 and _own_bins(feature) == 1:
            yield "constant"
        elif share >= _HEAVY:
            inside = range(*grid.core.indices(grid.size))
            alone = heaviest in inside and grid.atoms[heaviest - grid.core.start] is not None
            yield f"{share:.0%} {'at' if alone else 'in'} {grid.labels[heaviest]}"
        if feature.role != "derived" and not series.dtype.is_numeric():
            yield from filter(None, [placeholders_note(column_of(series))])
        if feature.role != "derived" and _all_differ(series, total):
            yield "looks like an identifier: every row has another value"
        return
    yield from _category_notes(grid, present, total, feature)


def _category_notes(grid: CategoryGrid, present: Any, total: int, feature: Feature) -> Iterable[str]:
    if len(grid.categories) == 1 and int(np.count_nonzero(present)) == 1 and not grid.others and feature.part is None:
        yield "constant"
    if grid.once >= 0.9 * total and total > 1:
        yield "looks like an identifier: hardly a value comes twice"
    if grid.others is None:
        yield "too many categories to know them all: none is ever unseen"
    elif grid.others:
        bins = "the bin other" if grid.hashed == 1 else f"{grid.hashed:,} bins by their hash"
        yield f"{len(grid.others):,} rare categories share {bins}"


def _on_utc(feature: Feature, series: nw.Series[Any]) -> bool:
    """Say whether hours are those of UTC, by the column's zone or since its values are written so."""
    if feature.zone is not None:
        return feature.zone == "UTC"
    try:
        return moment_of(next(iter(series.drop_nulls().head(1).to_list()))).utcoffset() == dt.timedelta(0)
    except (StopIteration, ValueError, TypeError, ArithmeticError):
        return False


def _all_differ(series: nw.Series[Any], present: int) -> bool:
    if not series.dtype.is_integer() or present <= 20:
        return False
    distinct: int = series.drop_nulls().n_unique()
    return distinct == present


def _own_bins(feature: Feature) -> int:
    grid = feature.grid
    return grid.core.stop - grid.core.start if isinstance(grid, NumericGrid) else len(grid.categories)


def show_report(report: Report) -> None:
    """Print the verdict: a line for each feature, the worst first, and what was not as expected."""
    out = console()
    table = Table("feature", "role", "state", "severity", box=None, header_style="bold", pad_edge=False)
    # nearly all data has nothing unreadable: then there is no column for it
    rates = ["missing", *(["unreadable"] if report.unreadable.values else []), "unseen", "out_of_range"]
    for name in ("effect", "p-value", *rates):
        table.add_column(name.replace("_", " "), justify="right")
    for each in in_order(report.verdict.to_json()["features"]):
        table.add_row(
            _text(each["feature"]),
            each["role"],
            Text(each["state"], COLOURS.get(each["state"], "")),
            each["severity"],
            effect_text(each["effect"]),
            p_text(each["p_value"]),
            *(rate_text(each, rate) for rate in rates),
        )
    out.print(table)
    out.print()
    for note in report.notes[:_MOST_NOTES]:
        out.print(_text(note), style="yellow", soft_wrap=True)
    if len(report.notes) > _MOST_NOTES:
        out.print(f"… and {len(report.notes) - _MOST_NOTES} more; --json and --html have all.", style="yellow")
    drifting = sum(each.drifting for each in report.verdict.features)
    state = report.verdict.state
    summary = (
        f"{drifting} of {len(report.verdict.features)} features drift" if state != "insufficient" else "not judged"
    )
    out.print(
        Text.assemble(
            printable(report.verdict.model), ": ", (state, COLOURS[state]), f", {report.rows:,} rows, {summary}"
        ),
        soft_wrap=True,
    )


def _text(value: str) -> Text:
    return Text(printable(value))
