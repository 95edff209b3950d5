"""`driftmeter explain`: why a feature is in its state."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import TYPE_CHECKING

import click

from driftmeter.cli.incidents import time_text
from driftmeter.cli.remote import ask, json_option, print_json, url_option
from driftmeter.types import JSON

if TYPE_CHECKING:
    from rich.table import Table

_LEFT = {"expected": "its drift was expected", "silenced": "it does not page by the settings"}
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
    _check_name(feature, [monitored["feature"] for monitored in ask(url, "GET", model, "verdict")["features"]])
    answer = ask(url, "GET", model, "features", feature)
    if as_json:
        print_json(answer)
        return
    incidents = ask(url, "GET", model, "incidents")["incidents"]
    _show(model, answer, _open_incident(feature, incidents))


def _check_name(feature: str, names: list[str]) -> None:
    from driftmeter.errors import InputError, near_names

    if feature not in names:
        near = near_names(feature, names, 3) or names[:8]
        raise InputError("FEATURE", f"one of the model's features, such as {', '.join(near)}", repr(feature))


def _open_incident(feature: str, incidents: Iterable[JSON]) -> JSON | None:
    """Return the open incident that a feature is part of: the one in which it is not over, or else the first."""
    of_feature = [
        (part["over"] is not None, incident)
        for incident in incidents
        if incident["state"] == "open" and (part := _part(feature, incident)) is not None
    ]
    return min(of_feature, key=itemgetter(0), default=(False, None))[1]


def _part(feature: str, incident: JSON) -> JSON | None:
    """Return a feature's part in an incident."""
    return next((member for member in incident["features"] if member["feature"] == feature), None)


def _show(model: str, feature: JSON, incident: JSON | None) -> None:
    """Print what the server says of a feature: sentences, three tables, and the commands that may help."""
    from rich.text import Text

    from driftmeter.cli.console import COLOURS, console, plain
    from driftmeter.page.texts import printable

    out = console()
    state = Text.assemble((feature["state"], COLOURS.get(feature["state"], "")))
    if feature["drifting"]:
        state.append(f", severity {feature['severity']}, since {time_text(feature['since'])}")
    role = "" if feature["role"] == "feature" else f" ({feature['role']})"
    out.print(Text.assemble((printable(feature["feature"]), "bold"), f" of {printable(model)}{role}: ", state))
    out.print(plain(feature["why"]), soft_wrap=True)
    if feature.get("follows"):
        out.print(plain(f"It follows {feature['follows']}, whose change explains it."), soft_wrap=True)
    for line in _sentences(feature, incident):
        out.print(plain(line), soft_wrap=True)
    for title, table in (
        ("what the detector found", _findings(feature)),
        ("what moved most", _moved(feature)),
        ("what the tests measured", _statistics(feature)),
    ):
        if table is not None:
            out.print()
            out.print(title, style="bold")
            out.print(table)
    out.print()
    for line in _advice(model, feature, incident):
        out.print(plain(line), style="dim", soft_wrap=True)


def _sentences(feature: JSON, incident: JSON | None) -> Iterator[str]:
    from driftmeter.verdict.figures import deviations

    if feature["smallest_shift"] is not None:
        yield f"By now a shift of {deviations(feature['smallest_shift'])} could be seen."
    if incident is not None:
        acknowledged = incident["acknowledged"]
        by = "nobody has acknowledged it"
        if acknowledged is not None:
            by = f"acknowledged at {time_text(acknowledged['at'])}"
        again = "" if incident["reopened"] is None else f", reopened at {time_text(incident['reopened'])}"
        yield f"Incident {incident['id']} is open since {time_text(incident['opened'])}{again}; {by}."
        if incident.get("summary"):
            yield f"What drifts in it: {incident['summary']}"
        yield from _told_of_part(_part(feature["feature"], incident))
    if feature["expected_until"] is not None:
        yield f"Drift is expected until {time_text(feature['expected_until'])}: it does not page."


def _told_of_part(part: JSON | None) -> Iterator[str]:
    """Yield what an incident says of one of its features: when its change began, was another one, and was over."""
    if part is None:
        return
    earliest, latest = map(time_text, part["since_range"])
    began = f"at {earliest}" if earliest == latest else f"between {earliest} and {latest}"
    yield f"The change began {began}."
    if part["changed_again"] is not None:
        yield f"It became another change at {time_text(part['changed_again'])}."
    if part["over"] is not None:
        over = time_text(part["over"])
        why = _LEFT.get(part["ended"])
        left = f"It is over since {over}" if why is None else f"It left the incident at {over}, since {why}"
        yield f"{left}; the incident is open because of other features."


