"""`driftmeter backtest`: what would have alarmed on a history."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import click

from driftmeter.cli.log_options import label_option, log_bar, log_options
from driftmeter.cli.params import (
    DURATION,
    encoding_option,
    say,
    time_format_option,
    unreadable_times_option,
    zone_option,
)

if TYPE_CHECKING:
    from driftmeter.backtest import Course, Event, History
    from driftmeter.profile.profile import Profile
    from driftmeter.replay import Trace
    from driftmeter.settings.model import ModelSettings
    from driftmeter.types import JSON


class _PaneLength(click.ParamType[int | Literal["auto"]]):
    """The type of --pane: a duration, or auto."""

    name = "auto|duration"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | Literal["auto"]:
        """Return a duration in milliseconds, or `auto`."""
        if isinstance(value, str) and value.strip().lower() == "auto":
            return "auto"
        return DURATION.convert(value, param, ctx)


class _Budgets(click.ParamType[tuple[int, ...]]):
    """The type of --budget: durations with commas between them."""

    name = "durations"

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Return the durations in milliseconds, without repetitions."""
        if isinstance(value, tuple):
            return value
        return tuple(dict.fromkeys(DURATION.convert(text, param, ctx) for text in value.split(",")))


@click.command(short_help="Say what would have alarmed on a history: exit 0 nothing, 1 something.")
@click.argument("profile", type=click.Path())
@click.argument("data", type=click.Path())
@click.option("--time", metavar="COLUMN", help="When each row was. By default the profile's own time column, or "
              "one called timestamp.")  # fmt: skip
@time_format_option
@zone_option
@unreadable_times_option
@encoding_option
@log_options
@label_option
@click.option("--pane", type=_PaneLength(), default="auto", show_default=True, help="Slice of event time: 10s as live, "
              "or longer where the times are coarser.")  # fmt: skip
@click.option("--inject", "injected", multiple=True, metavar="FAULT", help="Put a fault into a column, such as 'temp: "
              "f2c from 2024-06-01', and say how soon it is seen. Repeatable.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, metavar="N",
              help="Which rows a fault draws at random.")  # fmt: skip
@click.option("--budget", "budgets", type=_Budgets(), metavar="DURATIONS", help="At most one false page expected in "
              "this time. Several, as in 7d,30d,90d, are compared.")  # fmt: skip
