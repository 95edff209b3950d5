"""Spark: the panes of batches and streams, counted on the executors."""

from driftmeter.integrations.spark.panes import SparkPanes, panes

__all__ = ["SparkPanes", "panes"]
