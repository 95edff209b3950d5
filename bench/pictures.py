"""Draw the pictures of docs/detection.md: `python bench/pictures.py [DELAYS.jsonl …] [--out docs/img]`.

DELAYS.jsonl is a log of `python bench/detection.py --delays --only "mean" --streams 100 --json DELAYS.jsonl` for the
four detectors in the picture. Without a log, the script makes one first, which takes some minutes. It runs the year of
flights with the functions of bench/real.py. The colours of the SVG are readable on light and on dark pages.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import inf, log10
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import Slice
from driftmeter.panes.windows import Window
from driftmeter.timestamps import DAY
from driftmeter.types import Floats
from driftmeter.verdict.expectation import Expectation
from driftmeter.verdict.judge_state import JudgeState
from driftmeter.verdict.members import History
from driftmeter.verdict.step import Step
from flights import FAULTS, NUMERIC, REAL_INCIDENTS, START, TIME, halves, side_by_side, with_fault
from real import KS_ROWS, Event, Year, follow, ks_p_value, year

WIDTH = 760
STYLE = (
    "text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#76808b}"
    "text.title{font-size:15px;font-weight:600}text.small{font-size:11px}"
    ".axis{stroke:#76808b;stroke-width:1;opacity:.3;fill:none}.late{stroke-width:1.5;opacity:.5}"
    ".limit{stroke:#d9483b;stroke-dasharray:4 3;fill:none}"
)
BLUE, PURPLE, RED, AMBER, GREY = "#2f7de1", "#8a6fe0", "#d9483b", "#b7791f", "#76808b"
"""Their contrast is 3.6 to 5.2, both with white and with the dark page of a Git host."""

SHIFTS = {"mean +.1σ": 0.1, "mean +.25σ": 0.25, "mean +.5σ": 0.5, "mean +1σ": 1.0}
HORIZON = 100_000


@dataclass(frozen=True)
class Line:
    """The colour and the label of a detector in the picture of delays; the label may have several lines."""

    label: tuple[str, ...]
    colour: str


ALARMS_ALL_DAY = (
    "KS on 1,000 rows, 5 %: alarms 1,500 times",
    "per million rows of 30 features",
    "with no drift at all",
)
"""A million rows are 1,000 windows of each feature, each at .05."""
LINES = {
    "KS-1000 at the budget": Line(("KS on 1,000 rows, same budget as DWS",), AMBER),
    "KS-1000 at .05": Line(ALARMS_ALL_DAY, RED),
    "e-SR": Line(("e-SR (strict)",), PURPLE),
    "DWS": Line(("DWS (default)",), BLUE),
}
FAULT, FIRST, LAST = "distance × 1.609", 100, 107
LOWEST, HIGHEST = -4.0, 8.0
"""The range of evidence in the picture."""


# --- delays


def delay(lines: Iterable[str]) -> str:
    """Draw the rows until a shift of the mean is found, against its size; `lines` are JSON of bench/detection.py.

    Raises ValueError if a detector or a shift is missing, since an incomplete picture misleads.
    """
    quantiles = delays(lines)
    left, right, top, bottom = 64, 430, 62, 350

    def x(shift: float) -> float:
        return left + 14 + (right - left - 28) * (log10(shift) + 1)

    def y(rows: float) -> float:
        return bottom - (bottom - top) * (log10(min(rows, HORIZON)) - log10(50)) / (log10(HORIZON) - log10(50))

    parts = [
        text(left, 46, "rows until it is found: median, and a whisker to the slowest tenth", "small"),
        *(
            f'<path class="axis" d="M{left} {y(n):.1f}H{right}"/>' + text(left - 6, y(n) + 4, f"{n:,}", anchor="end")
            for n in (100, 1_000, 10_000, 100_000)
        ),
        *(text(x(shift), bottom + 18, f"{shift:g} σ", anchor="middle") for shift in SHIFTS.values()),
        text((left + right) / 2, bottom + 38, "size of a sudden shift of the mean", "small", "middle"),
    ]
    for place, (name, line) in enumerate(LINES.items()):
        # side by side, so that whiskers do not cover each other
        points = [(x(shift) + 5 * (1.5 - place), *quantiles[name, shift]) for shift in SHIFTS.values()]
        parts += [
            f'<path class="late" d="M{at:.1f} {y(median):.1f}V{y(late):.1f}" stroke="{line.colour}"/>'
            for at, median, late in points
        ]
        joined = " ".join(f"{at:.1f},{y(median):.1f}" for at, median, _ in points)
        parts.append(f'<polyline points="{joined}" fill="none" stroke="{line.colour}" stroke-width="1.8"/>')
        parts += [f'<circle cx="{at:.1f}" cy="{y(n):.1f}" r="3" fill="{line.colour}"/>' for at, n, _ in points]
    previous = -inf
    for name, line in sorted(LINES.items(), key=lambda item: y(quantiles[item[0], 1.0][0])):
        height = max(y(quantiles[name, 1.0][0]) + 4, previous + 20)
        for row, words in enumerate(line.label):
            previous = height + 14 * row
            parts.append(text(right + 8, previous, words, colour=line.colour))
    title = "From 0.25 σ on, DWS finds a shift as soon as KS at 5 %, and keeps its budget"
    return picture(404, title, parts)


def delays(lines: Iterable[str]) -> dict[tuple[str, float], tuple[float, float]]:
    """Return median and 90 % quantile of the rows until each shift is found, by detector and shift."""
    quantiles: dict[tuple[str, float], tuple[float, float]] = {}
    for result in map(json.loads, lines):
        if result["question"] == "delay" and result["scenario"] in SHIFTS and result["detector"] in LINES:
            median, late = (inf if result[key] is None else float(result[key]) for key in ("median", "late"))
            quantiles[result["detector"], SHIFTS[result["scenario"]]] = median, late
    lacking = [
        f"{name} at {shift:g} σ" for name in LINES for shift in SHIFTS.values() if (name, shift) not in quantiles
    ]
    if lacking:
        raise ValueError(f"expected delays of four detectors and four shifts, got none of {', '.join(lacking)}")
    return quantiles


def measure_delays() -> list[str]:
    """Measure the delays; return lines of JSON."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "delays.jsonl")
        script = Path(__file__).with_name("detection.py")
        arguments = ("--delays", "--only", *SHIFTS, "--detectors", *LINES, "--streams", "100", "--json", str(log))
        subprocess.run([sys.executable, str(script), *arguments], check=True)
        return log.read_text(encoding="utf-8").splitlines()


