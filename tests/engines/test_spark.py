"""Panes that Spark counts, in one process: the verdicts of the SDK, byte for byte, and what is late, to the row."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftmeter import Profile
from driftmeter.demo.data import TIME, reference
from driftmeter.engine.engine import Engine
from driftmeter.errors import InputError
from driftmeter.panes.timing import Timing
from driftmeter.store.sqlite.store import SQLiteStore
from tests.support.flights import START, flights
from tests.support.histories import History, end_source, history_by_sdk, history_of, register, source_of
from tests.support.metric_server import metric_server
from tests.support.spark_cluster import environment, spark_session, why_no_spark

pytestmark = [pytest.mark.timeout(600), pytest.mark.skipif(why_no_spark() is not None, reason=why_no_spark() or "")]

ROWS, SECONDS, DISORDER = 12_000, 240, 20_000
TIMING = Timing(pane=10_000, lateness=3_600_000)
LATENESS = 30_000
NOW = {"availableNow": True}
END = START + SECONDS * 1_000


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with spark_session("local[2]", tmp_path_factory.mktemp("spark")) as session:
        yield session


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return flights(ROWS, seconds=SECONDS, disorder=DISORDER)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, rows: pa.Table) -> Path:
    """Return a folder with the rows in six files, in the order of their arrival."""
    folder = tmp_path_factory.mktemp("flights")
    for number in range(6):
        pq.write_table(rows.slice(number * ROWS // 6, ROWS // 6), folder / f"{number}.parquet")
        time.sleep(1.1)  # Spark's source of files goes by the time of their last change, in seconds
    return folder


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, profile: Profile, rows: pa.Table) -> History:
    history = history_by_sdk(tmp_path_factory.mktemp("sdk") / "s.sqlite", profile, TIMING, rows, TIME)
    assert len(history) == SECONDS // 10
    assert b'"drifting":true' in history[-1][1]
    return history


def test_a_batch_gives_the_verdicts_of_the_sdk_and_the_same_again_changes_nothing(
    spark: Any, profile: Profile, files: Path, expected: History, tmp_path: Path
) -> None:
    from driftmeter.integrations.spark import panes

    url = register(tmp_path / "s.sqlite", profile, TIMING)
    batch = panes(spark.read.parquet(str(files)), profile, time=TIME)
    sent = [batch.to_store(url, source="batch") for _ in range(2)]
    assert [(one.panes, one.rows, one.late) for one in sent] == [(24, ROWS, 0), (24, ROWS, 0)]
    assert history_of(tmp_path / "s.sqlite", profile) == expected
    source = source_of(tmp_path / "s.sqlite", profile)
    assert (source.source, source.added, source.missing, source.final) == ("batch", ROWS, 0, True)


def test_files_that_arrow_reads_give_the_verdicts_of_the_sdk(
    spark: Any, profile: Profile, files: Path, expected: History, tmp_path: Path
) -> None:
    from driftmeter.integrations.spark import parquet_panes

    url = register(tmp_path / "s.sqlite", profile, TIMING)
    sent = parquet_panes(spark, str(files), profile, time=TIME).to_store(url, source="files")
    assert (sent.rows, sent.totals.observed) == (ROWS, ROWS)
    assert history_of(tmp_path / "s.sqlite", profile) == expected


def test_a_metric_server_takes_the_panes_of_a_batch(
    spark: Any, profile: Profile, files: Path, expected: History, tmp_path: Path
) -> None:
    from driftmeter.integrations.spark import panes

    path = tmp_path / "s.sqlite"
    register(path, profile, TIMING)
    engine = Engine(SQLiteStore(path), timing=TIMING)
    with metric_server(engine) as url:
        batch = panes(spark.read.parquet(str(files)), profile, time=TIME)
        assert batch.to_server(url, source="batch").rows == ROWS
    engine.store.close()
    assert history_of(path, profile) == expected


def stream_of(spark: Any, folder: Path, files: Path) -> Any:
    schema = spark.read.parquet(str(files)).schema
    return spark.readStream.schema(schema).option("maxFilesPerTrigger", 1).parquet(str(folder))


def test_a_stream_that_is_stopped_and_begins_its_last_batch_again_gives_the_same(
    spark: Any, profile: Profile, files: Path, expected: History, tmp_path: Path
) -> None:
    from driftmeter.integrations.spark import panes

    url, folder, checkpoint = register(tmp_path / "s.sqlite", profile, TIMING), tmp_path / "in", tmp_path / "check"
    folder.mkdir()
    for part in (range(4), range(6)):
        for number in part:
            if not (folder / f"{number}.parquet").exists():
                shutil.copy2(files / f"{number}.parquet", folder)
        stream = panes(stream_of(spark, folder, files), profile, time=TIME, lateness=LATENESS)
        options: dict[str, Any] = {"source": "stream", "checkpoint": str(checkpoint)} | {"trigger": NOW}
        query = stream.to_store(url, **options)
        query.awaitTermination()
        assert query.exception() is None
        # the batch was sent, and Spark died before it had taken note
        last = max((checkpoint / "commits").glob("[0-9]*"), key=lambda path: int(path.name))
        for noted in (last, last.with_name(f".{last.name}.crc")):
            noted.unlink(missing_ok=True)
    again = panes(stream_of(spark, folder, files), profile, time=TIME, lateness=LATENESS).to_store(url, **options)
    again.awaitTermination()
    source = source_of(tmp_path / "s.sqlite", profile)
    assert source.source == f"stream-{again.id}"
    assert (source.added, source.late, source.missing, source.totals.observed) == (ROWS, 0, 0, ROWS)
    assert 20 <= len(history_of(tmp_path / "s.sqlite", profile)) < len(expected)  # the last panes are open yet
    end_source(tmp_path / "s.sqlite", profile, END)
    assert history_of(tmp_path / "s.sqlite", profile) == expected


def test_a_stream_that_goes_on_with_another_profile_begins_its_panes_anew(
    spark: Any, profile: Profile, files: Path, tmp_path: Path
) -> None:
    from driftmeter.integrations.spark import panes

    path, folder = tmp_path / "s.sqlite", tmp_path / "in"
    url = register(path, profile, TIMING)
    other = Profile.fit(reference(), model="flights", exclude=(TIME,), independent=True, bins=16)
    folder.mkdir()
    for number, counted_by in enumerate((profile, other)):
        shutil.copy2(files / f"{number}.parquet", folder)
        if number:
            register(path, other, TIMING)
        stream = panes(stream_of(spark, folder, files), counted_by, time=TIME, lateness=LATENESS)
        stream.to_store(url, source="s", checkpoint=str(tmp_path / "check"), trigger=NOW).awaitTermination()
    end_source(path, other, END)
    history_of(path, other)
    with closing(SQLiteStore(path)) as store:
        rows = {
            counted_by.digest: sum(rows for *_, rows in store.slice_rows("flights", counted_by.digest, 0, 1 << 50))
            for counted_by in (profile, other)
        }
    assert rows == {profile.digest: ROWS // 6, other.digest: ROWS // 6}


def test_rows_beyond_the_lateness_are_late_or_missing_to_the_row(
    spark: Any, profile: Profile, rows: pa.Table, files: Path, tmp_path: Path
) -> None:
    from driftmeter.integrations.spark import panes

    url, folder = register(tmp_path / "s.sqlite", profile, Timing(10_000, LATENESS)), tmp_path / "in"
    folder.mkdir()
    ordered = rows.sort_by(TIME)
    age = (END - ordered[TIME].cast(pa.int64()).to_numpy()) // 1_000  # in seconds, at the end
    # the store has closed the panes by LATENESS, and Spark forgotten those that are 60 s older
    groups = {"missing": age > 200, "late": (age > 60) & (age <= 80), "in time": (age > 0) & (age <= 20)}
    held_back = np.any([*groups.values()], axis=0)
    stragglers = {name: ordered.filter(pa.array(chosen)) for name, chosen in groups.items()}
    first = ordered.filter(pa.array(~held_back))
    for number, table in enumerate([first, pa.concat_tables(stragglers.values())]):
        pq.write_table(table, folder / f"{number}.parquet")
        stream = panes(stream_of(spark, folder, files), profile, time=TIME, lateness=LATENESS, keep=60_000)
        stream.to_store(url, source="stream", checkpoint=str(tmp_path / "check"), trigger=NOW).awaitTermination()
        history_of(tmp_path / "s.sqlite", profile)  # a metric server closes the panes
    source = source_of(tmp_path / "s.sqlite", profile)
    assert source.totals.counted == source.totals.observed == ROWS
    assert (source.late, source.missing) == (len(stragglers["late"]), len(stragglers["missing"]))
    assert min(len(table) for table in stragglers.values()) > 100


def test_spark_connect_gives_the_same(files: Path, profile: Profile, expected: History, tmp_path: Path) -> None:
    batch, stream = (register(tmp_path / f"{name}.sqlite", profile, TIMING) for name in ("batch", "stream"))
    profile.dump(tmp_path / "profile.json")
    code = f"""
