"""`driftmeter incidents` and `driftmeter acknowledge`: what has drifted, and that somebody has seen it."""

from __future__ import annotations

import click

from driftmeter.cli.remote import ask, json_option, print_json, url_option
from driftmeter.types import JSON

_MOST_FEATURES = 4
_COLOURS = {"open": "bold red", "closed": "green"}


@click.command(short_help="List a model's incidents.")
@click.argument("model")
@url_option
@json_option
def incidents(model: str, url: str, as_json: bool) -> None:
    """List the incidents of MODEL on a metric server, newest first: which features they have, which of them are over,
    which changed again, and when an incident was last reopened. Times are UTC.

    \b
    driftmeter incidents credit --url http://localhost:8001
    """
    answer = ask(url, "GET", model, "incidents")
    if as_json:
        print_json(answer)
    elif answer["incidents"]:
        show_incidents(answer["incidents"])
    else:
        click.echo(f"{model}: no incidents")


@click.command(short_help="Say that an incident was seen.")
@click.argument("model")
@click.argument("incident")
@click.option("--note", default="", metavar="TEXT", help="What there is to say of it.")
@url_option
@json_option
def acknowledge(model: str, incident: str, note: str, url: str, as_json: bool) -> None:
    """Remember that somebody has seen INCIDENT of MODEL; who says so first is kept.

    \b
    driftmeter acknowledge credit 1700000012000 --note "the sensor was swapped"
    """
    answer = ask(url, "POST", model, "incidents", incident, "acknowledge", content={"note": note})
    if as_json:
        print_json(answer)
        return
    acknowledged = answer["acknowledged"]
    click.echo(
        f"{model}: incident {incident} acknowledged at {time_text(acknowledged['at'])}{note_text(acknowledged['note'])}"
    )


def time_text(time: str | None) -> str:
    """Write an ISO 8601 time without its milliseconds; None is empty."""
    return "" if time is None else f"{time[:10]} {time[11:19]}"


def note_text(note: str) -> str:
    """Write a note as the end of a sentence; an empty note is empty."""
    from driftmeter.page.texts import printable

    return f": {printable(note)}" if note else ""


def show_incidents(incidents: list[JSON]) -> None:
    """Print incidents, as a server answers them, as a table."""
    from rich.table import Column, Table
    from rich.text import Text

    from driftmeter.cli.console import console
    from driftmeter.page.texts import printable
    from driftmeter.report.texts import members_text

    # few have one
    reopened = any(incident["reopened"] is not None for incident in incidents)
    short = ("incident", "state", "severity", "since", *(["reopened"] if reopened else []), "closed")
    table = Table(*(Column(name, no_wrap=True) for name in short), "features", "acknowledged",
                  box=None, header_style="bold", pad_edge=False)  # fmt: skip
    for incident in incidents:
        acknowledged = incident["acknowledged"]
        table.add_row(
            Text(printable(incident["id"])),
            Text(incident["state"], _COLOURS.get(incident["state"], "")),
            incident["severity"],
            time_text(incident["since"]),
            *([time_text(incident["reopened"])] if reopened else []),
            time_text(incident["closed"]),
            Text(printable(members_text(incident, _MOST_FEATURES))),
            Text("" if acknowledged is None else f"{time_text(acknowledged['at'])}{note_text(acknowledged['note'])}"),
        )
    console().print(table)
