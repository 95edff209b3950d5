"""What `driftmeter backfill` shows: how far it is, and what it made."""

from __future__ import annotations

import json
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

import click

from driftmeter.cli.incidents import show_incidents
from driftmeter.timestamps import iso
from driftmeter.types import JSON, Milliseconds

if TYPE_CHECKING:
    from driftmeter.backfill.counting import Advance
    from driftmeter.backfill.tally import LakeTally


class Bars:
    """A bar of the rows that are counted, then one of the event time that is folded, if there is a terminal."""

    def __init__(self, rows: int | None) -> None:
        """Expect so many rows, None where nobody knows."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        terminal = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[said]}"),
            TimeRemainingColumn(),
            console=terminal,
            disable=not terminal.is_terminal,
            transient=True,
        )
        self._rows, self._from = rows, 0
        self._began = self._counted = monotonic()
        self._first: Milliseconds = 0
        self._task: Any = None
        self.panes = 0

    def __enter__(self) -> Self:
        """Draw the first bar."""
        if not self._bar.disable:  # rich before 14.3 writes a line for a bar that it never drew
            self._bar.start()
        self._task = self._bar.add_task("counting", total=self._rows, said="")
        return self

    def __exit__(self, *error: object) -> None:
        """Draw no more."""
        if not self._bar.disable:
            self._bar.stop()

    def counted(self, advance: Advance) -> None:
        """Show how many rows are counted."""
        self._from = self._from or max(1, advance.rows)
        speed = (advance.rows - self._from) / max(1e-3, monotonic() - self._began)
        self._bar.update(self._task, completed=advance.rows, said=f"{advance.rows:,} rows, {speed:,.0f} rows/s")

    def fold(self, tally: LakeTally) -> None:
        """Go on to the second bar."""
        self._counted = monotonic()
        self._bar.remove_task(self._task)
        self._first = tally.first or 0
        self._task = self._bar.add_task("folding", total=(tally.last or 0) - self._first or None, said="")

    @property
    def seconds(self) -> dict[str, float]:
        """How long counting took, and folding until now."""
        return {"count": round(self._counted - self._began, 3), "fold": round(monotonic() - self._counted, 3)}

    def folded(self, advance: Advance) -> None:
        """Show up to when the panes are folded."""
        self.panes = advance.panes
        incidents = f"{advance.incidents:,} incident{'' if advance.incidents == 1 else 's'}"
        said = f"{iso(advance.folded)[:16].replace('T', ' ')}, {advance.panes:,} panes, {incidents}"
        self._bar.update(self._task, completed=advance.folded - self._first, said=said)


def summary(model: str, title: str, tally: LakeTally, pane: Milliseconds, bars: Bars, incidents: list[JSON]) -> JSON:
    """Return what was done, as plain JSON. `panes` are those that this run folded."""
    return {
        "model": model,
        "source": title,
        "rows": tally.rows,
        "counted": tally.counted,
        "dropped": dict(sorted(tally.dropped.items())),
        "unreadable": dict(sorted(tally.unreadable.items())),
        "examples": [value.to_json() for value in tally.named],
        "first": None if tally.first is None else iso(tally.first),
        "last": None if tally.last is None else iso(tally.last),
        "panes": bars.panes,
        "pane_ms": pane,
        "seconds": bars.seconds,
        "incidents": incidents,
    }


def show(result: JSON, *, as_json: bool) -> None:
    """Print a summary: for people, or as one JSON object."""
    from driftmeter.page.texts import printable

    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, allow_nan=False))
        return
    span = ""
    if result["first"] is not None:
        first, last = (result[key][:16].replace("T", " ") for key in ("first", "last"))
        span = f" from {first} to {last}, {result['panes']:,} panes of {result['pane_ms'] / 1000:g} s folded"
    incidents = len(result["incidents"])
    number = f"{incidents:,} incident{'' if incidents == 1 else 's'}"
    click.echo(
        f"{printable(result['model'])}: {result['counted']:,} of {result['rows']:,} rows counted of "
        f"{printable(result['source'])}{span}: {number}"
    )
    counting, folding = result["seconds"]["count"], result["seconds"]["fold"]
    speed = result["rows"] / max(counting, 0.001)
    click.echo(f"  counted in {counting:,.1f} s ({speed:,.0f} rows/s), folded in {folding:,.1f} s")
    for reason, rows in result["dropped"].items():
        click.echo(f"  {rows:,} rows left out: {reason}{_REASONS.get(reason, '')}")
    for column, values in result["unreadable"].items():
        examples = [f"{one['got']} in row {one['row']}" for one in result["examples"] if one["field"] == column]
        such_as = f", such as {', '.join(examples)}" if examples else ""
        click.echo(f"  {values:,} values of {printable(column)} cannot be read{printable(such_as)}")
    if result["incidents"]:
        show_incidents(result["incidents"])


_REASONS = {
    "closed": " (their panes are closed in the store already)",
    "late": " (they arrived after their pane was closed)",
    "future": " (more than a minute later than they arrived)",
    "after the end": " (of --until, or of panes that have not ended yet)",
}
