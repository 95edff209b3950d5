"""Spark: the panes of batches and streams, counted on the executors."""

from driftmeter.integrations.spark.panes import SparkPanes, panes
from driftmeter.integrations.spark.parquet import parquet_panes, schema_of

__all__ = ["SparkPanes", "panes", "parquet_panes", "schema_of"]
