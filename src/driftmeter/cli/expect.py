"""`driftmeter expect`: say beforehand that a feature, or a whole model, will drift."""

from __future__ import annotations

import click

from driftmeter.cli.incidents import time_text
from driftmeter.cli.params import DURATION
from driftmeter.cli.remote import ask, json_option, print_json, url_option
from driftmeter.types import JSON


@click.command(short_help="Say that drift is expected.")
@click.argument("model")
@click.argument("feature", required=False)
@click.option("--until", metavar="TIME", help="Until then: ISO 8601 (UTC where it names no zone) or seconds since the "
              "epoch.")  # fmt: skip
@click.option("--for", "length", type=DURATION, help="For so long from now.")
@click.option("--over", is_flag=True, help="It is expected no longer.")
@click.option("--note", default="", metavar="TEXT", help="Why.")
@url_option
@json_option
def expect(
    model: str,
    feature: str | None,
    until: str | None,
    length: int | None,
    over: bool,
    note: str,
    url: str,
    as_json: bool,
) -> None:
    """Say that FEATURE of MODEL, or without FEATURE the whole model, is expected to drift from now on.

    A mark replaces the one before. With MODEL alone it lists what is expected. Times are UTC.

    \b
    driftmeter expect credit income --for 6h --note "new currency"
    driftmeter expect credit --until 2026-12-27
    driftmeter expect credit income --over
    """
    given = (until is not None) + (length is not None) + over
    if given > 1 or (given == 0 and (feature is not None or note)):
        raise click.UsageError("Give one of --until, --for and --over.")
    if over:
        ask(url, "DELETE", model, "expected", query=None if feature is None else {"feature": feature})
    if until is not None or length is not None:
        when: JSON = {"until": until} if length is None else {"for": f"{length}ms"}
        answer = ask(url, "POST", model, "expected", content={"feature": feature, "note": note, **when})
    else:
        answer = ask(url, "GET", model, "expected")
    if as_json:
        print_json(answer)
    elif answer["expected"]:
        _show(answer["expected"])
    else:
        click.echo(f"{model}: no drift is expected")


def _show(expectations: list[JSON]) -> None:
    from rich.table import Table

    from driftmeter.cli.console import console, plain

    table = Table("feature", "since", "until", "note", box=None, header_style="bold", pad_edge=False)
    for expected in expectations:
        name = "(the whole model)" if expected["feature"] is None else expected["feature"]
        table.add_row(plain(name), time_text(expected["since"]), time_text(expected["until"]), plain(expected["note"]))
    console().print(table)
