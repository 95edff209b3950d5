"""How fast are values binned, beside searchsorted and beside a plain copy of the same memory?

`python bench/binning.py [--repeats N]`: each case runs in fresh processes, and the cases take turns, so that no case
benefits from the caches or the clock speed of another. The timed call is `Binner.observe`: bins and their counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import polars as pl

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.data.columns import Dictionary
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile

ROWS, FEATURES = 1000, 30
SECONDS = 0.5
TARGETS = {"observe": 12.0, "dictionary": 10.0}
CASES = {
    "copy": "plain copy of the numbers",
    "searchsorted": "searchsorted and bincount, column by column",
    "observe": "Binner.observe",
    "observe skewed": "Binner.observe, lognormal columns (σ = 1)",
    "observe steep": "Binner.observe, lognormal columns (σ = 3): searchsorted",
    "observe missing": "Binner.observe, 5 % missing",
    "read and observe": "Reader.read_columns and Binner.observe",
    "dictionary": "dictionary-coded categories, read and observed",
}


def numbers(case: str, rows: int, seed: int) -> np.ndarray:
    """Return columns of floats, shape (rows, features)."""
    rng = np.random.default_rng(seed)
    if case.endswith(("skewed", "steep")):
        return rng.lognormal(0, 3 if case.endswith("steep") else 1, (rows, FEATURES))
    values = rng.normal(size=(rows, FEATURES))
    if case.endswith("missing"):
        values[rng.random(values.shape) < 0.05] = np.nan
    return values


def names() -> list[str]:
    return [f"f{number}" for number in range(FEATURES)]


def numeric_work(case: str) -> Callable[[], object]:
    reference = dict(zip(names(), numbers(case, 20_000, 0).T, strict=True))
    profile = Profile.fit(pl.DataFrame(reference), model="m")
    reader, binner = Reader(profile), Binner(profile)
    matrix = numbers(case, ROWS, 1)
    if case == "copy":
        target = np.empty_like(matrix)
        return lambda: np.copyto(target, matrix)
    columns = dict(zip(names(), np.ascontiguousarray(matrix.T), strict=True))
    if case == "read and observe":
        return lambda: binner.observe(reader.read_columns(columns)[0])
    if case == "searchsorted":
        grids = [feature.grid for feature in profile.features if isinstance(feature.grid, NumericGrid)]
        edges = [grid.edges for grid in grids]
        pairs = list(zip(edges, columns.values(), strict=True))
        return lambda: [np.bincount(np.searchsorted(e, c, side="right"), minlength=len(e) + 3) for e, c in pairs]
    rows, _, _ = reader.read_columns(columns)
    return lambda: binner.observe(rows)


def category_work() -> Callable[[], object]:
    rng = np.random.default_rng(0)
    texts = tuple(f"category {number}" for number in range(50))
    reference = {name: rng.choice(texts, 20_000) for name in names()}
    profile = Profile.fit(pl.DataFrame(reference), model="m")
    reader, binner = Reader(profile), Binner(profile)
    columns = {name: Dictionary(rng.integers(-1, 50, ROWS), texts) for name in names()}
    return lambda: binner.observe(reader.read_columns(columns)[0])


def measure(case: str) -> float:
    """Return the nanoseconds per value of one case: the median over the calls of SECONDS."""
    work = category_work() if case == "dictionary" else numeric_work(case)
    for _ in range(20):
        work()
    times = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter_ns()
        work()
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times) / (ROWS * FEATURES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="fresh processes per case (default: 5)")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(options.case)))
        return
    measured: dict[str, list[float]] = {case: [] for case in CASES}
    for _ in range(options.repeats):
        for case, times in measured.items():
            command = [sys.executable, __file__, "--case", case]
            times.append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    medians = {case: statistics.median(times) for case, times in measured.items()}
    print(f"{ROWS:,} rows x {FEATURES} columns, medians of {options.repeats} processes\n")
    print(f"{'ns/value':>8} {'min–max':>12} {'× copy':>7} {'× searchsorted':>15} {'target':>7}")
    for case, title in CASES.items():
        median, times = medians[case], measured[case]
        spread = f"{min(times):.1f}–{max(times):.1f}"
        target = f"≤ {TARGETS[case]:.0f}" if case in TARGETS else ""
        ratios = f"{median / medians['copy']:7.1f} {median / medians['searchsorted']:15.2f}"
        print(f"{median:8.2f} {spread:>12} {ratios} {target:>7}  {title}")


if __name__ == "__main__":
    main()
