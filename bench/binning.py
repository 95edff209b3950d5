"""How fast are values binned, beside a plain copy of the same memory, searchsorted and boost-histogram?

    python bench/binning.py [--before FOLDER] [--pairs 5] [--quick] [--no-rivals] [--json FILE]

Each case runs in fresh processes, and the cases take turns, so that no case benefits from the caches or the clock speed
of another. The timed call is `Binner.observe`: bins and their counts, of 1,000 rows of 30 columns; a case "read and
observed" begins with the columns as `Reader.read_columns` takes them. With `--before`, the folder of another version's
checkout, processes of both take turns.

boost-histogram fills one histogram of each column with the same edges. It comes from the group `bench` of
pyproject.toml, in an environment that is made at first use.

Bars: 2.5 ns a number, 3 ns a dictionary code. The exit code is 1 if one is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from turns import (
    SINGLE,
    Bars,
    SkippedError,
    add_options,
    answer,
    check_version,
    child,
    in_turn,
    pairs_of,
    progress,
    rivals_python,
    versions,
    wide_console,
    write_json,
)

ROWS, FEATURES = 1000, 30
SECONDS = 0.5
NUMBER, CODE = 2.5, 3.0
"""Bars in ns a value."""
BARS = {"observe": NUMBER, "codes": CODE, "dictionary": CODE}
CASES = {
    "copy": "plain copy of the numbers",
    "searchsorted": "searchsorted and bincount, column by column",
    "observe": "Binner.observe",
    "observe skewed": "Binner.observe, lognormal columns (σ = 1)",
    "observe steep": "Binner.observe, lognormal columns (σ = 3): searchsorted",
    "observe missing": "Binner.observe, 5 % missing",
    "read and observe": "Reader.read_columns and Binner.observe",
    "codes": "Binner.observe, codes of categories",
    "dictionary": "dictionary-coded categories (int64), read and observed",
    "dictionary int32": "the same, codes of 32 bits",
    "boost": "boost-histogram, column by column",
}
ALONE = ("copy", "searchsorted", "boost")
"""Cases that are the same in every version."""


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


def numeric_columns(case: str, rows: int, seed: int) -> dict[str, np.ndarray]:
    """Return contiguous columns by name."""
    return dict(zip(names(), np.ascontiguousarray(numbers(case, rows, seed).T), strict=True))


def numeric_work(case: str) -> Callable[[], object]:
    import polars as pl

    from driftmeter.counts.binning import Binner
    from driftmeter.counts.rows import Reader
    from driftmeter.profile.profile import Profile

    profile = Profile.fit(pl.DataFrame(numeric_columns(case, 20_000, 0)), model="m")
    reader, binner = Reader(profile), Binner(profile)
    columns = numeric_columns(case, ROWS, 1)
    if case == "copy":
        matrix = numbers(case, ROWS, 1)
        target = np.empty_like(matrix)
        return lambda: np.copyto(target, matrix)
    if case == "read and observe":
        return lambda: binner.observe(reader.read_columns(columns)[0])
    if case == "searchsorted":
        pairs = list(zip(edges_of(profile), columns.values(), strict=True))
        return lambda: [np.bincount(np.searchsorted(e, c, side="right"), minlength=len(e) + 3) for e, c in pairs]
    rows, _, _ = reader.read_columns(columns)
    return lambda: binner.observe(rows)


def edges_of(profile: Any) -> list[np.ndarray]:
    """Return the cuts of each feature of a profile of numbers."""
    return [feature.grid.edges for feature in profile.features]


def category_work(case: str) -> Callable[[], object]:
    import polars as pl

    from driftmeter.counts.binning import Binner
    from driftmeter.counts.rows import Reader
    from driftmeter.data.columns import Dictionary
    from driftmeter.profile.profile import Profile

    rng = np.random.default_rng(0)
    texts = tuple(f"category {number}" for number in range(50))
    reference = {name: rng.choice(texts, 20_000) for name in names()}
    profile = Profile.fit(pl.DataFrame(reference), model="m")
    reader, binner = Reader(profile), Binner(profile)
    integer = np.int32 if case.endswith("int32") else np.int64
    columns = {name: Dictionary(rng.integers(-1, 50, ROWS).astype(integer), texts) for name in names()}
    if case == "codes":
        rows, _, _ = reader.read_columns(columns)
        return lambda: binner.observe(rows)
    return lambda: binner.observe(reader.read_columns(columns)[0])


def boost_work(edges: Path) -> Callable[[], object]:
    """Fill histograms with the edges of a file, as numpy saves them; nothing of driftmeter is imported."""
    try:
        import boost_histogram as bh
    except ImportError as error:
        raise SkippedError(f"cannot be imported: {error}") from error
    with np.load(edges) as kept:
        cuts = [kept[name] for name in names()]
    columns = list(numeric_columns("boost", ROWS, 1).values())
    pairs = [
        (bh.Histogram(bh.axis.Variable(cut), storage=bh.storage.Int64()), column)
        for cut, column in zip(cuts, columns, strict=True)
    ]
    return lambda: [histogram.fill(column) for histogram, column in pairs]


def write_edges(path: Path) -> None:
    import polars as pl

    from driftmeter.profile.profile import Profile

    profile = Profile.fit(pl.DataFrame(numeric_columns("boost", 20_000, 0)), model="m")
    np.savez(path, **dict(zip(names(), edges_of(profile), strict=True)))


def measure(case: str, edges: Path) -> dict[str, float]:
    """Return the nanoseconds per value of one case: the median over the calls of SECONDS."""
    if case == "boost":
        work = boost_work(edges)
    else:
        check_version()
        work = category_work(case) if case.startswith(("codes", "dictionary")) else numeric_work(case)
    for _ in range(20):
        work()
    times = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter_ns()
        work()
        times.append(time.perf_counter_ns() - start)
    return {"ns": statistics.median(times) / (ROWS * FEATURES)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, pairs=5, quick=2)
    parser.add_argument("--no-rivals", action="store_true", help="leave out boost-histogram")
    parser.add_argument("--case", nargs=2, metavar=("CASE", "EDGES"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        answer(lambda: measure(options.case[0], Path(options.case[1])))
        return
    console = wide_console()
    bars, trees, pairs = Bars(console), versions(options.before), pairs_of(options)
    grouped = None if options.no_rivals else rivals_python(console)
    for version in trees:
        console.print(version.describe(), highlight=False)
    runs = [(case, version) for case in CASES for version in (trees[:1] if case in ALONE else trees)]
    measured: dict[tuple[str, str], list[float]] = {}
    skipped: dict[str, str] = {} if grouped else {"boost": "--no-rivals"}
    with tempfile.TemporaryDirectory() as folder, progress(console) as bar:
        edges = Path(folder) / "edges.npz"
        write_edges(edges)
        task = bar.add_task("", total=pairs * len(runs))
        for number in range(pairs):
            for case, version in in_turn(runs, number):
                bar.update(task, description=f"{case}, {version.name}")
                python, environment = (grouped, SINGLE) if case == "boost" else (sys.executable, version.environment)
                try:
                    if python is not None and case not in skipped:
                        found = child([python, __file__, "--case", case, str(edges)], environment)
                        measured.setdefault((case, version.name), []).append(found["ns"])
                except SkippedError as reason:
                    skipped[case] = str(reason)
                bar.advance(task)

    table = Table("case", "version", title=f"{ROWS:,} rows × {FEATURES} columns, medians of {pairs} processes")
    for column in ("ns a value", "min–max", "× copy", "× searchsorted", "this / before"):
        table.add_column(column, justify="right")
    medians = {key: statistics.median(times) for key, times in measured.items()}
    for (case, name), times in measured.items():
        against = measured.get((case, "before"), []) if name == "this" else []
        ratios = [this / before for this, before in zip(times, against, strict=False)]
        table.add_row(
            CASES[case] if name == "this" else "",
            name if case not in ALONE else "",
            f"{medians[case, name]:.2f}",
            f"{min(times):.2f}–{max(times):.2f}",
            f"{medians[case, name] / medians['copy', 'this']:.1f}",
            f"{medians[case, name] / medians['searchsorted', 'this']:.2f}",
            f"{statistics.median(ratios):.3f}" if ratios else "",
        )
    console.print(table)
    for case, most in BARS.items():
        bars.at_most(CASES[case], medians[case, "this"], most, " ns a value")
    for case, why in skipped.items():
        bars.skip(CASES[case], why)
    results = [{"case": case, "version": name, "ns": times} for (case, name), times in measured.items()]
    write_json(options.json, {"versions": [version.describe() for version in trees], "results": results}, bars)
    raise SystemExit(1 if bars.missed else 0)


if __name__ == "__main__":
    main()
