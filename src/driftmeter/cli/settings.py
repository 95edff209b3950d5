"""`driftmeter settings`: show or set what counts as drift for a model."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from driftmeter.cli.remote import ask, json_option, print_json, url_option
from driftmeter.errors import InputError
from driftmeter.types import JSON


@click.command(short_help="Show or set what counts as drift.")
@click.argument("model")
@click.option("--set", "path", type=click.Path(), metavar="FILE", help="Set what this file says: TOML with a table for "
              "the model, as for serve --settings, or JSON of the settings alone.")  # fmt: skip
@click.option("--importance", type=click.Path(), metavar="FILE", help="Set how important features are: JSON of a "
              "number for each name, or CSV of a name and a number in each line.")  # fmt: skip
@click.option("--reset", is_flag=True, help="Go by the server's default again.")
@url_option
@json_option
def settings(model: str, path: str | None, importance: str | None, reset: bool, url: str, as_json: bool) -> None:
    """Show what counts as drift for MODEL on a metric server, after setting it where that is asked for.

    What a file does not say is then as in the server's default. The JSON that is printed can be edited and set.

    \b
    driftmeter settings credit
    driftmeter settings credit --set drift.toml --url http://localhost:8001
    driftmeter settings credit --importance importance.json
    """
    if sum((path is not None, importance is not None, reset)) > 1:
        raise click.UsageError("--set, --importance and --reset exclude each other.")
    if reset:
        ask(url, "DELETE", model, "settings")
    if importance is not None:
        current = _with_importances(Path(importance), model, url)
    elif path is None:
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


def _with_importances(path: Path, model: str, url: str) -> JSON:
    """Give a model's features their importances from a file, in place of all that they had; return its settings."""
    given = _read_importances(path)
    summary, current = ask(url, "GET", model, "profile", "summary"), ask(url, "GET", model, "settings")
    known = {name for feature in summary["features"] for name in (feature["feature"], feature["column"])}
    unknown = [name for name in given if name not in known]
    if unknown:
        names = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        click.echo(f"{path}: {model} does not monitor {names}", err=True)
    features = {name: {k: v for k, v in own.items() if k != "importance"} for name, own in current["features"].items()}
    for feature in summary["features"]:
        name, column = feature["feature"], feature["column"]
        importance = given.get(name, None if feature["role"] == "derived" else given.get(column))
        if importance is not None:
            features[name] = {**features.get(name, {}), "importance": max(importance, 0.0)}
    return ask(url, "PUT", model, "settings", content={**current, "features": features})


def _read_importances(path: Path) -> dict[str, float]:
    """Read a number for each name: JSON, or CSV of two columns, with or without a head. Raises InputError."""
    entries = _read_object(path) if path.suffix.lower() == ".json" else _read_lines(path)
    importances: dict[str, float] = {}
    for place, name, value in entries:
        try:
            importances[name] = float(value)
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}, {place}", "a number", repr(value)[:60]) from error
        if not math.isfinite(importances[name]):
            raise InputError(f"{path}, {place}", "a finite number", repr(value)[:60])
    if not importances:
        raise InputError(str(path), "a number for each of some names", "none")
    return importances


def _read_object(path: Path) -> list[tuple[str, str, Any]]:
    """Return where each entry of a JSON object is, its name and its value."""
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(str(path), "JSON", str(error)) from error
    if not isinstance(content, dict):
        raise InputError(str(path), "a JSON object with a number for each name", str(content)[:60])
    return [(repr(name)[:60], name, value) for name, value in content.items()]


def _read_lines(path: Path) -> list[tuple[str, str, Any]]:
    """Return where each line of a CSV file is, its name and its value, without a first line that has no number."""
    import csv

    entries: list[tuple[str, str, Any]] = []
    with path.open(newline="", encoding="utf-8-sig") as lines:
        for number, row in enumerate(csv.reader(lines), 1):
            if len(row) not in (0, 2):
                raise InputError(f"{path}, line {number}", "a name and a number", str(row)[:60])
            entries += [(f"line {number}", row[0], row[1])] if row else []
    has_head = bool(entries) and not _is_number(entries[0][2])
    return entries[1:] if has_head else entries


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


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
