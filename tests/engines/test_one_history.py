"""The same rows through every engine: SDK, three Kafka consumers, Spark from a topic and from a lake, and a backfill.

Five histories of verdicts, byte-equal. What happens where a part is killed is in the tests of each engine.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftmeter import Profile
from driftmeter.demo.data import TIME
from driftmeter.panes.timing import Timing
from tests.support.flights import ROWS, START, flights
from tests.support.histories import History, end_source, history_by_sdk, history_of, register, source_of
from tests.support.kafka_broker import KafkaBroker
from tests.support.kafka_traffic import KafkaTier, Member, kafka_tier, make_topic, produce
from tests.support.spark_cluster import connector_jars, spark_session, why_no_spark

pytestmark = [pytest.mark.timeout(1200), pytest.mark.skipif(why_no_spark() is not None, reason=why_no_spark() or "")]

SECONDS, DISORDER, PARTITIONS = 900, 20_000, 6
TIMING = Timing(pane=10_000, lateness=3_600_000)
END = START + SECONDS * 1_000


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return flights(ROWS, seconds=SECONDS, disorder=DISORDER)


@pytest.fixture(scope="module")
def by_sdk(tmp_path_factory: pytest.TempPathFactory, profile: Profile, rows: pa.Table) -> History:
    history = history_by_sdk(tmp_path_factory.mktemp("sdk") / "s.sqlite", profile, TIMING, rows, TIME)
    assert len(history) == SECONDS // 10
    assert b'"drifting":true' in history[-1][1]
    return history


@pytest.fixture(scope="module")
def topic(broker: KafkaBroker, rows: pa.Table) -> str:
    """Return a topic with the rows as JSON, their times in seconds, over all partitions in turn."""
    topic = make_topic(broker, PARTITIONS)
    position = rows.schema.get_field_index(TIME)
    seconds = pa.array(rows[TIME].cast(pa.int64()).to_numpy() / 1_000)
    table = rows.set_column(position, TIME, seconds)
    parts = (part.to_pylist() for part in table.to_batches(max_chunksize=10_000))
    produce(broker, topic, (msgspec.json.encode(row) for part in parts for row in part), partitions=PARTITIONS)
    return topic


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, rows: pa.Table) -> Path:
    """Return a folder of Parquet files, in which the rows are in the order of their arrival."""
    folder = tmp_path_factory.mktemp("lake")
    for number in range(8):
        first, end = number * ROWS // 8, (number + 1) * ROWS // 8
        pq.write_table(rows.slice(first, end - first), folder / f"{number}.parquet")
    return folder


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with spark_session("local[2]", tmp_path_factory.mktemp("spark"), spark__jars=connector_jars()) as session:
        yield session


@pytest.fixture
def tier(tmp_path: Path, profile: Profile) -> Iterator[KafkaTier]:
    with kafka_tier(tmp_path, profile, TIMING, END) as tier:
        yield tier


def test_three_consumers(tier: KafkaTier, topic: str, member: Callable[..., Member], by_sdk: History) -> None:
    members = [member(tier, topic, "--group", "one-history", "--time", TIME, "--until-end") for _ in range(3)]
    for one in members:
        one.wait()
    assert (tier.rows(), tier.late()) == (ROWS, 0)
    assert tier.history() == by_sdk


def test_spark_from_the_topic(
    spark: Any, broker: KafkaBroker, topic: str, profile: Profile, rows: pa.Table, by_sdk: History, tmp_path: Path
) -> None:
    from pyspark.sql import functions as sql

    from driftmeter.integrations.spark import panes

    kinds = {"string": "string", "double": "double", "timestamp[ms, tz=UTC]": "double"}
    schema = ", ".join(f"{field.name} {kinds[str(field.type)]}" for field in rows.schema)
    stream = spark.readStream.format("kafka").option("kafka.bootstrap.servers", broker.address)
    stream = stream.option("subscribe", topic).option("startingOffsets", "earliest")
    loaded = stream.option("maxOffsetsPerTrigger", ROWS // 5).load()
    parsed = loaded.select(sql.from_json(sql.col("value").cast("string"), schema).alias("row")).select("row.*")
    moments = parsed.withColumn(TIME, sql.timestamp_millis(sql.round(sql.col(TIME) * 1_000).cast("bigint")))
    url = register(tmp_path / "s.sqlite", profile, TIMING)
    query = panes(moments, profile, time=TIME, lateness=60_000).to_store(
        url, source="topic", checkpoint=str(tmp_path / "check"), trigger={"availableNow": True}
    )
    query.awaitTermination()
    assert query.exception() is None
    taken = source_of(tmp_path / "s.sqlite", profile)
    assert (taken.added, taken.late, taken.missing) == (ROWS, 0, 0)
    end_source(tmp_path / "s.sqlite", profile, END)
    assert history_of(tmp_path / "s.sqlite", profile) == by_sdk


def test_spark_from_the_lake(spark: Any, lake: Path, profile: Profile, by_sdk: History, tmp_path: Path) -> None:
    from driftmeter.integrations.spark import panes

    url = register(tmp_path / "s.sqlite", profile, TIMING)
    sent = panes(spark.read.parquet(str(lake)), profile, time=TIME).to_store(url, source="lake")
    assert (sent.rows, sent.late) == (ROWS, 0)
    assert history_of(tmp_path / "s.sqlite", profile) == by_sdk


def test_a_backfill_without_spark(lake: Path, profile: Profile, by_sdk: History, tmp_path: Path) -> None:
    profile.dump(tmp_path / "profile.json")
    path = tmp_path / "s.sqlite"
    command = [sys.executable, "-m", "driftmeter", "backfill", str(tmp_path / "profile.json"), str(lake)]
    pane = ["--pane", "10s", "--lateness", "1h", "--json"]
    command += ["--time", TIME, "--store", f"sqlite:///{path}", *pane]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    summary = msgspec.json.decode(done.stdout)
    assert (summary["rows"], summary["counted"], summary["dropped"]) == (ROWS, ROWS, {})
    assert history_of(path, profile) == by_sdk
