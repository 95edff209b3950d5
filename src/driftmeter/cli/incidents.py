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
    """List the incidents of MODEL on a metric server, newest first. Times are UTC.

    \b
    driftmeter incidents credit --url http://localhost:8001
    """
    found = ask(url, "GET", model, "incidents")
    if as_json:
        print_json(found)
    elif found["incidents"]:
        _show(found["incidents"])
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
    found = ask(url, "POST", model, "incidents", incident, "acknowledge", content={"note": note})
    if as_json:
        print_json(found)
        return
    seen = found["acknowledged"]
    click.echo(f"{model}: incident {incident} acknowledged at {time_text(seen['at'])}{note_text(seen['note'])}")


def time_text(time: str | None) -> str:
    """Write a time for people: no milliseconds."""
    return "" if time is None else f"{time[:10]} {time[11:19]}"


def note_text(note: str) -> str:
    """Write a note behind a sentence."""
    from driftmeter.report.texts import printable

    return f": {printable(note)}" if note else ""


def _show(found: list[JSON]) -> None:
    from rich.table import Table
    from rich.text import Text

    from driftmeter.cli.tables import console
    from driftmeter.report.texts import printable

    table = Table("incident", "state", "since", "closed", "features", "acknowledged", box=None, header_style="bold",
                  pad_edge=False)  # fmt: skip
    for each in found:
        names = [feature["feature"] for feature in each["features"]]
        more = f" and {len(names) - _MOST_FEATURES} more" if len(names) > _MOST_FEATURES else ""
        seen = each["acknowledged"]
        table.add_row(
            Text(printable(each["id"])),
            Text(each["state"], _COLOURS.get(each["state"], "")),
            time_text(each["since"]),
            time_text(each["closed"]),
            Text(printable(", ".join(names[:_MOST_FEATURES])) + more),
            Text("" if seen is None else f"{time_text(seen['at'])}{note_text(seen['note'])}"),
        )
    console().print(table)
