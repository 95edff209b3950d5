"""How near estimates without labels come to the truth, beside NannyML on its data sets and on flights.

    python bench/performance.py [--only "car loan" housing multiclass regression flights] [--json FILE]

Both get the same files, in chunks as NannyML cuts them by default: tenths of the analysed rows. It estimates by CBPE,
in regression by DLE. The realised metrics are NannyML's, from raw rows. Chunks of less than 100 rows, which remain at
the end, are left out. An error is that of one chunk, the mean is over chunks; an interval covers where it holds the
realised value (NannyML's: 1.96 sampling errors).
Seconds are of CPU, without imports; memory is the peak of the process, with them. A profile of ours also has all that
detects drift: what performance adds to making it is shown beside it.

NannyML is the dependency group `performance`, in an environment of its own, made at the first run (.tools).
The exit code is 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from performance_rivals import CLASSES, COLUMNS
from turns import SILENT, SINGLE, Bars, answer, child, rivals_python, wide_console

HERE = Path(__file__).resolve().parent
LEAST_ROWS = 100
THRESHOLDS = {"car loan": 0.65, "housing": 0.8}
"""From which on the models of these sets predict the positive class."""
METRICS = ("roc_auc", "accuracy", "f1", "mae", "rmse")


def write_flights(folder: Path) -> None:
    """Write the demo's held-out flights: the first half, in order of time, is the reference."""
    import polars as pl

    from driftmeter.demo.data import held_out

    frame = pl.from_arrow(held_out())
    assert isinstance(frame, pl.DataFrame)
    known = frame.drop_nulls("late").sort("scheduled", maintain_order=True)
    known = known.with_columns(
        pl.col("late").cast(int), y_pred=(pl.col("prediction") >= 0.5).cast(int), timestamp=pl.col("scheduled")
    ).drop("scheduled")
    half = len(known) // 2
    known[:half].write_csv(folder / "flights-reference.csv")
    known[half:].write_csv(folder / "flights-analysis.csv")


