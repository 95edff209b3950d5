"""`driftmeter settings`: show or set what counts as drift for a model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click

from driftmeter.cli.remote import ask, json_option, print_json, url_option
from driftmeter.errors import InputError
from driftmeter.types import JSON


@click.command(short_help="Show or set what counts as drift.")
@click.argument("model")
@click.option("--set", "path", type=click.Path(), metavar="FILE", help="Set what this file says: TOML with a table for "
              "the model, as for serve --settings, or JSON of the settings alone.")  # fmt: skip
@click.option("--reset", is_flag=True, help="Go by the server's default again.")
@url_option
@json_option
def settings(model: str, path: str | None, reset: bool, url: str, as_json: bool) -> None:
    """Show what counts as drift for MODEL on a metric server, after setting it where that is asked for.

    What a file does not say is then as in the server's default. The JSON that is printed can be edited and set.

    \b
    driftmeter settings credit
    driftmeter settings credit --set drift.toml --url http://localhost:8001
    """
    if path is not None and reset:
        raise click.UsageError("--set and --reset exclude each other.")
    if reset:
        ask(url, "DELETE", model, "settings")
    if path is None:
        found = ask(url, "GET", model, "settings")
    else:
        found = ask(url, "PUT", model, "settings", content=_read(Path(path), model))
    if as_json:
        print_json(found)
    else:
        _show(found)


def _read(path: Path, model: str) -> JSON:
    """Read what a file says of a model; raises InputError before anything is sent."""
    from driftmeter.settings.model import ModelSettings
    from driftmeter.settings.toml import SettingsFile

    ending = path.suffix.lower()
    if ending == ".toml":
        return SettingsFile.load(path).table(model)
    if ending != ".json":
        raise InputError("set", "a .toml or .json file", str(path))
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(str(path), "JSON", str(error)) from error
    ModelSettings.from_json(content, model)
    own: JSON = content
    return own


def _show(found: JSON) -> None:
    from rich.table import Table
    from rich.text import Text

    from driftmeter.cli.tables import console
    from driftmeter.report.texts import printable

    table = Table("setting", "value", box=None, header_style="bold", pad_edge=False)
    for name, value in _flat(found, ""):
        table.add_row(Text(printable(name)), Text(printable(value)))
    console().print(table)


def _flat(found: JSON, where: str) -> Iterator[tuple[str, str]]:
    """Yield the path to each setting, and its value as it would stand in TOML."""
    for key, value in found.items():
        name = f"{where}{key}"
        if isinstance(value, dict) and (value or where):
            yield from _flat(value, f"{name}.")
        elif value is None:
            yield name, "all"
        elif value != {}:
            yield name, json.dumps(value, ensure_ascii=False)