from pyspark.sql import SparkSession
from driftmeter import Profile
from driftmeter.integrations.spark import panes
builder = SparkSession.builder.remote("local[2]").config("spark.sql.shuffle.partitions", "2")
spark = builder.config("spark.ui.enabled", "false").getOrCreate()
profile = Profile.load({str(tmp_path / "profile.json")!r})
frame = spark.read.parquet({str(files)!r})
assert type(frame).__module__.startswith("pyspark.sql.connect")
print(panes(frame, profile, time={TIME!r}).to_store({batch!r}, source="batch").rows)
rows = spark.readStream.schema(frame.schema).option("maxFilesPerTrigger", 2).parquet({str(files)!r})
options = dict(source="stream", checkpoint={str(tmp_path / "check")!r}, trigger=dict(availableNow=True))
query = panes(rows, profile, time={TIME!r}, lateness={LATENESS}).to_store({stream!r}, **options)
query.awaitTermination()
print(query.id)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment(), timeout=300
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    counted, query = done.stdout.split()
    assert int(counted) == ROWS
    assert history_of(tmp_path / "batch.sqlite", profile) == expected
    assert source_of(tmp_path / "stream.sqlite", profile).source == f"stream-{query}"
    end_source(tmp_path / "stream.sqlite", profile, END)
    assert history_of(tmp_path / "stream.sqlite", profile) == expected


