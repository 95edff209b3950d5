"""`driftmeter explain`: why a feature is in its state."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

import click

from driftmeter.cli.incidents import note_text, time_text
from driftmeter.cli.remote import ask, json_option, print_json, url_option
from driftmeter.types import JSON

_MOST_BINS = 6
_BAR = 20
"""Characters of the longest bar."""


@click.command(short_help="Say why a feature is in its state.")
@click.argument("model")
@click.argument("feature")
@url_option
@json_option
def explain(model: str, feature: str, url: str, as_json: bool) -> None:
    """Say why FEATURE of MODEL is in its state: what was found in windows of which length, what could have been seen,
    which values moved, and what one can do. Times are UTC.

    \b
    driftmeter explain credit income --url http://localhost:8001
    """
    _check(feature, [each["feature"] for each in ask(url, "GET", model, "verdict")["features"]])
    found = ask(url, "GET", model, "features", feature)
    if as_json:
        print_json(found)
        return
    incidents = ask(url, "GET", model, "incidents")["incidents"]
    _show(model, found, _incident_of(feature, incidents))


def _check(feature: str, names: list[str]) -> None:
    from difflib import get_close_matches

    from driftmeter.errors import InputError

    if feature not in names:
        near = get_close_matches(feature, names, 3) or names[:8]
        raise InputError("FEATURE", f"one of the model's features, such as {', '.join(near)}", repr(feature))


def _incident_of(feature: str, incidents: Iterable[JSON]) -> JSON | None:
    """Return the open incident that a feature is part of."""
    for each in incidents:
        if each["state"] == "open" and feature in [member["feature"] for member in each["features"]]:
            return each
    return None


def _show(model: str, found: JSON, incident: JSON | None) -> None:
    from rich.text import Text

    from driftmeter.cli.tables import COLOURS, console
    from driftmeter.report.texts import printable

    out = console()
    state = Text.assemble((found["state"], COLOURS.get(found["state"], "")))
    if found["drifting"]:
        state.append(f", severity {found['severity']}, since {time_text(found['since'])}")
    role = "" if found["role"] == "feature" else f" ({found['role']})"
    out.print(Text.assemble((printable(found["feature"]), "bold"), f" of {printable(model)}{role}: ", state))
    out.print(Text(printable(found["why"])), soft_wrap=True)
    for line in _lines(found, incident):
        out.print(Text(printable(line)), soft_wrap=True)
    for title, table in (("what the detector found", _findings(found)), ("what moved most", _moved(found))):
        if table is not None:
            out.print()
            out.print(title, style="bold")
            out.print(table)
    out.print()
    for line in _advice(model, found, incident):
        out.print(Text(printable(line)), style="dim", soft_wrap=True)


def _lines(found: JSON, incident: JSON | None) -> Iterator[str]:
    if found["smallest_shift"] is not None:
        yield f"By now a shift of {found['smallest_shift']:.2g} standard deviations could be seen."
    if incident is not None:
        seen = incident["acknowledged"]
        by = "nobody has acknowledged it" if seen is None else f"acknowledged at {time_text(seen['at'])}"
        yield f"Incident {incident['id']} is open since {time_text(incident['opened'])}; {by}."
    if found["expected_until"] is not None:
        yield f"Drift is expected until {time_text(found['expected_until'])}: it does not page."


def _findings(found: JSON) -> object | None:
    from rich.table import Table
    from rich.text import Text

    from driftmeter.report.texts import printable
    from driftmeter.verdict.sentences import span

    windows = found["findings"]
    if not windows:
        return None
    strongest = max(each["evidence"] for each in windows)
    table = Table("window", "rows", "evidence", "found", box=None, header_style="dim", pad_edge=False)
    for each in windows:
        style = "bold" if each["evidence"] == strongest else ""
        table.add_row(
            span(int(1000 * each["window_seconds"])),
            f"{each['rows']:,}",
            Text(f"{each['evidence']:.1f}", "bold red" if each["evidence"] >= 0 else style),
            Text(printable(each["found"]), style),
        )
    return table


def _moved(found: JSON) -> object | None:
    """Show the bins whose share differs most between reference and judging window."""
    from rich.table import Table
    from rich.text import Text

    from driftmeter.report.texts import percent, printable

    window = found["windows"]["judging"]["counts"]
    before, now = max(sum(found["reference"]), 1), sum(window)
    if not now:
        return None
    shares = [(b / before, w / now, name) for b, w, name in zip(found["reference"], window, found["bins"], strict=True)]
    moved = sorted((each for each in shares if each[0] != each[1]), key=lambda each: -abs(each[1] - each[0]))[
        :_MOST_BINS
    ]
    if not moved:
        return None
    longest = max(abs(share - was) for was, share, _ in moved)
    table = Table("value", "reference", "window", "", box=None, header_style="dim", pad_edge=False)
    for was, share, name in moved:
        more = share > was
        bar = "█" * max(1, round(_BAR * abs(share - was) / longest))
        sign = ("+", "red") if more else ("-", "blue")
        table.add_row(Text(printable(name)), percent(was), percent(share), Text(f"{sign[0]} {bar}", sign[1]))
    return table


def _quoted(*words: str) -> str:
    """Write arguments as a shell takes them, a name that begins like an option too."""
    dashes = "-- " if any(word.startswith("-") for word in words) else ""
    return dashes + shlex.join(words)


def _advice(model: str, found: JSON, incident: JSON | None) -> Iterator[str]:
    if incident is not None and incident["acknowledged"] is None:
        yield f"driftmeter acknowledge {_quoted(model, incident['id'])}   somebody has it in hand{note_text('')}"
    if found["drifting"]:
        yield f"driftmeter expect --for 6h {_quoted(model, found['feature'])}   it is meant to be so for a while"
        since = f"--since {found['since']} -o next.json"
        yield f"driftmeter profile --from-live {shlex.quote(model)} {since}   this is normal now"
    if found["state"] == "uncalibrated":
        yield "driftmeter profile DATA --time COLUMN --model …   let the profile learn what is normal"
