"""What does `driftmeter check` cost: CPU of a small file, CPU and memory of a large one?

    python bench/check_cost.py [--before FOLDER] [--megabytes 650] [--repetitions 5]

Each run is a fresh process. `--before` is the folder of another version's checkout, which takes turns with this one;
both must print the same verdict. Bars: 0.7 s of CPU for a file of 49 rows, 400 MB for a file of any size.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv, feather, parquet

from driftmeter import Profile

ROOT = Path(__file__).parents[1]
PART = 100_000
_CODE = """
import re, sys
from driftmeter.cli import main
sys.argv = ["driftmeter", "check", *sys.argv[1:], "--json"]
try:
    main()
finally:
    print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1], file=sys.stderr)
"""


def rows(number: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            **{f"n{index}": rng.normal(size=number) for index in range(6)},
            "k": rng.integers(0, 50, number),
            "on": rng.random(number) < 0.3,
            "city": rng.choice(["Ulm", "Bonn", "Köln"], number),
            "zip": np.char.zfill(rng.integers(0, 2_000, number).astype(str), 5),
        }
    )


def check(tree: Path, profile: Path, data: Path) -> tuple[float, float, str]:
    """Return seconds of CPU, megabytes at most, and what it printed."""
    before = os.times()
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", _CODE, str(profile), str(data)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, int(done.stderr.splitlines()[-1]) / 1024, done.stdout


def large(folder: Path, megabytes: int) -> list[Path]:
    """Write a CSV file of that size, and its rows as Parquet and as one batch of Arrow."""
    made = folder / "large.csv", folder / "large.parquet"
    seed = 2
    with (
        csv.CSVWriter(made[0], rows(1, 0).schema) as text,
        parquet.ParquetWriter(made[1], rows(1, 0).schema) as columns,
    ):
        while seed < 4 or made[0].stat().st_size < megabytes << 20:
            part = rows(PART, seed)
            text.write(part)
            columns.write_table(part)
            seed += 1
    arrow = folder / "large.arrow"
    feather.write_feather(parquet.read_table(made[1]).combine_chunks(), arrow, "uncompressed", chunksize=10**9)
    return [*made, arrow]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--megabytes", type=int, default=650)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    trees = {"this": ROOT, **({"before": arguments.before} if arguments.before else {})}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        profile = folder / "profile.json"
        Profile.fit(rows(20_000, 1), model="m", independent=True).dump(profile)
        csv.write_csv(rows(49, 9), folder / "small.csv")
        parquet.write_table(rows(49, 9), folder / "small.parquet")
        small = [(path, arguments.repetitions) for path in (folder / "small.csv", folder / "small.parquet")]
        print(f"{'':16} {'version':8} {'CPU':>8} {'memory':>9}")
        for path, repetitions in [*small, *((path, 1) for path in large(folder, arguments.megabytes))]:
            runs = {name: [check(tree, profile, path) for _ in range(repetitions)] for name, tree in trees.items()}
            for name, results in runs.items():
                cpu, memory = min(result[0] for result in results), max(result[1] for result in results)
                print(f"{path.name:16} {name:8} {cpu:6.2f} s {memory:6.0f} MB", flush=True)
            if len({result[2] for results in runs.values() for result in results}) > 1:
                print(f"{path.name}: the versions differ")


if __name__ == "__main__":
    main()