# --- the year


@dataclass(frozen=True)
class Run:
    """The strongest evidence of each live day, and the incidents."""

    evidence: Floats
    opened: list[Event]
    closed: dict[str, Event]


class EvidenceRecorder:
    """A judge that records the strongest evidence of each live day."""

    def __init__(self, watched: Year) -> None:
        """Use the judge of `watched`."""
        self.evidence = np.full(len(watched.days), np.nan)
        self._judge = watched.judge
        # the scores of verdicts are not drawn, so those of an empty window are used for all
        self._window = Window(0, 0, 0, Summary.zero(watched.profile.bins))
        self._scores = self._judge.scorer.scores(self._window.summary.counts)

    def step(
        self, state: JudgeState, pane: Slice, expectations: Sequence[Expectation], history: History
    ) -> tuple[JudgeState, Step]:
        """Take a pane."""
        after, step = self._judge.step(state, pane, expectations, history)
        verdict = self._judge.verdict(after, self._window, self._scores)
        strongest = max(
            (feature.evidence for feature in verdict.features if feature.evidence is not None), default=np.nan
        )
        day = (pane.start - START) // DAY
        self.evidence[day] = np.fmax(self.evidence[day], strongest)
        return after, step


def run(watched: Year, rows: pl.DataFrame | None = None) -> Run:
    """Judge the live days, or `rows`, the same days with a fault."""
    recorder: Any = EvidenceRecorder(watched)  # a stand-in for Judge: `follow` calls only `step`
    history = follow(recorder, watched.judge.start(), watched.panes(rows))
    closed = {event.incident: event for event in history.of("closed")}
    return Run(recorder.evidence, history.of("opened"), closed)


