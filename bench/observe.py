"""What does `Monitor.observe` cost: all CPU of a row, caller and background together, and how long does a call take?

    python bench/observe.py [--before FOLDER] [--pairs 5] [--quick] [--only floats texts …] [--no-rivals] [--json FILE]

Each case runs in fresh processes (bench/observe_cases.py), against a real metric server on another core:

- floats: a dict of 30 floats, 5,000 rows/s
- pure: the same, counted without the compiled counter (DRIFTMETER_PURE=1)
- trickle: the same, 100 rows/s: what reports and the thread cost alone
- texts: a dict of 24 floats and 6 texts of 3 to 200 categories, 5,000 rows/s
- residuals: a dict of 30 correlated floats, whose profile has residual features, 5,000 rows/s
- array: an array of 30 floats, shape (30,), 50,000 rows/s
- matrix: `observe_many` of an array of shape (1,000, 30), 100,000 rows/s

The CPU of the reports belongs to it: one PUT a second, whose share of a row grows as rows get rarer ("rows a PUT").
A process that takes more or fewer rows than it was given, or drops one, ends the run.

`--before` is the folder of another version's checkout. Processes of both take turns. Bars of floats, texts and
residuals are shares of the CPU before, and p99.9 of a call is at most that before; the others are absolute. A case that
a version lacks is skipped with the reason. The exit code is 1 if a bar is missed.

Beside it, in the same rounds, what else one could call with the row of 30 floats (bench/observe_rivals.py). River,
whylogs and Evidently come from the group `bench` of pyproject.toml, in an environment that is made at first use.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from observe_rivals import RIVALS
from turns import (
    SILENT,
    SINGLE,
    Bars,
    SkippedError,
    Version,
    add_options,
    child,
    in_turn,
    pairs_of,
    progress,
    rivals_python,
    versions,
    wide_console,
    write_json,
)

HERE = Path(__file__).parent
PURE = "DRIFTMETER_PURE"
SECONDS, QUICK_SECONDS = 3.0, 1.0
CASES = {
    "floats": "dict of 30 floats",
    "pure": f"dict of 30 floats, {PURE}=1",
    "trickle": "dict of 30 floats, 100 rows/s",
    "texts": "dict of 24 floats and 6 texts",
    "residuals": "dict of 30 floats, residual features",
    "array": "array of 30 floats",
    "matrix": "observe_many of 1,000 × 30",
}
SHARES = {"floats": 1 / 8, "texts": 1 / 6, "residuals": 1 / 5}
"""Bars of the CPU of a row, as a share of that before."""
MICROSECONDS = {"pure": 3.0, "array": 0.3, "matrix": 0.1}
"""Bars of the CPU of a row in µs."""
Runs = dict[tuple[str, str], list[dict[str, Any]]]
"""Results of the processes by case and version; a rival's version is ""."""


def run_case(case: str, version: Version, seconds: float) -> dict[str, Any]:
    environment = version.environment
    if case == "pure":
        if not version.mentions(PURE):
            raise SkippedError(f"this version knows no {PURE}: it has no compiled counter")
        environment = {**environment, PURE: "1"}
    script = str(HERE / "observe_cases.py")
    return child([sys.executable, script, "floats" if case == "pure" else case, str(seconds)], environment)


def run_rival(name: str, grouped: str | None) -> dict[str, Any]:
    if RIVALS[name].grouped and grouped is None:
        raise SkippedError("--no-rivals")
    python = grouped if RIVALS[name].grouped and grouped else sys.executable
    return child([python, str(HERE / "observe_rivals.py"), name], {**SILENT, **SINGLE})


def run_all(
    console: Console, trees: Sequence[Version], cases: Sequence[str], pairs: int, seconds: float, grouped: str | None
) -> tuple[Runs, dict[tuple[str, str], str]]:
    """Return the results, and why a case was skipped."""
    by_name = {version.name: version for version in trees}
    runs: Runs = {}
    skipped: dict[tuple[str, str], str] = {}
    with progress(console) as bar:
        task = bar.add_task("", total=pairs * (len(cases) * len(trees) + len(RIVALS)))
        for number in range(pairs):
            ours = [(case, name) for case in cases for name in in_turn(list(by_name), number)]
            for case, name in [*ours, *((rival, "") for rival in RIVALS)]:
                bar.update(task, description=f"{case} {name}".strip())
                try:
                    if (case, name) not in skipped:
                        found = run_case(case, by_name[name], seconds) if name else run_rival(case, grouped)
                        runs.setdefault((case, name), []).append(found)
                except SkippedError as reason:
                    skipped[case, name] = str(reason)
                bar.advance(task)
    return runs, skipped


