"""Spark: profiles of DataFrames, and the panes of batches and streams, counted on the executors."""

from driftmeter.integrations.spark.fit import quantile_error
from driftmeter.integrations.spark.panes import SparkPanes, panes
from driftmeter.integrations.spark.parquet import parquet_panes, schema_of

__all__ = ["SparkPanes", "panes", "parquet_panes", "quantile_error", "schema_of"]
