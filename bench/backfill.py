"""How long does a backfill take without Spark, and how much memory, beside a plain scan of the same columns?

    python bench/backfill.py [--rows 2_000_000] [--pane 10s] [--folder FOLDER] [--shuffle]

The rows are those of a year of real flights, repeated until there are so many and in no order, in a folder of Parquet
files, one a day, so that nothing drifts. Each run is a fresh process: the scan decodes the columns of the profile with
pyarrow and does nothing else; the backfill is the command, into a new SQLite store. Peak memory is that of the process
as the kernel saw it. `--folder` keeps the files for another run. With `--shuffle` the rows of a day are not in the
order of their times.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
COLUMNS = (
    *("carrier", "origin", "dest", "manufacturer", "hour", "distance", "temp", "dewp", "humid", "wind_dir"),
    *("wind_speed", "wind_gust", "precip", "pressure", "visib", "seats", "plane_year", "dep_delay", "air_time", "time"),
)
SCAN = """
import sys
from pathlib import Path
from pyarrow import parquet
rows = 0
for file in sorted(Path(sys.argv[1]).rglob("*.parquet")):
    with parquet.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20) as opened:
        for batch in opened.iter_batches(1 << 16, columns=sys.argv[2].split(","), use_threads=True):
            rows += len(batch)
print(rows)
"""


def write(folder: Path, rows: int, *, shuffle: bool) -> int:
    """Write the profile and the rows, unless they are there; return the number of rows."""
    import numpy as np
    import polars as pl

    sys.path.insert(0, str(Path(__file__).parent))
    from driftmeter.timestamps import DAY
    from flights import DAYS, FEATURES, START, TIME, flights, side_by_side

    year = side_by_side(flights(), np.arange(DAYS)).select(*FEATURES, TIME, "place")
    copies = -(-rows // len(year))
    if (folder / "done").exists():
        return copies * len(year)
    from driftmeter.profile.profile import Profile

    at = pl.col(TIME).cast(pl.Datetime("ms")).dt.replace_time_zone("UTC")
    reference = year.drop("place", TIME)
    Profile.fit(reference, model="flights", independent=True).dump(folder / "profile.json")
    days = {int(day["place"][0]): day.drop("place", TIME) for day in year.partition_by("place", maintain_order=True)}
    for number in range(DAYS):
        chance = np.random.default_rng(number)
        # the days whose flights this day has are spread evenly over the year
        mixed = pl.concat([days[(number + copy * DAYS // copies) % DAYS] for copy in range(copies)])
        mixed = mixed.sample(fraction=1.0, shuffle=True, seed=number)
        times = START + number * DAY + chance.integers(0, DAY, len(mixed))
        file = folder / "rows" / f"day={number:03}" / "part-0.parquet"
        file.parent.mkdir(parents=True)
        timed = mixed.with_columns(pl.Series(TIME, times if shuffle else np.sort(times)))
        timed.with_columns(at).write_parquet(file, row_group_size=1 << 17)
    (folder / "done").touch()
    return copies * len(year)


def run(*command: str) -> tuple[dict[str, float], str]:
    """Return seconds, seconds of CPU and peak memory in MB of a process, and what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[:3]} failed")
    seconds = time.perf_counter() - begun
    return {"s": seconds, "cpu": usage.ru_utime + usage.ru_stime, "mb": usage.ru_maxrss / 1024}, printed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--pane", default="10s")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--shuffle", action="store_true")
    parser.add_argument("--write", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        print(write(arguments.folder, arguments.rows, shuffle=arguments.shuffle))
        return
    shuffled = ["--shuffle"] if arguments.shuffle else []
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        # in a process of its own: a process begins with the peak memory of its parent
        _, printed = run(__file__, "--write", "--rows", str(arguments.rows), "--folder", str(folder), *shuffled)
        rows = int(printed)
        size = sum(file.stat().st_size for file in folder.rglob("*.parquet")) / 1e6
        print(f"{rows:,} rows, {size:,.0f} MB of Parquet, {len(COLUMNS)} columns", flush=True)
        scan, printed = run("-c", SCAN, str(folder / "rows"), ",".join(COLUMNS))
        assert int(printed) == rows
        with tempfile.TemporaryDirectory(dir=folder) as place:
            store = f"sqlite:///{place}/store.sqlite"
            command = ["-m", "driftmeter", "backfill", str(folder / "profile.json"), str(folder / "rows")]
            filled, printed = run(*command, "--time", "time", "--store", store, "--pane", arguments.pane, "--json")
            stored = Path(place, "store.sqlite").stat().st_size / 1e6
        made = json.loads(printed)
        assert made["counted"] == rows, made
        print(f"{'':10} {'s':>8} {'CPU s':>8} {'rows/s':>12} {'MB':>7}")
        for name, used in (("scan", scan), ("backfill", filled)):
            print(f"{name:10} {used['s']:8.1f} {used['cpu']:8.1f} {rows / used['s']:12,.0f} {used['mb']:7.0f}")
        print(
            f"backfill over scan: {filled['cpu'] / scan['cpu']:.1f} of CPU; "
            f"{made['panes']:,} panes of {arguments.pane}; "
            f"counted in {made['seconds']['count']:.1f} s, folded in {made['seconds']['fold']:.1f} s; "
            f"{len(made['incidents'])} incidents, a store of {stored:.1f} MB"
        )


if __name__ == "__main__":
    main()
