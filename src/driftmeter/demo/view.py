"""What the demo shows in a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from driftmeter.demo.traffic import Progress
from driftmeter.types import JSON

_STYLES = {"drifting": "bold red", "pending": "yellow", "insufficient": "dim", "ok": "green"}
_WORST_FIRST = ("drifting", "pending", "insufficient", "ok")


def places(places: dict[str, str]) -> RenderableType:
    """Render where to look: what it is, and its address."""
    grid = Table.grid(padding=(0, 2))
    for name, address in places.items():
        grid.add_row(Text(name, style="dim"), Text(address, style="cyan"))
    return Panel(grid, title="driftmeter demo", title_align="left", border_style="dim")


def screen(where: dict[str, str], verdict: JSON | None, progress: Progress, scenario: str) -> RenderableType:
    """Render the whole screen: where to look, how far the traffic is, and the table of features."""
    return Group(places(where), _status(verdict, progress, scenario), features(verdict))


def _status(verdict: JSON | None, progress: Progress, scenario: str) -> Text:
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


def features(verdict: JSON | None) -> RenderableType:
    """Render the features, the worst first."""
    table = Table(box=None, header_style="dim", pad_edge=False, expand=False)
    for name, justify in (
        ("feature", "left"),
        ("state", "left"),
        ("severity", "left"),
        ("effect", "right"),
        ("p-value", "right"),
        ("since", "left"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]  # one of rich's words
    for each in sorted(verdict["features"] if verdict else [], key=_order):
        style = _STYLES[each["state"]]
        table.add_row(
            _name(each),
            Text(each["state"], style=style),
            Text(each["severity"] if each["drifting"] else ""),
            _bar(each["effect"]),
            _p_value(each["p_value"]),
            each["since"][11:19] if each["since"] else "",
        )
    return table


def _name(each: dict[str, Any]) -> Text:
    named = Text(each["feature"])
    if each["role"] not in ("feature", each["feature"]):
        named.append(f" {each['role']}", style="dim")
    return named


def _p_value(p: float) -> str:
    # what underflows is not impossible, only smaller than floats go
    return f"{p:.2g}" if p > 0 else "< 1e-300"


def _bar(effect: float) -> Text:
    """Draw the effect on a scale on which a major one fills the bar."""
    filled = min(10, round(effect / 0.25 * 10))
    style = "red" if effect >= 0.25 else "yellow" if effect >= 0.1 else "green"
    return Text.assemble((f"{effect:6.3f} ", ""), ("█" * filled, style), ("·" * (10 - filled), "dim"))


def _order(each: dict[str, Any]) -> tuple[int, float, str]:
    return _WORST_FIRST.index(each["state"]), -each["effect"], each["feature"]
