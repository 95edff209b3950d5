"""Do alarms hold where rows come in small groups, whatever the length of a pane, and are faults still found?

    python bench/groups.py [--nulls] [--faults] [--quick] [--only "alike 0.95" …] [--jobs N] [--json FILE]

Households, sessions, orders: groups of 1 to 12 rows that come within seconds. Within a group, values resemble each
other by a correlation (of the normal values behind them) of 0, .5 or .95. 30 features: normal, skewed and whole
numbers, numbers that are missing in 1 %, .1 % and .01 % of the rows, 20 and 3,000 categories, booleans of which 5 % are
true. The groups come at random, at night a tenth as often as by day. The reference has 180 days, calibrated by their
times; all settings are the default ones.

- `--nulls`: pages in three simulated years without a change, with panes of 1 s, 10 s, 10 minutes and an hour, at 60 and
  600 rows a day; at most 1.5 times as many as the budget has (one in 30 days).
- `--faults`: rows until a fault is found by its own feature, at 600 rows a day; each is to be found in every stream.

`--quick` takes a quarter of the time. The exit code is 1 if a figure misses its bar.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from scipy.special import ndtri

from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import Slice
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import DAY, HOUR, MINUTE
from driftmeter.types import Codes, Floats, Milliseconds
from driftmeter.verdict.judge import Judge

START: Milliseconds = 1_704_067_200_000
FEATURES, LARGEST, REFERENCE_DAYS, YEARS = 30, 12, 180, 3
WITHIN: Milliseconds = 2_000
"""The mean time from one row of a group to the next."""
PANES: dict[str, Milliseconds] = {"1 s": 1_000, "10 s": 10_000, "10 min": 10 * MINUTE, "1 h": HOUR}
ALIKE, RATES = (0.0, 0.5, 0.95), (60, 600)
BUDGET_DAYS, MOST_PAGES = 30, 1.5
FAULT_RATE, DAYS_BEFORE, MOST_DAYS, STREAMS = 600, 20, 90, 5
Rng = np.random.Generator


def category_edges(categories: int, power: float) -> Floats:
    """Return the edges, on the scale of a normal value, of categories whose k-th has a share like 1/k^power."""
    shares = 1 / np.arange(1, categories + 1) ** power
    edges: Floats = ndtri(np.cumsum(shares)[:-1] / shares.sum())
    return edges


EDGES = {"code": category_edges(20, 1.0), "many": category_edges(3_000, 1.3)}
KINDS = ("normal", "skewed", "whole", "code", "boolean", "missing 1 %") * 3 + (
    "normal", "skewed", "missing 0.1 %", "many", "boolean", "missing 0.01 %"
) * 2  # fmt: skip


def column(kind: str, normal: Floats) -> Any:
    """Turn normal values into the values of a column; categories are their numbers, NaN is missing."""
    if kind in EDGES:
        return np.searchsorted(EDGES[kind], normal)
    if kind == "boolean":
        return normal > ndtri(0.95)
    if kind.startswith("missing"):
        return np.where(normal < ndtri(float(kind.split()[1]) / 100), np.nan, normal)
    return {"normal": normal, "skewed": np.exp(normal), "whole": np.floor(np.exp(0.6 * normal + 1))}[kind]


def rows_of_groups(rng: Rng, start: Milliseconds, days: int, rate: int) -> tuple[npt.NDArray[np.int64], Codes]:
    """Draw the times of rows, ascending, and the group of each."""
    number = int(rng.poisson(days * rate / ((1 + LARGEST) / 2)))
    by_hour = np.where((np.arange(24) >= 8) & (np.arange(24) < 22), 1.0, 0.1)
    hours = rng.choice(24, number, p=by_hour / by_hour.sum())
    begins = start + rng.integers(0, days, number) * DAY + hours * HOUR + rng.integers(0, HOUR, number)
    group = np.repeat(np.arange(number), rng.integers(1, LARGEST + 1, number))
    first = np.flatnonzero(np.diff(group, prepend=-1))
    steps = rng.exponential(WITHIN, len(group))
    steps[first] = 0
    passed = np.cumsum(steps)
    times = (begins[group] + passed - passed[first][np.searchsorted(first, np.arange(len(group)), "right") - 1]).astype(
        np.int64
    )
    order = np.argsort(times, kind="stable")
    return times[order], group[order]


def columns_of_groups(rng: Rng, group: Codes, alike: float) -> list[Any]:
    """Draw the columns of rows that resemble each other within their groups."""
    shared = rng.standard_normal((int(group.max(initial=0)) + 1, FEATURES), dtype=np.float32)[group]
    own = rng.standard_normal((len(group), FEATURES), dtype=np.float32)
    normal = (alike**0.5 * shared + (1 - alike) ** 0.5 * own).astype(np.float64)
    return [column(kind, normal[:, index]) for index, kind in enumerate(KINDS)]


def fitted(rng: Rng, alike: float, rate: int) -> Profile:
    """Fit a profile to a reference of its own."""
    times, group = rows_of_groups(rng, START - REFERENCE_DAYS * DAY, REFERENCE_DAYS, rate)
    columns = {
        f"{kind} {index}": [f"c{value}" for value in values] if kind in EDGES else values
        for index, (kind, values) in enumerate(zip(KINDS, columns_of_groups(rng, group, alike), strict=True))
    }
    frame = pl.DataFrame({**columns, "at": pl.Series(times).cast(pl.Datetime("ms"))}).fill_nan(None)
    return Profile.fit(frame, model="bench", time="at", residuals=False)


class Places:
    """Finds the bins of values."""

    def __init__(self, profile: Profile) -> None:
        """Compile the bins of the categories."""
        self.profile = profile
        self._bins = [self._of_categories(kind, feature) for kind, feature in zip(KINDS, profile.features, strict=True)]

    @staticmethod
    def _of_categories(kind: str, feature: Feature) -> Codes | None:
        grid = feature.grid
        if isinstance(grid, NumericGrid):
            return None
        names = ["false", "true"] if kind == "boolean" else [f"c{number}" for number in range(len(EDGES[kind]) + 1)]
        return np.array([grid.bin_of(name) for name in names], dtype=np.intp)

    def __call__(self, columns: list[Any]) -> Codes:
        """Return the bins of the rows among those of all features, (rows, features)."""
        places = []
        for values, bins, (feature, part) in zip(columns, self._bins, self.profile.slices(), strict=True):
            if bins is not None:
                local = bins[values.astype(np.intp)]
            else:
                assert not isinstance(feature.grid, CategoryGrid)
                local = np.searchsorted(feature.grid.edges, values, side="right")
                local[np.isnan(values)] = feature.grid.special[bin_names.MISSING]
            places.append(local + part.start)
        return np.stack(places, axis=1)


Fault = Callable[[Rng, list[Any]], None]


def mean_moves(rng: Rng, columns: list[Any]) -> None:
    columns[0] = columns[0] + 0.5


def values_go_missing(rng: Rng, columns: list[Any]) -> None:
    columns[6] = np.where(rng.random(len(columns[6])) < 0.1, np.nan, columns[6])


def category_grows(rng: Rng, columns: list[Any]) -> None:
    columns[9] = np.where((columns[9] == 0) & (rng.random(len(columns[9])) < 0.2), 15, columns[9])


FAULTS: dict[str, tuple[Fault, int]] = {
    "mean + .5 σ": (mean_moves, 0),
    "missing + 10 %": (values_go_missing, 6),
    "a category of 2 % gets 5 % more": (category_grows, 9),
}


def panes(
    rng: Rng, places: Places, alike: float, rate: int, start: Milliseconds, days: int, pane: Milliseconds,
    fault: Fault | None = None,
) -> Iterator[Slice]:  # fmt: skip
    """Draw the panes of some days that hold rows."""
    times, group = rows_of_groups(rng, start, days, rate)
    columns = columns_of_groups(rng, group, alike)
    if fault is not None:
        fault(rng, columns)
    bins = places(columns)
    starts, first = np.unique(times // pane * pane, return_index=True)
    size = places.profile.bins
    for begin, end, at in zip(first.tolist(), [*first[1:].tolist(), len(times)], starts.tolist(), strict=True):
        yield Slice(at, pane, Summary(end - begin, np.bincount(bins[begin:end].ravel(), minlength=size)))


def seeded(*key: object) -> Rng:
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


def pages(alike: float, rate: int, pane: Milliseconds, days: int) -> list[str]:
    """Return what each page of a stream without a change says."""
    rng = seeded("null", alike, rate)
    judge = Judge(fitted(rng, alike, rate))
    places, state, said = Places(judge.profile), judge.start(), []
    for first in range(0, days, 30):
        for slice_ in panes(rng, places, alike, rate, START + first * DAY, 30, pane):
            state, step = judge.step(state, slice_)
            said += [member.why for incident in step.opened for member in incident.members.values()]
    return said


def rows_until_found(name: str, alike: float, pane: Milliseconds, stream: int) -> float:
    """Return the rows from a fault to the alarm of its feature, infinite if there is none."""
    rng = seeded("fault", alike, stream)
    judge = Judge(fitted(rng, alike, FAULT_RATE))
    places, state = Places(judge.profile), judge.start()
    for slice_ in panes(rng, places, alike, FAULT_RATE, START, DAYS_BEFORE, pane):
        state, _ = judge.step(state, slice_)
    fault, feature = FAULTS[name]
    rows = 0
    for first in range(0, MOST_DAYS, 10):
        start = START + (DAYS_BEFORE + first) * DAY
        for slice_ in panes(rng, places, alike, FAULT_RATE, start, 10, pane, fault):
            state, step = judge.step(state, slice_)
            rows += slice_.summary.rows
            if any(alarm.feature == judge.profile.features[feature].name for alarm in step.alarms):
                return rows
    return float("inf")


@dataclass(frozen=True)
class Case:
    """One cell: what is measured there, and its name."""

    name: str
    measure: Callable[[], Any]


def cases(options: argparse.Namespace) -> tuple[list[Case], list[Case]]:
    """Return the cells of the two questions."""
    both = not (options.nulls or options.faults)
    days = (YEARS * 365 // (4 if options.quick else 1)) // 30 * 30
    nulls = [
        Case(f"alike {alike}, {rate} rows a day, panes of {name}", partial(pages, alike, rate, pane, days))
        for rate in RATES
        for alike in ALIKE
        for name, pane in PANES.items()
        if options.nulls or both
    ]
    faults = [
        Case(f"{fault}, alike {alike}, panes of {name}", partial(rows_until_found, fault, alike, PANES[name], stream))
        for fault in FAULTS
        for alike in ALIKE
        for name in ("10 s", "1 h")
        for stream in range(2 if options.quick else STREAMS)
        if options.faults or both
    ]
    chosen = options.only or [""]
    return [[case for case in kind if any(text in case.name for text in chosen)] for kind in (nulls, faults)]  # type: ignore[return-value]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nulls", action="store_true", help="only this question")
    parser.add_argument("--faults", action="store_true", help="only this question")
    parser.add_argument("--quick", action="store_true", help="a quarter of the time")
    parser.add_argument("--only", nargs="+", metavar="TEXT", help="cells whose name contains a TEXT")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--json", metavar="FILE", help="append each result as a line of JSON")
    options = parser.parse_args()
    for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ.setdefault(threads, "1")  # for the child processes: there is one per core
    console = Console() if sys.stdout.isatty() else Console(width=140)
    nulls, faults = cases(options)
    found: dict[str, list[Any]] = {case.name: [] for case in [*nulls, *faults]}
    context = multiprocessing.get_context("spawn")
    with (
        Progress(console=Console(stderr=True), transient=True) as progress,
        ProcessPoolExecutor(options.jobs, mp_context=context) as pool,
    ):
        bar = progress.add_task("streams", total=len(nulls) + len(faults))
        waiting = {pool.submit(case.measure): case for case in [*nulls, *faults]}
        for future in as_completed(waiting):
            name, result = waiting[future].name, future.result()
            found[name].append(result)
            progress.advance(bar)
            if options.json:
                with open(options.json, "a", encoding="utf-8") as file:
                    file.write(json.dumps({"case": name, "result": str(result) if result == float("inf") else result}))
                    file.write("\n")
    missed = False
    if nulls:
        days = (YEARS * 365 // (4 if options.quick else 1)) // 30 * 30
        table = Table("pages with nothing wrong", "pages", "budget", "", "the first one")
        for case in nulls:
            (said,) = found[case.name]
            over = len(said) > MOST_PAGES * days / BUDGET_DAYS
            missed |= over
            budget = f"{days / BUDGET_DAYS:.0f}"
            table.add_row(case.name, str(len(said)), budget, "missed" if over else "ok", said[0] if said else "")
        console.print(table)
    if faults:
        table = Table("rows until a fault is found", "median", "each", "")
        for name in dict.fromkeys(case.name for case in faults):
            rows = sorted(found[name])
            never = not np.isfinite(rows).all()
            missed |= never
            each = " ".join("never" if np.isinf(one) else f"{one:,}" for one in rows)
            median = float(np.quantile(rows, 0.5, method="inverted_cdf"))
            table.add_row(name, "never" if np.isinf(median) else f"{median:,.0f}", each, "missed" if never else "ok")
        console.print(table)
    sys.exit(missed)


if __name__ == "__main__":
    main()
