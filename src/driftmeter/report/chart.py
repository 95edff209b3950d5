"""Histograms as inline SVG: the reference's share of each bin against the window's."""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid

WIDTH = 560
_LEFT, _RIGHT, _TOP, _HEIGHT = 46, 6, 10, 150
_NAMED = 52
"""Width of a bin that has its name written below it."""
_MOST_NAMED_BINS = 10
_GAP = 10
MOST_BARS = 64
"""Of a number, between its minimum and maximum: more would be too thin to be seen."""
MOST_CATEGORIES = 14
_LINE = 21


@dataclass(frozen=True)
class Bar:
    """One bin: its name, and the share of all rows in it, 0 to 1, in reference and window."""

    label: str
    reference: float
    window: float

    @property
    def told(self) -> str:
        """A sentence for whoever points at the bar."""
        return f"{self.label}: reference {percent(self.reference)}, window {percent(self.window)}"


@dataclass(frozen=True)
class Numbers:
    """The bars of a number: those along the number line, and what lies to their left and right and apart from them,
    without the empty ones. `marks` are written below: at which bar's left edge (half: its middle), what, and how it is
    anchored there."""

    marks: list[tuple[float, str, str]]
    low: list[Bar]
    core: list[Bar]
    high: list[Bar]
    apart: list[Bar]


@dataclass(frozen=True)
class Lines:
    """The lines of a category: the first `named` are categories themselves."""

    bars: list[Bar]
    named: int


def chart(feature: Feature, counts: Sequence[int]) -> str:
    """Draw a feature: upright bars along the number line, or one line for each category."""
    drawn = drawn_of(feature, counts)
    height, body = _numbers(drawn) if isinstance(drawn, Numbers) else _categories(drawn)
    label = escape(f"Histogram of {feature.name}: reference against window")
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">{body}</svg>'


def bars_of(feature: Feature, counts: Sequence[int]) -> list[Bar]:
    """Return all bins of a feature, those that are hashed as one; an empty sample has no shares."""
    reference, window = max(sum(feature.counts), 1), max(sum(counts), 1)
    bars = [
        Bar(label, int(was) / reference, int(now) / window)
        for label, was, now in zip(feature.grid.labels, feature.counts, counts, strict=True)
    ]
    if isinstance(feature.grid, CategoryGrid):
        for name, part in (("unseen", feature.grid.unseen), ("other", feature.grid.rest)):  # the later ones first
            whole = [sum(feature.counts[part]) / reference, sum(map(int, counts[part])) / window]
            bars[part] = [Bar(name, *whole)]
    return bars


def drawn_of(feature: Feature, counts: Sequence[int]) -> Numbers | Lines:
    """Return the bars that a chart shows: few enough to tell apart, whatever the grid."""
    bars, grid = bars_of(feature, counts), feature.grid
    return _numbers_of(grid, bars) if isinstance(grid, NumericGrid) else _lines_of(grid, bars)


