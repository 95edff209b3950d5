"""Draw the pictures of docs/detection.md: `python bench/pictures.py DELAYS.jsonl [--out docs/img]`.

DELAYS.jsonl is what `python bench/detection.py --delays --only mean --json DELAYS.jsonl` wrote, for DWS, e-SR and both
KS detectors. The year of flights is run here, as bench/real.py runs it. Plain SVG, for light and dark pages.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from math import log10
from pathlib import Path

import numpy as np

from driftmeter.judging import Judge
from driftmeter.types import Floats
from flights import FAULTS, with_fault
from real import Year, follow

STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#777}.t{font-size:15px;font-weight:600;fill:#888}"
    ".a{stroke:#999;stroke-width:1;fill:none;opacity:.5}"
)
BLUE, RED = "#0b7285", "#e03131"
COLOURS = {"DWS": BLUE, "e-SR": "#5f3dc4", "KS-1000 at .05": RED, "KS-1000 at the budget": "#f08c00"}
LABELS = {
    "DWS": "DWS (default)",
    "e-SR": "e-SR (strict)",
    "KS-1000 at .05": "KS-1000 at 5 %: 1,500 false alarms per million",
    "KS-1000 at the budget": "KS-1000 at the same budget",
}
SHIFTS = {"mean +.1σ": 0.1, "mean +.25σ": 0.25, "mean +.5σ": 0.5, "mean +1σ": 1.0}


def delay(lines: Iterable[str]) -> str:
    """Draw rows until a shift of the mean is found, against its size."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for line in lines:
        each = json.loads(line)
        if each.get("question") == "delay" and each["scenario"] in SHIFTS and each["detector"] in COLOURS:
            late = each["late"] if each["late"] is not None and np.isfinite(each["late"]) else 1e5
            found.setdefault(each["detector"], []).append((SHIFTS[each["scenario"]], each["median"], late))
    parts = [_head(760, 400, "Large shifts are found sooner, small ones for a budget of false alarms")]

    def x(shift: float) -> float:
        return 70 + 400 * (log10(shift) + 1)

    def y(rows: float) -> float:
        return 350 - 85 * (log10(rows) - 1.7)

    for rows in (100, 1_000, 10_000, 100_000):
        parts.append(f'<path class="a" d="M70 {y(rows):.0f}H470"/>')
        parts.append(_text(62, y(rows) + 4, f"{rows:,}", "end"))
    parts += [_text(x(shift), 375, f"{shift:g} σ", "middle") for shift in SHIFTS.values()]
    parts.append(_text(270, 394, "shift of the mean", "middle"))
    parts.append(_text(70, 44, "rows until found: median, and the slowest tenth"))
    # the names stand beside the left ends, kept apart
    places = sorted((y(max(points)[1]), name) for name, points in found.items())
    previous = 0.0
    for _, name in places:
        colour, points = COLOURS[name], sorted(found[name])
        line = " ".join(f"{x(shift):.1f},{y(median):.1f}" for shift, median, _ in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for shift, median, late in points:
            parts.append(f'<path d="M{x(shift):.1f} {y(median):.1f}V{y(late):.1f}" stroke="{colour}" opacity=".45"/>')
            parts.append(f'<circle cx="{x(shift):.1f}" cy="{y(median):.1f}" r="3" fill="{colour}"/>')
        end = y(points[-1][1])
        previous = max(end, previous + 15)
        parts.append(_text(480, previous + 4, LABELS[name], fill=colour))
    return "".join(parts) + "</svg>"


def half_year(out: Path) -> None:
    """Draw the strongest evidence of each live day, without a fault and with one."""
    watched = Year("days", 0, "hours")
    fault = with_fault(watched.live, FAULTS["distance × 1.609"], 100, 107)
    strips = []
    for title, rows in (("nothing injected", None), ("distance in kilometres for seven days", fault)):
        judge, evidence = _Watched(watched.judge), np.full(len(watched.days), np.nan)
        history = follow(judge, watched.judge.start(), watched.panes(rows))  # type: ignore[arg-type]  # a judge that keeps evidence
        for number, found in judge.evidence:
            day = int(watched.starts[number] - watched.starts[0]) // 86_400_000
            evidence[day] = np.fmax(evidence[day], found)
        spans = [(watched.day_of(event), event.names, event.incident) for event in history.of("opened")]
        closed = {event.incident: event for event in history.of("closed")}
        ends = {incident: watched.day_of(event) for incident, event in closed.items()}
        spans = [
            (
                day,
                tuple(sorted(closed[each].names if each in closed else names, key=lambda name: "given" in name)),
                each,
            )
            for day, names, each in spans
        ]
        strips.append((title, evidence, [(day, ends.get(each, len(evidence)), names) for day, names, each in spans]))
    out.write_text(_year(strips))


class _Watched:
    """A judge that keeps the strongest evidence after each pane."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.evidence: list[tuple[int, float]] = []
        self._pane = 0

    def step(self, state: object, pane: object) -> object:
        after, step = self._judge.step(state, pane)  # type: ignore[arg-type]  # handed through
        reading = None if self._judge.detector is None else self._judge.detector.standing(after.detector)
        if reading is not None:
            self.evidence.append((self._pane, float(reading.strongest.max())))
        self._pane += 1
        return after, step


def _year(strips: list[tuple[str, Floats, list[tuple[int, int, tuple[str, ...]]]]]) -> str:
    parts = [_head(760, 90 + 160 * len(strips), "Half a year of flights, at the default settings: one page a fault")]
    for number, (title, evidence, incidents) in enumerate(strips):
        base, days = 60 + 160 * number, len(evidence)

        def x(day: float, days: int = days) -> float:
            return 50 + 690 * day / days

        def y(value: float, base: int = base) -> float:
            return base + 100 - 4 * (max(-10.0, min(value, 15.0)) + 10)

        parts.append(_text(50, base - 4, f"{title}: strongest evidence of each day"))
        for value in (-10, 0, 10):
            parts.append(f'<path class="a" d="M50 {y(value):.0f}H740"/>')
            parts.append(_text(46, y(value) + 4, str(value), "end"))
        for place, (first, last, names) in enumerate(incidents):
            wide = max(x(last) - x(first), 2)
            shade = f'y="{base}" height="100" fill="{RED}" opacity=".2"/>'
            parts.append(f'<rect x="{x(first):.1f}" width="{wide:.1f}" {shade}')
            side = "end" if first > 0.7 * days else "start"
            parts.append(_text(x(first), base + 114 + 13 * (place % 2), f"page: {names[0]}", side, RED))
        points = [f"{x(day):.1f},{y(value):.1f}" for day, value in enumerate(evidence.tolist()) if value == value]
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{BLUE}" stroke-width="1.5"/>')
    told = "live days; KS on windows of 1,000 rows alarms in every one of them, Bonferroni included"
    parts.append(_text(740, 80 + 160 * len(strips), told, "end"))
    return "".join(parts) + "</svg>"


def _text(x: float, y: float, text: str, anchor: str = "start", fill: str | None = None) -> str:
    style = "" if fill is None else f' style="fill:{fill}"'
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{style}>{text}</text>'


def _head(width: int, height: int, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">'
        f'<style>{STYLE}</style><text class="t" x="20" y="24">{title}</text>'
    )


def main() -> None:
    """Draw both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("delays", type=Path, nargs="+", help="JSON lines of bench/detection.py --delays")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs/img")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    lines = [line for path in options.delays for line in path.read_text().splitlines()]
    (options.out / "delay.svg").write_text(delay(lines))
    half_year(options.out / "year.svg")


if __name__ == "__main__":
    main()
