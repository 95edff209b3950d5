"""Spark reads a topic with its own Kafka connector: the verdicts of the SDK, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from driftmeter import Profile
from driftmeter.demo.data import TIME
from driftmeter.panes.timing import Timing
from tests.support.flights import ROWS, START, flights
from tests.support.histories import end_source, history_by_sdk, history_of, register, source_of
from tests.support.kafka_broker import KafkaBroker
from tests.support.kafka_traffic import make_topic, produce
from tests.support.spark_cluster import SparkCluster, connector_jars, spark_cluster, spark_session, why_no_spark

pytestmark = [pytest.mark.timeout(1200), pytest.mark.skipif(why_no_spark() is not None, reason=why_no_spark() or "")]

SECONDS, DISORDER, PARTITIONS = 600, 20_000, 3
TIMING = Timing(pane=10_000, lateness=3_600_000)
LATENESS = 60_000


@pytest.fixture(scope="module")
def topic(broker: KafkaBroker, rows: pa.Table) -> str:
    """Return a topic in which the rows are JSON, spread over three partitions."""
    topic = make_topic(broker, PARTITIONS)
    table = rows.set_column(rows.schema.get_field_index(TIME), TIME, rows[TIME].cast(pa.int64()))
    produce(broker, topic, (json.dumps(row).encode() for row in table.to_pylist()), partitions=PARTITIONS)
    return topic


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    with spark_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def spark(cluster: SparkCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with spark_session(cluster.url, tmp_path_factory.mktemp("spark"), spark__jars=connector_jars()) as session:
        yield session


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return flights(ROWS, seconds=SECONDS, disorder=DISORDER)


def test_a_topic_gives_the_verdicts_of_the_sdk(
    spark: Any, broker: KafkaBroker, topic: str, profile: Profile, rows: pa.Table, tmp_path: Path
) -> None:
    from pyspark.sql import functions as sql

    from driftmeter.integrations.spark import panes

    kinds = {"string": "string", "double": "double", "timestamp[ms, tz=UTC]": "bigint"}
    schema = ", ".join(f"{field.name} {kinds[str(field.type)]}" for field in rows.schema)
    stream = spark.readStream.format("kafka").option("kafka.bootstrap.servers", broker.address)
    stream = stream.option("subscribe", topic).option("startingOffsets", "earliest")
    loaded = stream.option("maxOffsetsPerTrigger", ROWS // 8).load()
    parsed = loaded.select(sql.from_json(sql.col("value").cast("string"), schema).alias("row")).select("row.*")
    moments = parsed.withColumn(TIME, sql.timestamp_millis(TIME))
    url = register(tmp_path / "s.sqlite", profile, TIMING)
    query = panes(moments, profile, time=TIME, lateness=LATENESS).to_store(
        url, source="topic", checkpoint=str(tmp_path / "check"), trigger={"availableNow": True}
    )
    query.awaitTermination()
    assert query.exception() is None
    taken = source_of(tmp_path / "s.sqlite", profile)
    assert (taken.added, taken.late, taken.missing) == (ROWS, 0, 0)
    assert taken.source == f"topic-{query.id}"
    end_source(tmp_path / "s.sqlite", profile, START + SECONDS * 1_000)
    expected = history_by_sdk(tmp_path / "sdk.sqlite", profile, TIMING, rows, TIME)
    assert len(expected) == SECONDS // 10
    assert history_of(tmp_path / "s.sqlite", profile) == expected
