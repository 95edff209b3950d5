"""One job on Spark, in a process of its own; prints rows, CPU seconds of its whole process tree, and seconds.

    python bench/engines_spark.py JOB FOLDER EXECUTORS REPEATS

JOB is `nothing` (a session, and Python on each executor), `parquet` (Arrow reads on the executors), `frame` (Spark
reads), or `udf`: the pandas UDF that runs ks_2samp for each feature of each window, on a tenth of a file. Each executor
is a process with one core. The files of FOLDER are read REPEATS times over.
The CPU is that of the driver, the JVMs and the Python workers, from their start to the end of the job.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PANE = 10_000


def cpu_of_tree() -> float:
    """Return the CPU seconds of this process and all below it, those included that ended there."""
    of_parent: dict[int, list[tuple[int, int]]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            of_parent.setdefault(int(fields[1]), []).append((int(entry.name), sum(map(int, fields[11:15]))))
    own = os.times()
    ticks, waiting = 0, [os.getpid()]
    while waiting:
        for process, spent in of_parent.get(waiting.pop(), []):
            ticks += spent
            waiting.append(process)
    return sum(own[:4]) + ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    job, folder, executors, repeats = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    os.environ |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    from pyspark.sql import SparkSession

    begun = time.monotonic()
    builder = SparkSession.builder.master(f"local-cluster[{executors},1,1500]")
    for name, value in {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.executor.memory": "1500m",
        "spark.executorEnv.PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "spark.local.dir": tempfile.mkdtemp(),
    }.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    rows = JOBS[job](spark, folder, repeats)
    print(json.dumps({"rows": rows, "cpu": cpu_of_tree(), "seconds": time.monotonic() - begun}))
    spark.stop()


def profile_of(folder: str) -> Any:
    import pyarrow.parquet as pq

    from driftmeter import Profile

    first = sorted(Path(folder).glob("*.parquet"))[0]
    reference = next(pq.ParquetFile(first).iter_batches(20_000))
    import pyarrow as pa

    return Profile.fit(pa.Table.from_batches([reference]).drop(["at"]), model="m", independent=True, residuals=False)


def count_parquet(spark: Any, folder: str, repeats: int) -> int:
    """Count with parquet_panes; a folder of links stands for the repeats."""
    from driftmeter.integrations.spark import parquet_panes

    with tempfile.TemporaryDirectory() as links:
        for number in range(repeats):
            for file in Path(folder).glob("*.parquet"):
                Path(links, f"{number}-{file.name}").symlink_to(file)
        return rows_in(parquet_panes(spark, links, profile_of(folder), time="at", pane=PANE))


def count_frame(spark: Any, folder: str, repeats: int) -> int:
    """Count with panes, of a DataFrame."""
    from driftmeter.integrations.spark import panes

    frame = spark.read.parquet(*[folder] * repeats)
    return rows_in(panes(frame, profile_of(folder), time="at", pane=PANE))


def start_only(spark: Any, folder: str, repeats: int) -> int:
    """Let each executor start a Python that has what the counting imports."""

    def load(batches: Any) -> Any:
        import driftmeter.integrations.batches
        import driftmeter.integrations.blocks  # noqa: F401

        yield from batches

    return int(spark.range(0, 8, 1, 8).mapInArrow(load, "id bigint").count())


def rows_in(counted: Any) -> int:
    return sum(row["rows"] for row in counted.summaries().collect() if row["start"] is not None)


def test_in_pandas(spark: Any, folder: str, repeats: int) -> int:
    """Do what one would write first: each window to pandas, and a two-sample test of each feature."""
    import pandas as pd
    import pyarrow.parquet as pq
    from pyspark.sql import functions as sql

    first = sorted(Path(folder).glob("*.parquet"))[0]
    reference = next(pq.ParquetFile(first).iter_batches(20_000)).to_pandas()
    numbers = [name for name in reference.columns if name.startswith("x")]
    known = {name: reference[name].to_numpy() for name in numbers}

    def test(window: pd.DataFrame) -> pd.DataFrame:
        from scipy.stats import ks_2samp

        scores = [(name, float(ks_2samp(known[name], window[name].to_numpy()).statistic)) for name in numbers]
        return pd.DataFrame(scores, columns=["feature", "statistic"]).assign(rows=len(window))

    frame = spark.read.parquet(str(first))
    begun = frame.agg(sql.min("at")).first()[0]
    frame = frame.where(sql.col("at") < sql.lit(begun) + sql.expr("INTERVAL 100 SECONDS"))
    windows = frame.groupBy(sql.window("at", f"{PANE // 1000} seconds"))
    tested = windows.applyInPandas(test, "feature string, statistic double, rows bigint").collect()
    return sum(row["rows"] for row in tested) // len(numbers)


JOBS = {"nothing": start_only, "parquet": count_parquet, "frame": count_frame, "udf": test_in_pandas}

if __name__ == "__main__":
    main()