def _numbers_of(grid: NumericGrid, bars: list[Bar]) -> Numbers:
    edges, core = grid.cuts[1:-1], bars[grid.core]
    if len(core) > MOST_BARS:
        together = -(-len(core) // MOST_BARS)
        starts = range(0, len(core), together)
        edges = (*(edges[start] for start in starts), edges[-1])
        core = [
            Bar(f"[{low:.6g}, {high:.6g})", *_sums(core[start : start + together]))
            for start, (low, high) in zip(starts, pairwise(edges), strict=True)
        ]
    special = {name: bars[place] for name, place in grid.special.items() if _filled(bars[place])}
    low = [special.pop(name) for name in ("far below", "below") if name in special]
    high = [special.pop(name) for name in ("above", "far above") if name in special]
    return Numbers(_marks(edges, grid.atoms, len(core)), low, core, high, list(special.values()))


def _lines_of(grid: CategoryGrid, bars: list[Bar]) -> Lines:
    own = bars[: len(grid.categories)]
    special = [bar for bar in bars[len(own) :] if _filled(bar)]
    if len(own) <= MOST_CATEGORIES:
        return Lines([*own, *special], len(own))
    # those that changed most, among equals the most frequent; drawn in the profile's order
    ranked = sorted(own, key=lambda bar: (-abs(bar.window - bar.reference), -bar.reference))
    chosen = set(map(id, ranked[: MOST_CATEGORIES - 1]))
    shown = [bar for bar in own if id(bar) in chosen]
    rest = [bar for bar in own if id(bar) not in chosen]
    return Lines([*shown, Bar(f"{len(rest)} more", *_sums(rest)), *special], len(shown))


def _sums(bars: Sequence[Bar]) -> tuple[float, float]:
    return sum(bar.reference for bar in bars), sum(bar.window for bar in bars)


def _numbers(drawn: Numbers) -> tuple[int, str]:
    core, apart = drawn.core, drawn.apart
    groups = [drawn.low, core, drawn.high, apart]
    top = _round_up(max(max(bar.reference, bar.window) for group in groups for bar in group))
    parts = [_scale(top)]
    room = WIDTH - _LEFT - _RIGHT - _GAP * (sum(map(bool, groups)) - 1)
    width = (room - _NAMED * sum(len(group) for group in groups if group is not core)) / len(core)
    x = float(_LEFT)
    for group in filter(None, groups):
        if group is core:
            parts += [_text(x + place * width, _TOP + _HEIGHT + 15, text, how) for place, text, how in drawn.marks]
        for bar in group:
            wide = width if group is core else _NAMED
            parts.append(_upright(bar, x, wide, top, named=group is not core))
            x += wide
        x += _GAP
    if apart:
        x -= _GAP + _NAMED * len(apart) + _GAP / 2
        parts.append(f'<path class="axis" d="M{x:.1f} {_TOP}V{_TOP + _HEIGHT}"/>')
    return _TOP + _HEIGHT + 24, "".join(parts)


def _upright(bar: Bar, x: float, width: float, top: float, *, named: bool = False) -> str:
    gap = 0.16 * min(width, 30)
    inner = min(width - gap, 34)
    middle = x + width / 2
    parts = [f"<g><title>{escape(bar.told)}</title>"]
    parts.append(f'<rect class="hit" x="{x:.1f}" y="{_TOP}" width="{width:.1f}" height="{_HEIGHT}"/>')
    for kind, share, thick in (("ref", bar.reference, inner), ("win", bar.window, inner * 0.5)):
        tall = share / top * _HEIGHT
        if share:
            parts.append(
                f'<rect class="{kind}" x="{middle - thick / 2:.1f}" y="{_TOP + _HEIGHT - tall:.1f}" '
                f'width="{thick:.1f}" height="{tall:.1f}"/>'
            )
    if named:
        parts.append(_text(middle, _TOP + _HEIGHT + 15, bar.label, "middle"))
    return "".join([*parts, "</g>"])


def _scale(top: float) -> str:
    lines = []
    for share in (0.0, top / 2, top):
        y = _TOP + _HEIGHT * (1 - share / top)
        lines.append(f'<path class="axis" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
        lines.append(_text(_LEFT - 5, y + 3.5, f"{share * 100:.3g} %", "end"))
    return "".join(lines)


def _marks(edges: Sequence[float], atoms: Sequence[float | None], bins: int) -> list[tuple[float, str, str]]:
    """Name the values at some edges, or of each bin where there are few; with the digits that tell them apart."""
    if bins <= _MOST_NAMED_BINS:
        places, middle = list(range(bins)), 0.5
        values = [edges[place] if atom is None else atom for place, atom in enumerate(atoms)]
    else:
        places, middle = sorted({round(bins * part / 4) for part in range(5)}), 0.0
        values = [edges[place] for place in places]
    digits = next((n for n in range(4, 10) if len({f"{value:.{n}g}" for value in values}) == len(set(values))), 4)
    anchors = {} if middle else {places[0]: "start", places[-1]: "end"}
    texts = [f"{value:.{digits}g}" for value in values]
    return [(place + middle, text, anchors.get(place, "middle")) for place, text in zip(places, texts, strict=True)]


def _categories(drawn: Lines) -> tuple[int, str]:
    lines, named = drawn.bars, drawn.named
    top = max((max(bar.reference, bar.window) for bar in lines), default=0.0) or 1.0
    left, right = 150, 118
    parts = []
    for index, bar in enumerate(lines):
        y = 6 + index * _LINE
        style = "" if index < named else ' class="special"'
        parts.append(f"<g{style}><title>{escape(bar.told)}</title>")
        parts.append(f'<rect class="hit" x="0" y="{y}" width="{WIDTH}" height="{_LINE}"/>')
        parts.append(_text(left - 8, y + 14, _shorten(bar.label), "end"))
        for kind, share, thick in (("ref", bar.reference, 14), ("win", bar.window, 7)):
            long = share / top * (WIDTH - left - right)
            if share:
                parts.append(
                    f'<rect class="{kind}" x="{left}" y="{y + (_LINE - thick) / 2:.1f}" '
                    f'width="{long:.1f}" height="{thick}"/>'
                )
        parts.append(_text(WIDTH - 4, y + 14, f"{percent(bar.reference)} → {percent(bar.window)}", "end"))
        parts.append("</g>")
    return 12 + len(lines) * _LINE, "".join(parts)


def _filled(bar: Bar) -> bool:
    return bool(bar.reference or bar.window)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _shorten(text: str) -> str:
    return text if len(text) <= 22 else f"{text[:21]}…"


def _round_up(share: float) -> float:
    """Return the least of 1, 2, 2.5, 5 times a power of ten that is not below a share; 1 for none."""
    if share <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(share))
    return min(1.0, next((step * unit for step in (1, 2, 2.5, 5, 10) if step * unit >= share * 0.9999), 10 * unit))


def percent(share: float) -> str:
    """Write a share in per cent, with as many digits as it deserves.

    >>> percent(0.0), percent(0.00004), percent(0.0123), percent(0.5)
    ('0 %', '0.004 %', '1.2 %', '50.0 %')
    """
    if share == 0:
        return "0 %"
    return f"{share * 100:.1f} %" if share >= 0.001 else f"{share * 100:.1g} %"


def printable(text: object) -> str:
    """Replace what neither a page nor a terminal should be sent: control characters, halves of surrogate pairs."""
    plain = str(text).encode("utf-8", "replace").decode()
    return "".join("\ufffd" if unicodedata.category(char) == "Cc" or char in "\ufffe\uffff" else char for char in plain)


def escape(text: object) -> str:
    """Escape any text for HTML and XML."""
    return html.escape(printable(text))
