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
        current = ask(url, "GET", model, "settings")
    else:
        current = ask(url, "PUT", model, "settings", content=_read(Path(path), model))
    if as_json:
        print_json(current)
    else:
        _show(current)


def _read(path: Path, model: str) -> JSON:
    """Read a model's settings from a file. Raises InputError before anything is sent."""
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
    settings: JSON = content
    return settings


def _show(settings: JSON) -> None:
    from rich.table import Table

    from driftmeter.cli.console import console, plain

    table = Table("setting", "value", box=None, header_style="bold", pad_edge=False)
    for name, value in _flat(settings, ""):
        table.add_row(plain(name), plain(value))
    console().print(table)


def _flat(settings: JSON, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield the dotted name of each setting, and its value as in TOML."""
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and (value or prefix):
            yield from _flat(value, f"{name}.")
        elif value is None:
            yield name, "all"
        elif value != {}:
            yield name, json.dumps(value, ensure_ascii=False)
