"""What the demo shows in a terminal."""

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
"""Characters: with it the demo's table fits a terminal of 80."""
_NAMED = 6
"""Features of an incident that are named; the others are counted."""


def places(places: dict[str, str]) -> RenderableType:
    """Render where to look: what it is, and its address."""
    grid = Table.grid(padding=(0, 2))
    for name, address in places.items():
        grid.add_row(Text(name, style="dim"), Text(address, style="cyan"))
    return Panel(grid, title="driftmeter demo", title_align="left", border_style="dim")


def screen(where: dict[str, str], verdict: JSON | None, progress: TrafficProgress, scenario: str) -> RenderableType:
    """Render the whole screen: where to look, how far the traffic is, and the table of features."""
    shown = [places(where), _status(verdict, progress, scenario)]
    if verdict and verdict["incident"]:
        shown.append(_incident(verdict["incident"]))
    return Group(*shown, features(verdict))


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
    """Say what somebody would have been paged for."""
    names = [each["feature"] for each in incident["features"] if each["role"] != "derived"]
    derived = len(incident["features"]) - len(names)
    more = [f"{len(names) - _NAMED} more"] * (len(names) > _NAMED) + [f"{derived} derived"] * (derived > 0)
    text = Text(f"incident since {incident['since'][11:19]} UTC: ", style="red")
    return text.append(", ".join([*names[:_NAMED], *more]))


def features(verdict: JSON | None) -> RenderableType:
    """Render the features, the worst first and derived ones, which explain, after the others."""
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
    for each in sorted(verdict["features"] if verdict else [], key=_order):
        style = _STYLES.get(each["state"], "dim")
        table.add_row(
            _name(each),
            Text(each["state"], style=style),
            Text(each["severity"] if each["drifting"] else ""),
            _bar(each["effect"]),
            _evidence(each["evidence"]),
            each["since"][11:19] if each["since"] else "",
        )
    return table


def _name(each: dict[str, Any]) -> Text:
    if each["role"] == "derived":
        return Text(each["feature"], style="dim")
    named = Text(each["feature"])
    if each["role"] not in ("feature", each["feature"]):
        named.append(f" {each['role']}", style="dim")
    return named


def _evidence(evidence: float | None) -> Text:
    """Write how far the evidence is past the alarm threshold, in powers of ten."""
    return Text("") if evidence is None else Text(f"{evidence:+.1f}", style="bold" if evidence >= 0 else "dim")


def _bar(effect: float) -> Text:
    """Draw the effect on a scale on which a major one fills the bar."""
    filled = min(_BAR, round(effect / MAJOR * _BAR))
    style = "red" if effect >= MAJOR else "yellow" if effect >= MINOR else "green"
    return Text.assemble((f"{effect:6.3f} ", ""), ("█" * filled, style), ("·" * (_BAR - filled), "dim"))


def _order(each: dict[str, Any]) -> tuple[bool, int, float, str]:
    return each["role"] == "derived", _WORST_FIRST.index(each["state"]), -each["effect"], each["feature"]
