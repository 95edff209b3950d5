"""`driftmeter replay`: send a file to a metric server."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from driftmeter.cli.log_options import label_option, log_bar, log_options
from driftmeter.cli.params import (
    RATE,
    SPEED,
    encoding_option,
    say,
    time_format_option,
    unreadable_times_option,
    zone_option,
)
from driftmeter.cli.remote import url_option

if TYPE_CHECKING:
    from driftmeter.replay import Player, ReplayTotals

_MOST_REASONS = 5


@click.command(short_help="Send a file to a metric server.")
@click.argument("data", type=click.Path())
@url_option
@click.option("--model", required=True, envvar="DRIFTMETER_MODEL", show_envvar=True, metavar="NAME",
              help="The model, by the name that the server knows.")  # fmt: skip
@click.option("--time", metavar="COLUMN", help="When each row was. By default the profile's own time column, or "
              "one called timestamp.")  # fmt: skip
@time_format_option
@zone_option
@unreadable_times_option
@encoding_option
@log_options
@label_option
@click.option("--speed", type=SPEED, default="max", show_default=True,
              help="So many times as fast as it happened, such as 60x, or max.")  # fmt: skip
@click.option("--rate", type=RATE, default="1000", show_default=True, metavar="ROWS", help="Rows per second of a file "
              "that has no time, or max.")  # fmt: skip
@click.option("--keep-time", is_flag=True, help="Keep the timestamps, as when history is filled in; else the first "
              "row is now.")  # fmt: skip
@click.option("--batch", type=click.IntRange(1, 100_000), default=1000, show_default=True, metavar="N",
              help="Most rows of one request.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the first N rows of the file.")
@click.option("--retry-for", type=click.FloatRange(0), default=60.0, show_default=True, metavar="SECONDS",
              help="How long the server may be away before it is given up.")  # fmt: skip
def replay(
    data: str,
    url: str,
    model: str,
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
    speed: float,
    rate: float,
    keep_time: bool,
    batch: int,
    limit: int | None,
    retry_for: float,
) -> None:
    """Send the rows of DATA to a metric server, in the order of their time. Ctrl-C stops it.

    \b
    driftmeter replay june.csv --url http://localhost:8001 --model credit --speed 60x
    driftmeter replay history.parquet --model credit --time applied_at --keep-time
    """
    from driftmeter.replay import Player, ReplaySpeed, RowsClient, load_trace

    stop = threading.Event()
    client = RowsClient(url, model, patience=retry_for, stop=stop)
    try:
        served = client.model()
        with log_bar(form, columns, allow_unreadable_records, data, truth=ground_truth, label=label) as log:
            trace = load_trace(
                data,
                served.profile,
                time=time,
                time_format=time_format,
                limit=limit,
                zone=zone,
                allow_unreadable_times=allow_unreadable_times,
                encoding=encoding,
                log=log,
                say=say,
            )
        if trace.note is not None:
            click.echo(trace.note, err=True)
        player = Player(
            trace, client, served, ReplaySpeed(speed, rate, keep_time, batch), source=f"replay-{Path(data).stem}"[:100]
        )
        try:
            with stop_on_signal(stop):
                _play(player)
        finally:
            _summarize(player.totals, client.retries, stopped=stop.is_set(), keep_time=keep_time)
    finally:
        client.close()


def _play(player: Player) -> None:
    """Run the player, with a progress bar if there is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("replay"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:,.0f} rows/s"),
        TextColumn("{task.fields[late]:,} late"),
        TextColumn("{task.fields[rejected]:,} rejected"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not Console(stderr=True).is_terminal,
    )
    task = bar.add_task("", total=player.totals.rows, rate=0.0, late=0, rejected=player.totals.rejected)

    def progress(totals: ReplayTotals) -> None:
        fields: dict[str, Any] = {"late": totals.late, "rejected": totals.rejected}
        bar.update(task, completed=totals.sent, rate=bar.tasks[0].speed or 0.0, **fields)

    with nullcontext() if bar.disable else bar:  # rich before 14.3 writes a line for a bar that it never drew
        player.run(progress)


@contextmanager
def stop_on_signal(stop: threading.Event) -> Iterator[None]:
    """Set `stop` on the first SIGINT or SIGTERM, so that the current batch is the last; a second one ends at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_signal(number: int, frame: object) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _summarize(totals: ReplayTotals, retries: int, *, stopped: bool, keep_time: bool) -> None:
    from driftmeter.page.texts import printable

    unsent = totals.rows - totals.unread - totals.sent
    click.echo(
        f"{'stopped: ' if stopped else ''}{totals.rows:,} rows: {totals.accepted:,} accepted ({totals.late:,} of them "
        f"late), {totals.rejected:,} rejected, {unsent:,} not sent" + (f"; {retries:,} retries" if retries else "")
    )
    for reason, values in totals.reasons.most_common(_MOST_REASONS):
        click.echo(f"  {values:,} × {printable(reason)}")
    if len(totals.reasons) > _MOST_REASONS:
        click.echo(f"  … and {len(totals.reasons) - _MOST_REASONS} more reasons")
    if totals.reasons:
        click.echo("  (the first row of the file is row 0)")
    if totals.late and totals.late == totals.accepted:
        hint = (
            "their panes are closed already. Send history to a model that has seen nothing later yet, or leave out "
            "--keep-time"
            if keep_time
            else "they took longer than the server's --lateness: try a lower --speed or --rate"
        )
        click.echo(f"  all rows that were accepted came late and are in no verdict: {hint}")
