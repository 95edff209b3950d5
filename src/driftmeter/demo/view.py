"""What the demo shows in a terminal: addresses, progress, and the features of the verdict."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from driftmeter.demo.traffic import TrafficProgress
from driftmeter.types import JSON
from driftmeter.verdict.severity import MAJOR, MINOR

_STYLES = {"drifting": "bold red", "pending": "yellow", "insufficient": "dim", "ok": "green"}
_WORST_FIRST = ("drifting", "pending", "uncalibrated", "calibrating", "insufficient", "ok")
_BAR = 7
"""Characters of a full bar: with 7 the table fits a terminal of 80."""
_NAMED = 6
"""Features of an incident that are listed by name; the others are counted."""


def addresses(where: dict[str, str]) -> RenderableType:
    """Render where to look: `where` maps what there is to its address."""
    grid = Table.grid(padding=(0, 2))
    for name, address in where.items():
        grid.add_row(Text(name, style="dim"), Text(address, style="cyan"))
    return Panel(grid, title="driftmeter demo", title_align="left", border_style="dim")


def screen(where: dict[str, str], verdict: JSON | None, progress: TrafficProgress, scenario: str) -> RenderableType:
    """Render the whole screen: where to look, how far the traffic has come, an incident, and the features."""
    parts = [addresses(where), _status(verdict, progress, scenario)]
    if verdict and verdict["incident"]:
        parts.append(_incident(verdict["incident"]))
    return Group(*parts, features(verdict))


def _status(verdict: JSON | None, progress: TrafficProgress, scenario: str) -> Text:
    state = verdict["state"] if verdict else "waiting for the first pane"
    text = Text.assemble(
        (f" {state} ", f"reverse {_STYLES.get(state, 'dim')}"),
        f"  {progress.sent:,} rows in {progress.elapsed:.0f} s · {scenario}",
    )
    if verdict and verdict["rows"]:
        window = verdict["window"]
        text.append(f" · window of {verdict['rows']:,} rows to {window['end'][11:19]} UTC", style="dim")
    if progress.failed:
        text.append(f" · {progress.failed:,} rows failed", style="bold red")
    return text


def _incident(incident: JSON) -> Text:
    """Render the incident that would have paged somebody."""
    names = [feature["feature"] for feature in incident["features"] if feature["role"] != "derived"]
    derived = len(incident["features"]) - len(names)
    counts = [f"{len(names) - _NAMED} more"] * (len(names) > _NAMED) + [f"{derived} derived"] * (derived > 0)
    text = Text(f"incident since {incident['since'][11:19]} UTC: ", style="red")
    return text.append(", ".join([*names[:_NAMED], *counts]))


def features(verdict: JSON | None) -> RenderableType:
    """Render a line for each feature: the worst first, derived features after all others."""
    table = Table(box=None, header_style="dim", pad_edge=False, expand=False)
    for name, justify in (
        ("feature", "left"),
        ("state", "left"),
        ("severity", "left"),
        ("effect", "right"),
        ("evidence", "right"),
        ("since", "left"),
    ):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]  # one of rich's words
    for feature in sorted(verdict["features"] if verdict else [], key=_order):
        style = _STYLES.get(feature["state"], "dim")
        table.add_row(
            _name(feature),
            Text(feature["state"], style=style),
            Text(feature["severity"] if feature["drifting"] else ""),
            _bar(feature["effect"]),
            _evidence(feature["evidence"]),
            feature["since"][11:19] if feature["since"] else "",
        )
    return table


def _name(feature: dict[str, Any]) -> Text:
    if feature["role"] == "derived":
        return Text(feature["feature"], style="dim")
    name = Text(feature["feature"])
    if feature["role"] not in ("feature", feature["feature"]):
        name.append(f" {feature['role']}", style="dim")
    return name


def _evidence(evidence: float | None) -> Text:
    """Write the evidence: powers of ten beyond the alarm threshold; None is empty."""
    return Text("") if evidence is None else Text(f"{evidence:+.1f}", style="bold" if evidence >= 0 else "dim")


def _bar(effect: float) -> Text:
    """Draw the effect on a scale on which a major one fills the bar."""
    filled = min(_BAR, round(effect / MAJOR * _BAR))
    style = "red" if effect >= MAJOR else "yellow" if effect >= MINOR else "green"
    return Text.assemble((f"{effect:6.3f} ", ""), ("█" * filled, style), ("·" * (_BAR - filled), "dim"))


def _order(feature: dict[str, Any]) -> tuple[bool, int, float, str]:
    return feature["role"] == "derived", _WORST_FIRST.index(feature["state"]), -feature["effect"], feature["feature"]
