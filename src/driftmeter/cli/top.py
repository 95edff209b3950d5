"""`driftmeter top`: the overview, live in a terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from driftmeter.cli.remote import UnansweredError, ask, ask_path, url_option

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


@click.command(short_help="Show models live in the terminal.")
@click.argument("model", required=False)
@url_option
@click.option("--every", type=click.FloatRange(0.2, 3600), default=2.0, show_default=True, metavar="SECONDS",
              help="Time from one look to the next.")  # fmt: skip
@click.option("--once", is_flag=True, help="Print what is shown once, and end.")
def top(model: str | None, url: str, every: float, once: bool) -> None:
    """Show MODEL of a metric server, live: its state, the last day, and its features, the worst cause first.

    Without MODEL, all models are shown, the worst first; of a server with one model, that one. Ctrl-C ends it.

    \b
    driftmeter top --url http://localhost:8001
    driftmeter top credit --every 10
    """
    from driftmeter.cli.console import console

    out = console()
    first = _look(out, url, model)
    if once:
        out.print(first)
        return
    from rich.live import Live
    from rich.text import Text

    with Live(first, console=out, screen=out.is_terminal, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(every)
                try:
                    live.update(_look(out, url, model), refresh=True)
                except UnansweredError as error:
                    live.update(Text(f"connection lost, trying again: {error}", "bold yellow"), refresh=True)
        except KeyboardInterrupt:
            return


def _look(out: Console, url: str, model: str | None) -> RenderableType:
    """Ask the server once, and return what is to be shown."""
    from driftmeter.cli.top_view import fleet_view, overview_view

    if model is None:
        models = ask_path(url, "GET", "/v1/models")["models"]
        if len(models) != 1:
            return fleet_view(models, height=out.height)
        model = models[0]["model"]
    return overview_view(ask(url, "GET", model, "overview"), width=out.width, height=out.height)
