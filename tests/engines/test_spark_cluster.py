"""A standalone cluster of Spark, on which workers die and tasks run twice: the verdicts of the SDK, byte for byte."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftmeter import Profile
from driftmeter.demo.data import TIME
from driftmeter.panes.timing import Timing
from tests.support.flights import ROWS, START, flights
from tests.support.histories import History, end_source, history_by_sdk, history_of, register, source_of
from tests.support.spark_cluster import SparkCluster, spark_cluster, spark_session, why_no_spark
from tests.support.waiting import eventually

pytestmark = [pytest.mark.timeout(900), pytest.mark.skipif(why_no_spark() is not None, reason=why_no_spark() or "")]

FILES, SECONDS, DISORDER = 16, 600, 20_000
TIMING = Timing(pane=10_000, lateness=3_600_000)
LATENESS = 60_000
END = START + SECONDS * 1_000


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    with spark_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def spark(cluster: SparkCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = {"spark__speculation": "true", "spark__speculation__quantile": "0.1", "spark__task__maxFailures": "8"}
    with spark_session(cluster.url, tmp_path_factory.mktemp("spark"), **options) as session:
        yield session


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return flights(ROWS, seconds=SECONDS, disorder=DISORDER)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, rows: pa.Table) -> Path:
    folder = tmp_path_factory.mktemp("flights")
    for number in range(FILES):
        part = slice(number * ROWS // FILES, (number + 1) * ROWS // FILES)
        pq.write_table(rows.slice(part.start, part.stop - part.start), folder / f"{number:02}.parquet")
        time.sleep(1.1)  # Spark's source of files goes by the time of their last change, in seconds
    return folder


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, profile: Profile, rows: pa.Table) -> History:
    history = history_by_sdk(tmp_path_factory.mktemp("sdk") / "s.sqlite", profile, TIMING, rows, TIME)
    assert len(history) == SECONDS // 10
    assert b'"drifting":true' in history[-1][1]
    return history


class Straggle:
    """Lets the first attempt at one task take long, and notes the second one, which is a speculative copy."""

    def __init__(self, notes: Path) -> None:
        self.notes = str(notes)

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        context = TaskContext.get()
        assert context is not None
        yield from batches
        if context.partitionId() == 0:
            Path(self.notes, f"attempt-{context.attemptNumber()}").touch()
            if context.attemptNumber() == 0:
                time.sleep(60)


def test_a_speculative_copy_of_a_task_changes_nothing(
    spark: Any, profile: Profile, files: Path, expected: History, tmp_path: Path
) -> None:
    from driftmeter.integrations.spark import panes

    url = register(tmp_path / "s.sqlite", profile, TIMING)
    frame = spark.read.parquet(str(files)).repartition(6)
    slow = frame.mapInArrow(Straggle(tmp_path), frame.schema)
    assert panes(slow, profile, time=TIME).to_store(url, source="batch").rows == ROWS
    assert {path.name for path in tmp_path.glob("attempt-*")} >= {"attempt-0", "attempt-1"}
    assert history_of(tmp_path / "s.sqlite", profile) == expected


def test_files_that_arrow_reads_on_two_workers(
    spark: Any, profile: Profile, files: Path, expected: History, tmp_path: Path
) -> None:
    from driftmeter.integrations.spark import parquet_panes

    url = register(tmp_path / "s.sqlite", profile, TIMING)
    assert parquet_panes(spark, str(files), profile, time=TIME).to_store(url, source="files").rows == ROWS
    assert history_of(tmp_path / "s.sqlite", profile) == expected


def test_a_worker_that_dies_in_mid_stream_and_is_replaced_changes_nothing(
    cluster: SparkCluster, spark: Any, profile: Profile, files: Path, expected: History, tmp_path: Path
) -> None:
    from driftmeter.integrations.spark import panes

    url = register(tmp_path / "s.sqlite", profile, TIMING)
    source = spark.readStream.schema(spark.read.parquet(str(files)).schema).option("maxFilesPerTrigger", 2)
    stream = panes(source.parquet(str(files)).repartition(2), profile, time=TIME, lateness=LATENESS)
    query = stream.to_store(url, source="stream", checkpoint=str(tmp_path / "check"), trigger={"availableNow": True})
    eventually(lambda: len([*(tmp_path / "check" / "commits").glob("[0-9]*")]) >= 2, "two batches", seconds=240.0)

    def replace_worker() -> None:
        cluster.kill_worker(1)
        cluster.add_worker("127.0.0.2")

    killer = threading.Thread(target=replace_worker)
    killer.start()
    query.awaitTermination()
    killer.join()
    assert query.exception() is None
    assert len(cluster.alive()) == 2
    taken = source_of(tmp_path / "s.sqlite", profile)
    assert (taken.added, taken.late, taken.missing, taken.totals.observed) == (ROWS, 0, 0, ROWS)
    end_source(tmp_path / "s.sqlite", profile, END)
    assert history_of(tmp_path / "s.sqlite", profile) == expected
