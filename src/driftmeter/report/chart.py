"""Histograms as inline SVG: the reference's share of each bin against the window's.

The script in ondemand.py draws the same charts in a browser: change both together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

from driftmeter.profile.feature import Feature
from driftmeter.report.bars import Bar, CategoryBars, NumberBars, chart_bars
from driftmeter.report.texts import printable
from driftmeter.verdict.figures import percent

WIDTH = 560
_LEFT, _RIGHT, _TOP, _HEIGHT = 46, 6, 10, 150
_NAMED_WIDTH = 52
"""Width of a bar with its name below it."""
_GAP = 10
_LINE = 21
_NAMES_WIDTH, _SHARES_WIDTH = 150, 118
"""What categories leave free to the left and right of their bars."""
_LONGEST_NAME = 22


def chart(feature: Feature, counts: Sequence[int]) -> Markup:
    """Draw a feature as SVG: upright bars along the number line, or one line for each category.

    `counts` are the window's, over the bins of the feature's grid.
    """
    shown = chart_bars(feature, counts)
    label = f"Histogram of {feature.name}: reference against window"
    svg = Element("svg", {"viewBox": "", "role": "img", "aria-label": printable(label)})
    height = _numbers(svg, shown) if isinstance(shown, NumberBars) else _categories(svg, shown)
    svg.set("viewBox", f"0 0 {WIDTH} {height}")
    return Markup(tostring(svg, encoding="unicode"))


def _add(parent: Element, tag: str, text: str | None = None, **attributes: str | float) -> Element:
    """Append an element; ElementTree escapes. `style` becomes its class; floats are written with one decimal."""
    written = {
        name.replace("style", "class").replace("_", "-"): f"{value:.1f}" if isinstance(value, float) else str(value)
        for name, value in attributes.items()
    }
    element = SubElement(parent, tag, written)
    if text is not None:
        element.text = printable(text)
    return element


def _write(parent: Element, x: float, y: float, text: str, anchor: str) -> None:
    _add(parent, "text", text, x=float(x), y=float(y), text_anchor=anchor)


def _numbers(svg: Element, shown: NumberBars) -> int:
    """Draw upright bars; return the height of the chart."""
    groups = [group for group in (shown.low, shown.core, shown.high, shown.apart) if group]
    top = _round_up(max(max(bar.reference, bar.window) for group in groups for bar in group))
    _scale(svg, top)
    free = WIDTH - _LEFT - _RIGHT - _GAP * (len(groups) - 1)
    named = sum(len(group) for group in groups if group is not shown.core)
    core_width = (free - _NAMED_WIDTH * named) / len(shown.core)
    x = float(_LEFT)
    for group in groups:
        if group is shown.core:
            for mark in shown.marks:
                _write(svg, x + mark.position * core_width, _TOP + _HEIGHT + 15, mark.text, mark.anchor)
        elif group is shown.apart:
            _add(svg, "path", style="axis", d=f"M{x - _GAP / 2:.1f} {_TOP}V{_TOP + _HEIGHT}")
        width = core_width if group is shown.core else _NAMED_WIDTH
        for bar in group:
            _upright(svg, bar, x, width, top, named=group is not shown.core)
            x += width
        x += _GAP
    return _TOP + _HEIGHT + 24


def _upright(svg: Element, bar: Bar, x: float, width: float, top: float, *, named: bool) -> None:
    gap = 0.16 * min(width, 30)
    inner = min(width - gap, 34)
    middle = x + width / 2
    group = _add(svg, "g")
    _add(group, "title", bar.tooltip)
    _add(group, "rect", style="hit", x=x, y=_TOP, width=float(width), height=_HEIGHT)
    for style, share, thick in (("ref", bar.reference, inner), ("win", bar.window, inner * 0.5)):
        if share:
            tall = share / top * _HEIGHT
            y = _TOP + _HEIGHT - tall
            _add(group, "rect", style=style, x=middle - thick / 2, y=y, width=float(thick), height=tall)
    if named:
        _write(group, middle, _TOP + _HEIGHT + 15, bar.label, "middle")


def _scale(svg: Element, top: float) -> None:
    for share in (0.0, top / 2, top):
        y = _TOP + _HEIGHT * (1 - share / top)
        _add(svg, "path", style="axis", d=f"M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}")
        _write(svg, _LEFT - 5, y + 3.5, f"{share * 100:.3g} %", "end")


def _categories(svg: Element, shown: CategoryBars) -> int:
    """Draw a line for each category; return the height of the chart."""
    top = max((max(bar.reference, bar.window) for bar in shown.bars), default=0.0) or 1.0
    for index, bar in enumerate(shown.bars):
        y = 6 + index * _LINE
        group = _add(svg, "g") if index < shown.named else _add(svg, "g", style="special")
        _add(group, "title", bar.tooltip)
        _add(group, "rect", style="hit", x=0, y=y, width=WIDTH, height=_LINE)
        _write(group, _NAMES_WIDTH - 8, y + 14, _shorten(bar.label), "end")
        for style, share, thick in (("ref", bar.reference, 14), ("win", bar.window, 7)):
            if share:
                width = share / top * (WIDTH - _NAMES_WIDTH - _SHARES_WIDTH)
                _add(group, "rect", style=style, x=_NAMES_WIDTH, y=y + (_LINE - thick) / 2, width=width, height=thick)
        _write(group, WIDTH - 4, y + 14, f"{percent(bar.reference)} → {percent(bar.window)}", "end")
    return 12 + len(shown.bars) * _LINE


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"


def _round_up(share: float) -> float:
    """Return the least of 1, 2, 2.5, 5 times a power of ten that is not below a share; 1 for none."""
    if share <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(share))
    return min(1.0, next((step * unit for step in (1, 2, 2.5, 5, 10) if step * unit >= share * 0.9999), 10 * unit))
