"""Options of the commands that read logs, and the bar that shows how far one was read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from driftmeter.errors import InputError
from driftmeter.logs.names import NAMES

if TYPE_CHECKING:
    from driftmeter.logs.read import LogOptions

_OPTIONS = (
    click.option("--format", "form", type=click.Choice(["auto", "table", *NAMES]), default="auto", show_default=True,
                 metavar="NAME", help="How DATA is written: auto looks and says what it found; table is CSV, Parquet, "
                 f"Arrow or Delta; logs of serving systems are {', '.join(NAMES)}. See docs/doors.md."),
    click.option("--columns", metavar="NAMES", help="The features, with commas between them, in the order of values "
                 "without names in a log.  [default: the profile's order]"),
    click.option("--ground-truth", metavar="FOLDER", help="Ground truth of SageMaker that lies apart from DATA: joined "
                 "by the id of the event, it fills the column --label."),
    click.option("--allow-unreadable-records", is_flag=True,
                 help="Leave out the records of a log that cannot be read, even more than 1 %."),
)  # fmt: skip
label_option = click.option("--label", metavar="COLUMN", default="label", show_default=True,
                            help="The profile's column that --ground-truth, or labels in a log, fill.")  # fmt: skip


def log_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of logs to a command, which gets them as `form`, `columns`, `ground_truth` and so on."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@contextmanager
def log_bar(
    form: str,
    columns: str | None,
    allow_unreadable_records: bool,
    source: str,
    *,
    truth: str | None = None,
    label: str | None = None,
) -> Iterator[LogOptions]:
    """Return what the options say; draw a bar of the bytes that are read of a log, if there is a terminal."""
    from rich.console import Console

    from driftmeter.logs.read import LogOptions

    order = None if columns is None else [name.strip() for name in columns.split(",")]
    if order is not None and (len(set(order)) < len(order) or "" in order):
        raise InputError("--columns", "names that are not empty, each once", repr(columns))
    terminal = Console(stderr=True)
    if not terminal.is_terminal:
        yield LogOptions(form, order, allow_unreadable_records, truth=truth, label=label)
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=terminal, transient=True
    )

    def advance(read: int) -> None:
        if not bar.tasks:  # a table, which is no log, has no bar
            bar.add_task("", total=_size_of(source))
            bar.start()
        bar.update(bar.tasks[0].id, advance=read)

    try:
        yield LogOptions(form, order, allow_unreadable_records, advance, truth, label)
    finally:
        if bar.tasks:
            bar.stop()


def _size_of(source: str) -> int | None:
    """Return the bytes of a source's files; None where they are not known."""
    from driftmeter.errors import DriftmeterError
    from driftmeter.logs.sources import files_of_source

    try:
        return sum(file.size for file in files_of_source(source))
    except DriftmeterError:
        return None