def kolmogorov_smirnov(live: pl.DataFrame) -> list[tuple[float, float, bool]]:
    """Return begin and end of each window of 1,000 rows, in live days, and whether a feature alarms (Bonferroni)."""
    reference = side_by_side(year(), halves(1, 0)[0])
    times = (live[TIME].to_numpy() - START) / DAY
    alarms = np.zeros(len(live) // KS_ROWS, dtype=bool)
    for name in NUMERIC:
        sample = np.sort(reference[name].drop_nulls().to_numpy())
        for window in range(len(alarms)):
            values = live[name].slice(window * KS_ROWS, KS_ROWS).drop_nulls().to_numpy()
            alarms[window] |= ks_p_value(sample, np.sort(values)) <= 0.05 / len(NUMERIC)
    ends = [(times[window * KS_ROWS], times[(window + 1) * KS_ROWS - 1]) for window in range(len(alarms))]
    return [(float(first), float(last), bool(alarm)) for (first, last), alarm in zip(ends, alarms, strict=True)]


def half_year() -> str:
    """Draw the live half of a year: the alarms of KS, and the judge without and with a fault."""
    watched = Year("days", 0, "hours", all_days=True)
    plain = run(watched)
    faulty = run(watched, with_fault(watched.live, FAULTS[FAULT], FIRST, LAST))
    windows = kolmogorov_smirnov(watched.live)
    alarms, days = sum(alarm for *_, alarm in windows), len(watched.days)
    left, right, high = 40, WIDTH - 16, 100

    def x(day: float) -> float:
        return left + (right - left) * day / days

    parts = [text(left, 50, f"KS on each 1,000 rows, 5 % with Bonferroni: {alarms} of {len(windows)} windows alarm")]
    for first, last, alarm in windows:
        wide = max(x(last) - x(first) - 0.8, 0.6)
        parts.append(
            f'<rect x="{x(first):.1f}" y="58" width="{wide:.1f}" height="18" fill="{RED if alarm else GREY}" '
            f'opacity="{0.8 if alarm else 0.25}"/>'
        )
    pages = len(plain.opened)
    allowed = days / 30
    caption = f"driftmeter, nothing injected: {pages} pages (red) in {days} days, where the budget allows {allowed:.0f}"
    parts += strip(watched, plain, 116, high, x, caption)
    caption = f"driftmeter, distance in kilometres for {LAST - FIRST} days (grey): {outcome(watched, faulty, pages)}"
    parts += strip(watched, faulty, 262, high, x, caption, fault=(FIRST, LAST))
    parts += months(watched, 262 + high, x)
    notes = [
        "Blue: the strongest evidence of any feature on each day, log10, cut off above 8. "
        "Days: the live half of 2013, side by side.",
        *outside(watched),
    ]
    parts += [text(left, 402 + 15 * place, note, "small") for place, note in enumerate(notes)]
    title = f"Half a year of flights: KS alarms {frequency(alarms, len(windows))}, driftmeter pages {pages} times"
    return picture(402 + 15 * len(notes), title, parts)


def strip(
    watched: Year,
    seen: Run,
    top: int,
    high: int,
    x: Callable[[float], float],
    title: str,
    fault: tuple[int, int] | None = None,
) -> list[str]:
    """Draw the evidence over the live days, and the incidents from opening to closing."""

    def y(evidence: float) -> float:
        return top + high * (HIGHEST - min(max(evidence, LOWEST), HIGHEST)) / (HIGHEST - LOWEST)

    days = len(watched.days)
    parts = [text(x(0), top - 8, title)]
    for value in (LOWEST, 0, 4, HIGHEST):
        kind = "axis" if value else "limit"
        parts.append(f'<path class="{kind}" d="M{x(0):.1f} {y(value):.1f}H{x(days):.1f}"/>')
        parts.append(text(x(0) - 5, y(value) + 4, f"{value:.0f}".replace("-", "−"), "small", "end"))
    lanes = [-inf, -inf]
    for event in seen.opened:
        end = seen.closed.get(event.incident)
        first, last = days_in(event), days if end is None else days_in(end)
        wide = max(x(last) - x(first), 2)
        parts.append(
            f'<rect x="{x(first):.1f}" y="{top}" width="{wide:.1f}" height="{high}" fill="{RED}" opacity=".22"/>'
            f'<path d="M{x(first):.1f} {top}v{high}" stroke="{RED}" stroke-width="1.2"/>'
        )
        label = incident_label(watched, event, end, fault)
        length = 5.9 * len(label)
        leftwards = x(last) + 5 + length > x(days)
        start = x(first) - 5 - length if leftwards else x(first) + wide + 5
        lane = 0 if start > lanes[0] else 1
        lanes[lane] = start + length + 6
        height = top + 15 + 16 * lane
        at, anchor = (x(first) - 5, "end") if leftwards else (start, "start")
        parts.append(text(at, height, label, "small", anchor, RED))
    if fault is not None:
        parts.append(
            f'<path d="M{x(fault[0]):.1f} {top + high - 3}H{x(fault[1]):.1f}" stroke="{GREY}" stroke-width="5"/>'
        )
    judged = [(day, value) for day, value in enumerate(seen.evidence.tolist()) if value == value]
    steps = "".join(
        f"{'L' if place else 'M'}{x(day):.1f} {y(v):.1f}h{x(1) - x(0):.1f}" for place, (day, v) in enumerate(judged)
    )
    parts.append(f'<path d="{steps}" fill="none" stroke="{BLUE}" stroke-width="1.4"/>')
    parts.append(text(x(0.96 * days), y(0) - 5, "a page from here on", "small", "end", RED))
    return parts


def incident_label(watched: Year, event: Event, end: Event | None, fault: tuple[int, int] | None) -> str:
    """Return the features of an incident; for an incident of the fault, add the rows until it opened."""
    first = watched.day_of(event)
    day = int(watched.days[first])
    if day in REAL_INCIDENTS:
        return f"{REAL_INCIDENTS[day]}: a real incident"
    names = event.names if end is None else end.names
    # residual features only explain, and their names are long
    features = ", ".join([name for name in names if not name.endswith(" given the rest")] or names)
    if fault is None or not fault[0] <= first < fault[1]:
        return features
    return f"{features}: after {int(watched.last_rows[event.pane]) - watched.row_of(fault[0])} rows"


def outcome(watched: Year, faulty: Run, pages: int) -> str:
    """Say how many pages the fault added, and how long after the repair the last of them closed."""
    added = len(faulty.opened) - pages
    ours = [event.incident for event in faulty.opened if FIRST <= watched.day_of(event) < LAST]
    ends = [days_in(faulty.closed[incident]) - LAST for incident in ours if incident in faulty.closed]
    closed = f", closed {max(ends):.1f} days after the repair" if ends and len(ends) == len(ours) else ""
    return f"{added} page{'s' * (added != 1)} more{closed}"


def days_in(event: Event) -> float:
    """Return the time of an event, in live days."""
    return (event.at - START) / DAY


def outside(watched: Year) -> list[str]:
    """Name the real incidents of the year that are not among the live days."""
    others = [f"{date(day)} ({what})" for day, what in REAL_INCIDENTS.items() if day not in watched.days]
    return [f"Real incidents in the other half, the reference: {', '.join(others)}."] if others else []


def months(watched: Year, bottom: int, x: Callable[[float], float]) -> list[str]:
    """Mark the first live day of each month, and write its name below its days."""
    names = [f"{moment(int(day)):%b}" for day in watched.days]
    starts = [place for place, name in enumerate(names) if place == 0 or name != names[place - 1]]
    return [
        f'<path class="axis" d="M{x(first):.1f} {bottom}v5"/>'
        + text((x(first) + x(last)) / 2, bottom + 15, names[first], "small", "middle")
        for first, last in pairwise([*starts, len(names)])
    ]


def moment(day: int) -> datetime.date:
    return datetime.date(2013, 1, 1) + datetime.timedelta(days=day)


def date(day: int) -> str:
    return f"{moment(day).day} {moment(day):%b}"


def frequency(alarms: int, windows: int) -> str:
    return "in every window" if alarms == windows else f"in {alarms / windows:.0%} of the windows"


# --- SVG


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start", colour: str = "") -> str:
    """Return a line of text."""
    attributes = f' class="{kind}"' * bool(kind) + f' text-anchor="{anchor}"' * (anchor != "start")
    attributes += f' style="fill:{colour}"' * bool(colour)
    return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{escape(words)}</text>'


def picture(height: int, title: str, parts: Sequence[str]) -> str:
    """Return an SVG with a title."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
    body = "\n".join([f"<style>{STYLE}</style>", text(16, 24, title, "title"), *parts])
    return f'{head} aria-label="{escape(title)}">\n{body}\n</svg>\n'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("delays", type=Path, nargs="*", help="JSON lines of bench/detection.py --delays")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs/img")
    options = parser.parse_args()
    lines = [line for path in options.delays for line in path.read_text(encoding="utf-8").splitlines()]
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "delay.svg").write_text(delay(lines or measure_delays()), encoding="utf-8")
    (options.out / "year.svg").write_text(half_year(), encoding="utf-8")


if __name__ == "__main__":
    main()