def ours(name: str, folder: Path) -> dict[str, Any]:
    """Fit, and estimate each chunk."""
    import driftmeter.fitting.fit
    import driftmeter.fitting.from_rows  # noqa: F401 - imports are not measured
    from driftmeter.data.files.for_profile import read_data_batches
    from driftmeter.data.files.read import read_table
    from driftmeter.performance.periods import Cut, performance_of
    from driftmeter.profile.profile import Profile

    columns = COLUMNS[name]
    options: dict[str, Any] = {"label": columns["y_true"]}
    if name == "multiclass":
        options |= {"prediction": "y_pred", "task": name, "probabilities": {k: f"y_pred_proba_{k}" for k in CLASSES}}
    elif name == "regression":
        options |= {"prediction": "y_pred", "task": name}
    else:
        options |= {"prediction": columns["y_pred_proba"], "exclude": ["y_pred"]}
        options["threshold"] = THRESHOLDS.get(name, 0.5)
    reference = read_table(folder / f"{name}-reference.csv")
    start = time.process_time()
    profile = Profile.fit(reference, model="m", time="timestamp", **options)
    fitted = time.process_time()
    path = folder / f"{name}-analysis.csv"
    with path.open() as lines:
        rows = sum(1 for _ in lines) - 1
    file = read_data_batches(path, profile)  # as NannyML, without labels
    periods = performance_of(profile, file.names, file.tables, cut=Cut(chunk=rows // 10))
    seconds = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    again = time.process_time()
    left_out = [*options.get("exclude", []), options["label"]]
    Profile.fit(reference, model="m", time="timestamp", prediction=options["prediction"], exclude=left_out)
    drift = time.process_time() - again
    found = {
        metric: [[one.value, one.low, one.high] for one in (period.estimates.metrics[metric] for period in periods)]
        for metric in METRICS
        if metric in periods[0].estimates.metrics
    }
    return {
        "metrics": found,
        "rows": [period.rows for period in periods],
        "unreliable": [bool(period.estimates.unreliable) for period in periods],
        "seconds": seconds,
        "fit": fitted - start,
        "added": fitted - start - drift,
        "memory": memory,
        "bytes": len(json.dumps(profile.to_json().get("performance"))),
    }


def judged(found: dict[str, Any], rival: dict[str, Any], metric: str, *, own: bool) -> tuple[float, float, int]:
    """Return the mean absolute error, the share of intervals that cover, and how many chunks there are."""
    chunks = [index for index, rows in enumerate(found["rows"]) if rows >= LEAST_ROWS]
    values = np.array((found if own else rival)["metrics"][metric], dtype=float)[chunks]
    truth = np.array(rival["metrics"][f"{metric} realised"], dtype=float)[chunks]
    known = np.isfinite(truth)
    values, truth = values[known], truth[known]
    covered = (values[:, 1] <= truth) & (truth <= values[:, 2])
    return float(np.abs(values[:, 0] - truth).mean()), float(covered.mean()), int(known.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=COLUMNS, default=list(COLUMNS), help="these data sets only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--case", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        answer(lambda: ours(options.case[0], Path(options.case[1])))
        return
    console = wide_console()
    python, rivals = rivals_python(console, "performance"), str(HERE / "performance_rivals.py")
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as text, console.status("estimating …") as status:
        folder = Path(text)
        child([python, rivals, "data", text], SILENT)
        write_flights(folder)
        for name in options.only:
            status.update(f"{name} …")
            theirs = child([python, rivals, name, text], {**SILENT, **SINGLE})
            figures[name] = (child([sys.executable, __file__, "--case", name, text], SINGLE), theirs)
    bars = show(console, figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    raise SystemExit(1 if bars.missed else 0)


def show(console: Any, figures: dict[str, Any]) -> Bars:
    table = Table("data set", "metric", "chunks", "error", "NannyML's", "ratio", "covered", "NannyML's", box=None)
    errors: dict[str, list[tuple[float, float]]] = {}
    shares: list[tuple[float, int]] = []
    worst = 0.0
    for name, (own, theirs) in figures.items():
        for metric in own["metrics"]:
            error, share, chunks = judged(own, theirs, metric, own=True)
            rival, rival_share, _ = judged(own, theirs, metric, own=False)
            errors.setdefault(metric, []).append((error, rival))
            shares.append((share, chunks))
            worst = max(worst, error / rival)
            row = [f"{error:.4g}", f"{rival:.4g}", f"{error / rival:.2f}", f"{share:.0%}", f"{rival_share:.0%}"]
            table.add_row(name, metric, str(chunks), *row)
    console.print(table)
    heads = ("data set", "CPU s", "NannyML's", "of it fit", "performance adds", "MB", "NannyML's", "JSON")
    costs = Table(*heads, box=None)
    for name, (own, theirs) in figures.items():
        times = [f"{own['seconds']:.2f}", f"{theirs['seconds']:.2f}", f"{own['fit']:.2f}", f"{own['added']:.2f}"]
        costs.add_row(name, *times, f"{own['memory']:.0f}", f"{theirs['memory']:.0f}", f"{own['bytes'] / 1e3:.0f} kB")
    console.print(costs)
    bars = Bars(console)
    for metric, pairs in errors.items():
        ratio = sum(one for one, _ in pairs) / sum(other for _, other in pairs)
        bars.at_most(f"{metric}: mean error over NannyML's", ratio, 0.9)
    bars.at_most("largest error over NannyML's", worst, 1.1)
    covered = sum(share * chunks for share, chunks in shares) / sum(chunks for _, chunks in shares)
    bars.at_least("chunks that the interval covers", covered, 0.92)
    bars.at_most("chunks that the interval covers", covered, 0.98)
    for what in ("seconds", "memory"):
        ratio = max(own[what] / theirs[what] for own, theirs in figures.values())
        bars.at_most(f"{what} over NannyML's, the worst", ratio, 0.2)
    return bars


if __name__ == "__main__":
    main()
