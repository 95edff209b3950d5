"""One feature as a picture, for a ticket: what drifts and why, and both distributions, as SVG or PNG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement, tostring

from driftmeter.errors import MissingExtraError
from driftmeter.page.texts import printable
from driftmeter.types import JSON
from driftmeter.verdict.figures import amount, percent

_WIDTH, _LEFT, _RIGHT = 760, 24, 24
_TALL = 220
_LINE = 24
_MOST_CATEGORIES = 12
_NAMES, _SHARES = 190, 140
"""Room to the left of the bars of categories for their names, and to the right for their shares."""
_LETTERS = 100
"""Letters of a line of text."""
_STYLE = {
    "text": {"fill": "#1c2430", "font-family": "system-ui, 'DejaVu Sans', sans-serif", "font-size": "13"},
    "soft": {"fill": "#5b6675", "font-family": "system-ui, 'DejaVu Sans', sans-serif", "font-size": "12"},
    "reference": {"fill": "#c9ced6"},
    "now": {"fill": "none", "stroke": "#2457c5", "stroke-width": "1.8"},
    "now-bar": {"fill": "#2457c5"},
    "axis": {"fill": "none", "stroke": "#9aa3af"},
}


def picture(view: JSON) -> str:
    """Return a feature as SVG, from its document as the page has it."""
    svg = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "width": str(_WIDTH)})
    SubElement(svg, "rect", {"width": "100%", "height": "100%", "fill": "#ffffff"})
    state = f"{view['severity']} drift" if view["drifting"] else view["state"]
    _write(svg, _LEFT, 30, f"{view['feature']}: {state}", weight="600", size="17")
    y = 54.0
    for line in _lines(view["why"]):
        _write(svg, _LEFT, y, line)
        y += 18
    shape = view["shape"]
    y = (_number if shape["kind"] == "numeric" else _category)(svg, shape, y + 6)
    told = [
        f"{_apart(one)} {percent(one['reference'] / (shape['reference_rows'] or 1))} → "
        f"{percent(one['now'] / (shape['now_rows'] or 1))}"
        for one in shape["apart"]
    ]
    for line in _lines(" · ".join(told)) if told else []:
        _write(svg, _LEFT, y, line, "soft")
        y += 17
    rows = f"grey: reference, {shape['reference_rows']:,} rows · blue: now, {shape['now_rows']:,} rows"
    _write(svg, _LEFT, y, rows, "soft")
    svg.set("height", f"{y + 16:.0f}")
    svg.set("viewBox", f"0 0 {_WIDTH} {y + 16:.0f}")
    return tostring(svg, encoding="unicode")


def _apart(one: JSON) -> str:
    name, label = str(one["name"]), str(one["label"])
    return name if label == name else f"{name} ({label})"


def as_png(svg: str) -> bytes:
    """Return a picture as PNG, twice as large as it is in SVG; raises MissingExtraError without `driftmeter[png]`."""
    try:
        from resvg_py import svg_to_bytes
    except ModuleNotFoundError as error:
        raise MissingExtraError("pictures as PNG need resvg-py: pip install 'driftmeter[png]'") from error
    return bytes(svg_to_bytes(svg_string=svg, zoom=2))


def _write(svg: Element, x: float, y: float, text: str, style: str = "text", **more: str) -> None:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", **_STYLE[style]}
    if "weight" in more:
        place |= {"font-weight": more["weight"], "font-size": more["size"]}
    if "anchor" in more:
        place["text-anchor"] = more["anchor"]
    SubElement(svg, "text", place).text = printable(text)


def _lines(text: str) -> list[str]:
    """Break a text into lines between words; a longer word is cut."""
    lines = [""]
    for word in text.split():
        word = word if len(word) <= _LETTERS else f"{word[: _LETTERS - 1]}…"
        if lines[-1] and len(lines[-1]) + 1 + len(word) > _LETTERS:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


# --- numbers: densities, on the feature's own scale


def _number(svg: Element, shape: JSON, y: float) -> float:
    """Draw the densities of intervals as steps, and single values as bars; return where to go on."""
    log = shape["scale"] == "log"
    edges, atoms = shape["edges"], shape["atoms"]
    places = [_on_axis(value, log) for value in [*edges, *(atom["value"] for atom in atoms)] if value > 0 or not log]
    if not places:
        return y
    low, high = min(places), max(places)
    if low == high:
        low, high = low - 0.5, high + 0.5
    inner = _WIDTH - _LEFT - _RIGHT - 40
    floor = y + _TALL

    def across(value: float) -> float:
        placed = low if log and value <= 0 else _on_axis(value, log)
        return _LEFT + 20 + (placed - low) / (high - low) * inner

    if edges:
        widths = [across(right) - across(left) for left, right in pairwise(edges)]
        heights = [_dense(shape[key], shape[f"{key}_rows"], widths) for key in ("reference", "now")]
        top = _top(heights, widths)
        for style, values in zip(("reference", "now"), heights, strict=True):
            path = f"M{across(edges[0]):.1f} {floor:.1f}"
            for value, right in zip(values, edges[1:], strict=True):
                path += f"V{floor - min(value / top, 1.0) * _TALL:.1f}H{across(right):.1f}"
            SubElement(svg, "path", {"d": f"{path}V{floor:.1f}", **_STYLE[style]})
    shares = [
        (atom["value"], *(atom[key] / (shape[f"{key}_rows"] or 1) for key in ("reference", "now"))) for atom in atoms
    ]
    most = max((max(was, now) for _, was, now in shares), default=0.0) or 1.0
    bar = max(2.0, min(22.0, inner / max(len(shares), 8) * 0.6))
    for value, was, now in shares:
        for style, share, wide in (("reference", was, bar), ("now-bar", now, bar * 0.4)):
            _bar(svg, style, across(value) - wide / 2, floor - share / most * _TALL, wide, share / most * _TALL)
    SubElement(svg, "path", {"d": f"M{_LEFT} {floor:.1f}H{_WIDTH - _RIGHT}", **_STYLE["axis"]})
    for step in range(5):
        placed = low + (high - low) * step / 4
        value = 10**placed if log else placed
        label = amount(value, 0.0 if log else (high - low) / 10)
        _write(svg, across(value), floor + 18, label, "soft", anchor="middle")
    return floor + 44


def _on_axis(value: float, log: bool) -> float:
    return math.log10(value) if log else value


def _dense(rows: Sequence[int], all_rows: int, widths: Sequence[float]) -> list[float]:
    return [amount / (all_rows or 1) / max(wide, 1e-9) for amount, wide in zip(rows, widths, strict=True)]


def _top(heights: Sequence[Sequence[float]], widths: Sequence[float]) -> float:
    """Return the height of the drawing: the highest density, but a narrow interval of few rows may stick out."""
    bins = [(value, value * wide) for values in heights for value, wide in zip(values, widths, strict=True)]
    bins.sort(reverse=True)
    beyond = 0.0
    for value, share in bins:
        beyond += share
        if beyond > 0.03:
            return max(value, bins[0][0] / 3)
    return bins[0][0] or 1.0


# --- categories: a line each, the most changed first


def _category(svg: Element, shape: JSON, y: float) -> float:
    """Draw a line for each category; return where to go on."""
    lines = [(one["name"], one["reference"], one["now"]) for one in shape["categories"][:_MOST_CATEGORIES]]
    lines += [(f"new: {one['name']}", 0, one["rows"]) for one in shape["new"][:3]]
    was_all, now_all = shape["reference_rows"] or 1, shape["now_rows"] or 1
    most = max((max(was / was_all, now / now_all) for _, was, now in lines), default=0.0) or 1.0
    full = _WIDTH - _LEFT - _RIGHT - _NAMES - _SHARES
    for name, was, now in lines:
        _write(svg, _LEFT + _NAMES - 10, y + 15, name if len(name) <= 26 else f"{name[:25]}…", anchor="end")
        for style, share, tall in (("reference", was / was_all, 16.0), ("now-bar", now / now_all, 7.0)):
            _bar(svg, style, _LEFT + _NAMES, y + 10 - tall / 2, share / most * full, tall)
        told = f"{percent(was / was_all)} → {percent(now / now_all)}"
        _write(svg, _WIDTH - _RIGHT, y + 15, told, "soft", anchor="end")
        y += _LINE
    left = len(shape["categories"]) - _MOST_CATEGORIES + (shape["others"] or {"categories": 0})["categories"]
    if left > 0:
        _write(svg, _LEFT + _NAMES - 10, y + 15, f"{left:,} more", "soft", anchor="end")
        y += _LINE
    return y + 18


def _bar(svg: Element, style: str, x: float, y: float, width: float, height: float) -> None:
    if width > 0 and height > 0:
        place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{width:.1f}", "height": f"{height:.1f}"}
        SubElement(svg, "rect", {**place, **_STYLE[style]})