@click.option("--tolerance", type=click.FloatRange(0, 10), metavar="PSI", help="Least effect that counts as drift.")
@click.option(
    "--settings", "file", type=click.Path(), metavar="FILE", help="The settings that the server has, as TOML."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, and nothing else.")
@click.pass_context
def backtest(
    ctx: click.Context,
    profile: str,
    data: str,
    time: str | None,
    time_format: str | None,
    zone: str | None,
    allow_unreadable_times: bool,
    encoding: str | None,
    form: str,
    columns: str | None,
    ground_truth: str | None,
    label: str,
    allow_unreadable_records: bool,
    pane: int | Literal["auto"],
    injected: Sequence[str],
    seed: int,
    budgets: tuple[int, ...] | None,
    tolerance: float | None,
    file: str | None,
    as_json: bool,
) -> None:
    """Judge DATA, a history, as a server with PROFILE would have judged it live, pane by pane.

    Exits with 0 where nothing would have alarmed, with 1 where something would, with 2 for an error.

    \b
    driftmeter backtest profile.json history.parquet --time applied_at
    driftmeter backtest profile.json history.csv --inject 'income: missing 5% from 2024-06-01' --budget 7d,30d,90d
    driftmeter backtest profile.json history.csv --json | jq 'select(.pages)'
    """
    from driftmeter.backtest import Course, History, parse_fault
    from driftmeter.cli import backtest_tables as tables
    from driftmeter.errors import InputError
    from driftmeter.profile.profile import Profile
    from driftmeter.replay import load_trace

    faults = [parse_fault(text) for text in injected]
    reference = Profile.load(profile)
    chosen = _settings(reference.model, file, tolerance, budgets)
    with log_bar(form, columns, allow_unreadable_records, data, truth=ground_truth, label=label) as log:
        trace = load_trace(
            data,
            reference,
            time=time,
            time_format=time_format,
            zone=zone,
            allow_unreadable_times=allow_unreadable_times,
            encoding=encoding,
            log=log,
            say=say,
        )
    if trace.times is None:
        raise InputError(data, "a column that holds the time, named by --time", "none")
    if not len(trace):
        raise InputError(data, "rows", "none")
    history = History.of(reference, trace.rows, trace.times, pane=pane, faults=faults, seed=seed)
    courses = [Course(reference, settings) for settings in chosen]
    for note in (*_notes(reference, trace), *filter(None, [courses[0].silent])):
        click.echo(note, err=True)
    several = len(courses) > 1
    for event in _run(history, courses):
        if as_json and not several:
            _print(event.to_json())
    unreadable = [replace(value, row=int(trace.file_rows[value.row])) for value in history.unreadable.first]
    if unreadable:
        first = unreadable[0]
        click.echo(
            f"{history.unreadable.values:,} values cannot be read and count as unreadable, such as in row {first.row}: "
            f"{first.field}: expected {first.expected}, got {first.got}.",
            err=True,
        )
    if as_json:
        for line in tables.curve_json(history, courses) if several else tables.seen_json(history, courses[0]):
            _print(line)
    elif several:
        tables.show_curve(history, courses)
    else:
        tables.show_course(history, courses[0])
    ctx.exit(1 if any(course.alarms for course in courses) else 0)


def _print(content: JSON) -> None:
    click.echo(json.dumps(content, ensure_ascii=False, allow_nan=False))


def _settings(
    model: str, file: str | None, tolerance: float | None, budgets: Sequence[int] | None
) -> list[ModelSettings]:
    """Return one settings for each budget, or one alone; an option wins over the file."""
    from driftmeter.settings.model import ModelSettings
    from driftmeter.settings.toml import SettingsFile

    settings = ModelSettings()
    if file is not None:
        tables = SettingsFile.load(file)
        default = tables.default(settings)
        settings = tables.models(default).get(model, default)
    if tolerance is not None:
        settings = replace(settings, tolerance=tolerance)
    return [settings] if budgets is None else [replace(settings, budget=budget) for budget in budgets]


def _notes(profile: Profile, trace: Trace) -> Iterator[str]:
    """Yield sentences on where the data differ from live rows."""
    back = int((trace.file_rows[1:] < trace.file_rows[:-1]).sum())
    if back:
        yield f"The rows were not in order of time (it goes back {back:,} times): they were sorted."
    if trace.note is not None:
        yield trace.note
    names = {feature.column for feature in profile.features}
    absent = [name for name in sorted(names) if name not in trace.rows.column_names]
    if absent:
        yield f"Not in the data, so all values count as missing: {', '.join(absent[:10])}."


def _run(history: History, courses: Sequence[Course]) -> Iterator[Event]:
    """Count each pane once, and judge it in all courses; yield their events. Draws a progress bar on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    terminal = Console(stderr=True)
    bar = Progress(
        TextColumn("backtest"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[alarms]:,} alarms"),
        TimeRemainingColumn(),
        console=terminal,
        disable=not terminal.is_terminal,
        transient=True,
    )
    task = bar.add_task("", total=len(history), alarms=0)
    alarms = 0
    with nullcontext() if bar.disable else bar:  # rich before 14.3 writes a line for a bar that it never drew
        for panes in history.batches():
            for course in courses:
                events = course.take(panes)
                alarms += sum(event.event == "alarm" for event in events)
                yield from events
            bar.update(task, advance=sum(pane.summary.rows for pane in panes), alarms=alarms)
