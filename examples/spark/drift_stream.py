"""A Spark job that sends the panes of a Kafka topic to a metric server; the other files here submit it.

    spark-submit drift_stream.py --server http://driftmeter:8001 --model credit --brokers kafka:9092 \
        --topic credit.rows --schema "age INT, city STRING, at TIMESTAMP" --time at --checkpoint s3a://jobs/credit
"""

from __future__ import annotations

import argparse

from pyspark.sql import SparkSession
from pyspark.sql import functions as sql

from driftmeter.integrations.sinks import open_sink
from driftmeter.integrations.spark import panes

parser = argparse.ArgumentParser()
for name in ("server", "model", "brokers", "topic", "schema", "time", "checkpoint"):
    parser.add_argument(f"--{name}", required=True)
options = parser.parse_args()

sink = open_sink(options.server, options.model)
model = sink.model()
sink.close()

spark = SparkSession.builder.appName(f"drift of {options.model}").getOrCreate()
records = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", options.brokers)
    .option("subscribe", options.topic)
    .option("startingOffsets", "earliest")
    .load()
)
rows = records.select(sql.from_json(sql.col("value").cast("string"), options.schema).alias("row")).select("row.*")
counted = panes(rows, model.profile, time=options.time, pane=model.timing.pane, lateness=model.timing.lateness)
query = counted.to_server(
    options.server, source=options.topic, checkpoint=options.checkpoint, trigger={"processingTime": "10 seconds"}
)
query.awaitTermination()
