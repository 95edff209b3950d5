"""What `driftmeter top` shows, from the documents that the page shows too: a fleet of models, or one of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from driftmeter.cli.console import COLOURS, plain
from driftmeter.page.texts import printable
from driftmeter.report.texts import effect_text
from driftmeter.timestamps import length_text, parse_time
from driftmeter.types import JSON

_HEADLINES = {
    "ok": "all right",
    "pending": "something may be starting",
    "drifting": "drifting",
    "insufficient": "too few rows to say",
    "calibrating": "learning what is normal",
    "uncalibrated": "nothing says yet what is normal",
}
_WORST_FIRST = ("drifting", "pending", "uncalibrated", "calibrating", "insufficient", "ok")
_FRAME = 8
"""Lines of the overview beside the table of features."""
_WIDE = 90
"""Characters of a line from which on figures have room beside words."""
_STRIP = "▇"
_BAR = 10
_FULL = 1.0
"""The effect whose bar is full: the whole distribution has moved."""


def overview_view(overview: JSON, *, width: int, height: int) -> RenderableType:
    """Return the overview of a model, in at most `height` lines of `width` characters."""
    state: str = overview["state"]
    title = Text.assemble(
        (printable(overview["model"]), "bold"), "  ", (_HEADLINES.get(state, state), COLOURS.get(state, ""))
    )
    if overview["since"] and state == "drifting":
        title.append(f" for {_passed(overview['since'], overview['at'])}")
    elif overview["since"]:
        title.append(f", last drift {_passed(overview['since'], overview['at'])} ago", "dim")
    parts: list[RenderableType] = [title, _standing(overview)]
    if overview["summary"]:
        parts.append(
            Text(
                printable(overview["summary"]), "bold" if state == "drifting" else "", overflow="ellipsis", no_wrap=True
            )
        )
    parts += [_strip(overview["hours"], width), Text()]
    shown = overview["features"][: max(height - _FRAME, 1)]
    parts.append(_features(shown, overview["at"], wide=width >= _WIDE))
    if left := len(overview["features"]) - len(shown):
        parts.append(Text(f"… and {left:,} more features", "dim"))
    return Group(*parts)


def fleet_view(models: Sequence[JSON], *, height: int) -> RenderableType:
    """Return the models of a server, the worst first, in at most `height` lines."""
    table = Table("model", "state", box=None, header_style="bold", pad_edge=False, expand=True)
    table.add_column("rows/s", justify="right")
    table.add_column("coverage", justify="right")
    table.add_column("what", ratio=1, no_wrap=True, overflow="ellipsis")
    ordered = sorted(models, key=lambda one: (_place(one["state"]), one["model"]))
    for one in ordered[: height - 2]:
        silent = f"{len(one['silent'])} silent. " if one.get("silent") else ""
        table.add_row(
            plain(one["model"]),
            Text(one["state"] or "no data", COLOURS.get(one["state"] or "", "dim")),
            _number(one.get("rows_per_second")),
            "" if one["coverage"] is None else f"{one['coverage']:.1%}",
            plain(silent + (one.get("summary") or "")),
        )
    return table


def _place(state: str | None) -> int:
    return _WORST_FIRST.index(state) if state in _WORST_FIRST else len(_WORST_FIRST)


def _standing(overview: JSON) -> Text:
    """Return the line of rates: what comes in, and what of it is judged."""
    sources = overview["sources"]
    line = _line(f"{_number(overview['rows_per_second'])} rows/s · {overview['rows']:,} rows in the window", "dim")
    if overview["coverage"] is not None:
        line.append(f" · coverage {overview['coverage']:.1%}")
    line.append(f" · {sources['live']} live sources")
    if sources["silent"]:
        line.append(f", {sources['silent']} silent", "bold yellow")
    if overview["closed"] is None:
        line.append(" · no rows yet", "yellow")
    elif (age := parse_time(overview["at"]) - parse_time(overview["closed"])) > 1000 * overview["stale_after_seconds"]:
        line.append(f" · no rows for {length_text(age)}", "bold yellow")
    return line


def _line(text: str, style: str) -> Text:
    return Text(text, style, overflow="ellipsis", no_wrap=True)


def _strip(hours: JSON, width: int) -> Text:
    """Return the states of the last hours, one character for as many steps as fit."""
    states = hours["states"]
    each = -(-len(states) // max(width - 14, 1))
    worst = [min(states[start : start + each], key=_place) for start in range(0, len(states), each)]
    line = Text()
    for state, run in groupby(worst):
        marks = (_STRIP if state else "·") * len(list(run))
        line.append(marks, COLOURS.get(state or "", "dim"))
    line.append(f"  {length_text(1000 * hours['step_seconds'] * len(states))}", "dim")
    return line


def _features(features: Sequence[JSON], at: str, *, wide: bool) -> Table:
    """Return the table of features; without the figures that a terminal is too narrow for."""
    table = Table(box=None, header_style="bold", pad_edge=False, expand=True)
    table.add_column("feature", no_wrap=True, max_width=None if wide else 14)
    table.add_column("state", no_wrap=True)
    if wide:
        table.add_column("severity", no_wrap=True)
        table.add_column("effect", no_wrap=True)
        table.add_column("evidence", justify="right", no_wrap=True)
    table.add_column("for", justify="right", no_wrap=True)
    table.add_column("what", ratio=1, no_wrap=True, overflow="ellipsis")
    for one in features:
        figures = (
            plain(one["severity"] if one["severity"] != "none" else ""),
            _bar(one["effect"]),
            plain("–" if one["evidence"] is None else f"{one['evidence']:+.1f}"),
        )
        table.add_row(
            Text(("  ↳ " if one["follows"] else "") + printable(one["feature"]), "" if one["pages"] else "dim"),
            Text(one["state"], COLOURS.get(one["state"], "")),
            *(figures if wide else ()),
            _passed(one["since"], at) if one["since"] else "",
            plain(_what(one)),
        )
    return table


def _what(feature: JSON) -> str:
    if feature["follows"]:
        return f"follows {feature['follows']}"
    why, change = str(feature["why"]), feature["change"]
    # most sentences begin with the change, with a capital letter
    return f"{change['text']}. {why}" if change and change["text"][1:] not in why else why


def _bar(effect: float | None) -> Text:
    full = 0 if effect is None else round(_BAR * min(effect, _FULL) / _FULL)
    return Text.assemble(("█" * full, "red"), ("░" * (_BAR - full), "dim"), f" {effect_text(effect)}")


def _passed(since: str, at: str) -> str:
    return length_text(max(parse_time(at) - parse_time(since), 0))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