def median(runs: Runs, case: str, version: str, figure: str) -> float | None:
    found = runs.get((case, version))
    return statistics.median(one[figure] for one in found) if found else None


def pair_ratios(runs: Runs, case: str, figure: str) -> list[float]:
    """Return this over before, for each pair of processes."""
    pairs = zip(runs.get((case, "this"), []), runs.get((case, "before"), []), strict=False)
    return [this[figure] / before[figure] for this, before in pairs]


def show_ours(console: Console, runs: Runs, cases: Sequence[str], trees: Sequence[Version]) -> None:
    table = Table("case", "version", title="medians of the processes, µs; CPU a row, and the time of one call")
    for column in ("CPU", "caller", "others", "this / before", "rows a PUT", "p50", "p99", "p99.9"):
        table.add_column(column, justify="right")
    for case in cases:
        for version in trees:
            if (case, version.name) not in runs:
                continue
            cpu, caller, others, *rest = (
                median(runs, case, version.name, figure) or 0.0
                for figure in ("cpu", "caller", "others", "rows a PUT", "p50", "p99", "p99.9")
            )
            ratios = pair_ratios(runs, case, "cpu") if version.name == "this" else []
            spread = f"{statistics.median(ratios):.3f} ({min(ratios):.3f}–{max(ratios):.3f})" if ratios else ""
            times = [f"{value:,.2f}" for value in rest[1:]]
            row = f"{cpu:.3f}", f"{caller:.3f}", f"{others:.3f}", spread, f"{rest[0]:,.0f}", *times
            table.add_row(CASES[case] if version is trees[0] or (case, "this") not in runs else "", version.name, *row)
    console.print(table)


def show_rivals(console: Console, runs: Runs) -> None:
    ours = median(runs, "floats", "this", "cpu")
    table = Table("a row of 30 floats", title="what else one could call, rows as fast as they are taken")
    table.add_column("µs of CPU", justify="right")
    table.add_column("× observe", justify="right")
    figures = {rival.title: median(runs, name, "", "cpu") for name, rival in RIVALS.items()}
    figures["Monitor.observe, 5,000 rows/s"] = ours
    for title, cpu in sorted(((title, cpu) for title, cpu in figures.items() if cpu), key=lambda pair: pair[1]):
        table.add_row(title, f"{cpu:,.3f}", f"{cpu / ours:,.2f}" if ours else "")
    console.print(table)


def check(bars: Bars, runs: Runs, skipped: dict[tuple[str, str], str], cases: Iterable[str], before: bool) -> None:
    for case in cases:
        title = CASES[case]
        if (case, "this") in skipped:
            bars.skip(title, skipped[case, "this"])
            continue
        if case in MICROSECONDS:
            bars.at_most(f"{title}, CPU a row", median(runs, case, "this", "cpu") or 0.0, MICROSECONDS[case], " µs")
        if case in SHARES and not before:
            bars.skip(f"{title}, CPU over before", "no --before")
        elif case in SHARES:
            bars.at_most(f"{title}, CPU over before", statistics.median(pair_ratios(runs, case, "cpu")), SHARES[case])
            bar = median(runs, case, "before", "p99.9") or 0.0
            bars.at_most(f"{title}, p99.9 of a call", median(runs, case, "this", "p99.9") or 0.0, bar, " µs")
    for name, rival in RIVALS.items():
        if (name, "") in skipped:
            bars.skip(rival.title, skipped[name, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, pairs=5, quick=2)
    parser.add_argument(
        "--only", nargs="+", choices=CASES, default=list(CASES), metavar="CASE", help="some of the cases"
    )
    parser.add_argument("--no-rivals", action="store_true", help="leave out what needs the group bench")
    options = parser.parse_args()
    console = wide_console()
    trees = versions(options.before)
    pairs, seconds = pairs_of(options), QUICK_SECONDS if options.quick else SECONDS
    grouped = None if options.no_rivals else rivals_python(console)
    for version in trees:
        console.print(version.describe(), highlight=False)
    runs, skipped = run_all(console, trees, options.only, pairs, seconds, grouped)
    show_ours(console, runs, options.only, trees)
    show_rivals(console, runs)
    bars = Bars(console)
    check(bars, runs, skipped, options.only, options.before is not None)
    results = [{"case": case, "version": version, "runs": found} for (case, version), found in runs.items()]
    write_json(options.json, {"versions": [version.describe() for version in trees], "results": results}, bars)
    raise SystemExit(1 if bars.missed else 0)


if __name__ == "__main__":
    main()
