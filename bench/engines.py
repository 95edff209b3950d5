"""What a row costs through each engine's door: rows per second and core, 30 features, whole process trees.

Question: what do the doors for engines cost beside the job that one would write first, and what does a second executor
add? Every job runs in processes of its own, one after another, and the CPU of all of them is added up, from the start
of the JVM on. What a session and its Pythons take to start is measured too, and shown apart.

    python bench/engines.py [ROWS]        # 60,000,000 by default; the environment of `make test-engines`

The job that one would write first is a pandas UDF that runs ks_2samp on each window of 10,000 rows, against 20,000 rows
of the reference; it sees 100,000 rows.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FILE, FILES = 1_000_000, 2
NUMBERS, TEXTS = 25, 5
SECONDS = 2_000
"""Of event time in the files: 200 panes of 10,000 rows."""


def write_files(folder: Path) -> None:
    """Write rows in order of time: 25 numbers, 5 texts and a time."""
    chance = np.random.default_rng(0)
    for number in range(FILES):
        span = SECONDS * 1_000 // FILES
        times = 1_700_000_000_000 + np.sort(chance.integers(number * span, (number + 1) * span, FILE))
        columns: dict[str, pa.Array] = {f"x{index}": pa.array(chance.normal(size=FILE)) for index in range(NUMBERS)}
        towns = np.array(["Ulm", "Bonn", "Trier", "Köln", "Mainz"])
        columns |= {f"c{index}": pa.array(chance.choice(towns, FILE)) for index in range(TEXTS)}
        columns["at"] = pa.array(times, pa.timestamp("ms", tz="UTC"))
        pq.write_table(pa.table(columns), folder / f"{number}.parquet")


def run(job: str, folder: Path, executors: int, rows: int) -> tuple[int, float]:
    """Run a job, and return its rows and its CPU seconds."""
    script = Path(__file__).with_name("engines_spark.py")
    repeats = max(1, rows // (FILE * FILES))
    command = [sys.executable, str(script), job, str(folder), str(executors), str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{job} failed: {done.stderr[-2_000:]}")
    measured = json.loads(done.stdout.strip().splitlines()[-1])
    return int(measured["rows"]), float(measured["cpu"])


def show(name: str, rows: int, cpu: float, start: float) -> float:
    """Print a line, and return the CPU seconds of a row, those of the start apart."""
    alone = max(cpu - start, 1e-9) / rows
    print(f"{name:<50}{rows:>12,}{cpu:>10.1f}{rows / cpu:>14,.0f}{1 / alone:>16,.0f}", flush=True)
    return alone


def main() -> None:
    rows = int(sys.argv[1].replace("_", "")) if len(sys.argv) > 1 else 60_000_000
    print(f"{'':<50}{'rows':>12}{'CPU s':>10}{'rows a CPU s':>14}{'without start':>16}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder)
        starts = {executors: run("nothing", folder, executors, 0)[1] for executors in (1, 2)}
        one = show("Spark, files read by Arrow, 1 executor", *run("parquet", folder, 1, rows), starts[1])
        two = show("Spark, files read by Arrow, 2 executors", *run("parquet", folder, 2, rows), starts[2])
        show("Spark, a DataFrame, 1 executor", *run("frame", folder, 1, rows // 4), starts[1])
        naive = show("Spark, ks_2samp in pandas, 1 executor", *run("udf", folder, 1, rows), starts[1])
    print(f"to start takes {starts[1]:.1f} CPU s with one executor, {starts[2]:.1f} with two; without it:")
    print(f"files read by Arrow cost {naive / one:.0f} times less than ks_2samp in pandas")
    print(f"two executors cost {two / one:.2f} times as much for a row as one")


if __name__ == "__main__":
    main()