def _findings(feature: JSON) -> Table | None:
    """Show the detector's evidence in windows of each length; None if it has looked at none."""
    from rich.table import Table
    from rich.text import Text

    from driftmeter.page.texts import printable
    from driftmeter.report.texts import effect_text
    from driftmeter.verdict.figures import span

    findings = feature["findings"]
    if not findings:
        return None
    strongest = max(finding["evidence"] for finding in findings)
    table = Table("window", "rows", "evidence", "effect", "found", box=None, header_style="dim", pad_edge=False)
    for finding in findings:
        style = "bold" if finding["evidence"] == strongest else ""
        table.add_row(
            span(int(1000 * finding["window_seconds"])),
            f"{finding['rows']:,}",
            Text(f"{finding['evidence']:.1f}", "bold red" if finding["evidence"] >= 0 else style),
            Text("" if finding["effect"] is None else effect_text(finding["effect"]), style),
            Text(printable(finding["found"]), style),
        )
    return table


def _moved(feature: JSON) -> Table | None:
    """Show the bins whose share differs most between reference and judging window.

    Returns None if there is no difference or no window.
    """
    from rich.table import Table
    from rich.text import Text

    from driftmeter.cli.console import plain
    from driftmeter.verdict.figures import percents

    reference, window = feature["reference"], feature["windows"]["judging"]["counts"]
    reference_rows, window_rows = max(sum(reference), 1), sum(window)
    if not window_rows:
        return None
    shares = [
        (was / reference_rows, now / window_rows, name)
        for was, now, name in zip(reference, window, feature["bins"], strict=True)
    ]
    changed = [(before, after, name) for before, after, name in shares if before != after]
    if not changed:
        return None
    most = sorted(changed, key=lambda change: -abs(change[1] - change[0]))[:_MOST_BINS]
    longest = abs(most[0][1] - most[0][0])
    table = Table("value", "reference", "window", "", box=None, header_style="dim", pad_edge=False)
    for before, after, name in most:
        bar = "█" * max(1, round(_BAR * abs(after - before) / longest))
        sign, colour = ("+", "red") if after > before else ("-", "blue")
        table.add_row(plain(name), *percents(before, after), Text(f"{sign} {bar}", colour))
    return table


def _statistics(feature: JSON) -> Table | None:
    """Show each drift test's statistic on the judging window, its unit and the source of its formula.

    Returns None if the settings name no test.
    """
    from rich.table import Table

    from driftmeter.report.legend import legend
    from driftmeter.report.texts import p_text

    scores = feature["tests"]
    entries = legend(scores)
    if not entries:
        return None
    table = Table("test", box=None, header_style="dim", pad_edge=False)
    table.add_column("statistic", justify="right")
    table.add_column("unit")
    table.add_column("p-value", justify="right")
    table.add_column("source", style="dim")
    for entry in entries:
        score = scores[entry.name]
        table.add_row(entry.name, f"{score['statistic']:.4g}", entry.unit, p_text(score["p_value"]), entry.citation)
    return table


def _quoted(*words: str) -> str:
    """Write arguments as a shell takes them, a name that begins like an option too."""
    dashes = "-- " if any(word.startswith("-") for word in words) else ""
    return dashes + shlex.join(words)


def _advice(model: str, feature: JSON, incident: JSON | None) -> Iterator[str]:
    """Yield commands that fit the state, each with what it says."""
    if incident is not None and incident["acknowledged"] is None:
        yield f"driftmeter acknowledge {_quoted(model, incident['id'])}   somebody has it in hand"
    if feature["drifting"]:
        yield f"driftmeter expect --for 6h {_quoted(model, feature['feature'])}   it is meant to be so for a while"
        since = f"--since {feature['since']} -o next.json"
        yield f"driftmeter profile --from-live {shlex.quote(model)} {since}   this is normal now"
    if feature["state"] == "uncalibrated":
        yield "driftmeter profile DATA --time COLUMN --model …   let the profile learn what is normal"