def test_nanoseconds_and_numbers_of_16_bits_are_read_by_arrow(spark: Any, tmp_path: Path) -> None:
    from driftmeter.integrations.spark import parquet_panes, schema_of

    moments = pa.array([START * 1_000_000 + number for number in range(1_000)], pa.timestamp("ns", tz="UTC"))
    small = np.random.default_rng(0).normal(size=1_000).astype(np.float16)
    some = np.random.default_rng(1).integers(0, 50, 1_000)
    table = pa.table({"x": pa.array(small), "y": some, "at": moments, "text": ["a"] * 1_000})
    pq.write_table(table, tmp_path / "ns.parquet", version="2.6")
    of_both = Profile.fit(table, model="m", time="at", only=["x", "y"], independent=True)
    rows = parquet_panes(spark, str(tmp_path), of_both).summaries().collect()
    assert [(row["start"], row["rows"]) for row in rows if row["start"] is not None] == [(START, 1_000)]
    files = pq.read_schema(tmp_path / "ns.parquet")
    with pytest.raises(InputError, match=r"column 'x': expected a type that Spark reads: .*, got halffloat"):
        schema_of(of_both, files)
    of_one = Profile.fit(table.select(["y"]), model="m", independent=True)
    schema = schema_of(of_one, files, others=["text"])
    assert schema.simpleString() == "struct<y:bigint,text:string>"
    assert spark.read.schema(schema).parquet(str(tmp_path)).count() == 1_000


def test_columns_with_odd_names_and_ntz_times(spark: Any) -> None:
    from driftmeter.integrations.spark import panes

    moment = dt.datetime(2024, 1, 1, 12)
    frame = spark.createDataFrame([(1.0, moment, "x")] * 5, "`a.b` double, `at ``x` timestamp_ntz, other string")
    profile = Profile.fit(pa.table({"a.b": [1.0, 2.0]}), model="m", independent=True)
    first = panes(frame, profile, time="at `x").summaries().collect()
    assert sorted(row["rows"] for row in first) == [5, 5]
    with pytest.raises(InputError, match="time: expected a column 'when', got the columns a"):
        panes(frame, profile, time="when")


def test_a_stream_needs_a_checkpoint_and_has_no_summaries(spark: Any, profile: Profile, files: Path) -> None:
    from driftmeter.integrations.spark import panes

    stream = panes(stream_of(spark, files, files), profile, time=TIME)
    with pytest.raises(InputError, match="checkpoint: expected a folder"):
        stream.to_store("sqlite:///x", source="s")
    with pytest.raises(InputError, match="frame: expected a batch, got a stream"):
        stream.summaries()
    with pytest.raises(InputError, match="url: expected http"):
        stream.to_server("sqlite:///x", source="s", checkpoint="x")
