"""What a row costs through each engine's door: rows per second and core, 30 features, whole process trees.

Question: what do the doors for engines cost beside the job that one would write first, and what does a second executor
add? Every job runs in processes of its own, one after another, and the CPU of all of them is added up, from the start
of the JVM on. So a long run shows what a row costs, a short one what a job costs: see ROWS.

    python bench/engines.py [ROWS]        # 60,000,000 by default; the environment of `make test-engines`

The job that one would write first is measured on fewer rows, since it takes hundreds of times as long.
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
SECONDS = 1_000
"""Of event time in the files: a hundred panes."""
ROWS_OF_UDF = 1_000_000


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


def run(job: str, folder: Path, executors: int, rows: int) -> float:
    """Run a job, print a line of it, and return its rows per CPU second."""
    script = Path(__file__).with_name("engines_spark.py")
    repeats = max(1, rows // (FILE * FILES))
    command = [sys.executable, str(script), job, str(folder), str(executors), str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{job:<34}failed: {done.stderr.strip().splitlines()[-1][:80]}")
        return float("nan")
    measured = json.loads(done.stdout.strip().splitlines()[-1])
    rate = measured["rows"] / measured["cpu"]
    name = f"Spark, {NAMES[job]}, {executors} executor{'s' if executors > 1 else ''}"
    print(f"{name:<50}{measured['rows']:>12,} rows{measured['cpu']:>8.1f} CPU s{rate:>12,.0f} rows a CPU s", flush=True)
    return float(rate)


NAMES = {"parquet": "files read by Arrow", "frame": "a DataFrame", "udf": "ks_2samp in pandas"}


def main() -> None:
    rows = int(sys.argv[1].replace("_", "")) if len(sys.argv) > 1 else 60_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder)
        one = run("parquet", folder, 1, rows)
        two = run("parquet", folder, 2, rows)
        run("frame", folder, 1, rows // 4)
        naive = run("udf", folder, 1, min(rows, ROWS_OF_UDF))
    print(f"files read by Arrow against ks_2samp in pandas: {one / naive:.0f} times as many rows a CPU second")
    print(f"two executors against one: {one / two:.2f} times the CPU of a row")


if __name__ == "__main__":
    main()
