"""Rows of a DataFrame that came together: what fitting/clusters.py finds in rows at hand, by the JVM."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pyspark.sql import functions as sql

from driftmeter.fitting.clusters import LEAST_ROWS
from driftmeter.integrations.spark.panes import quoted
from driftmeter.profile import bin_names
from driftmeter.profile.profile import Profile

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

Clusters = dict[tuple[int, str], tuple[float, float]]
"""By the index of a feature and the rare bin: the reference's rows in clusters, and the mean size of these."""


def finite(column: Column) -> Column:
    """Return the finite numbers of a column, and null for all else that it holds."""
    number = column.try_cast("double")
    return sql.when(sql.abs(number) < sql.lit(math.inf), number)


def clusters_in(frame: DataFrame, profile: Profile) -> Clusters:
    """Return the clusters of numbers and categories; of derived features none, nor without a column of timestamps."""
    name = profile.time
    if name is None or dict(frame.dtypes).get(name) not in ("timestamp", "date"):
        return {}
    day = sql.floor(sql.unix_seconds(sql.col(quoted(name)).cast("timestamp")) / 86_400)
    clusters: Clusters = {}
    numbers: dict[int, Column] = {}
    for index, feature in enumerate(profile.features):
        column = sql.col(quoted(feature.column))
        if feature.kind == "numeric" and feature.role != "derived":
            numbers[index] = finite(column)
        elif feature.kind != "numeric" and feature.part is None:
            clusters[index, bin_names.UNSEEN] = _of_categories(frame, column, day)
    return clusters | _of_numbers(frame, numbers, day)


def _of_categories(frame: DataFrame, column: Column, day: Column) -> tuple[float, float]:
    """Return the rows of categories that came on one day only, and how many came together."""
    by_category = frame.where(column.isNotNull()).groupBy(column.alias("value"))
    counted = by_category.agg(sql.count("*").alias("rows"), sql.min(day).alias("first"), sql.max(day).alias("last"))
    alone = counted.where(sql.col("first") == sql.col("last"))
    square = sql.col("rows") * sql.col("rows")
    (row,) = alone.agg(sql.sum("rows").alias("total"), sql.sum(square).alias("squares")).collect()
    total = float(row["total"] or 0)
    return total, float(row["squares"]) / total if total else 1.0


def _of_numbers(frame: DataFrame, numbers: dict[int, Column], day: Column) -> Clusters:
    """Return the rows of one day beyond those of all other days, at either end."""
    if not numbers:
        return {}
    extremes = [
        of_day.alias(f"{name}{index}")
        for index, number in numbers.items()
        for name, of_day in (("least", sql.min(number)), ("most", sql.max(number)), ("rows", sql.count(number)))
    ]
    days = frame.where(day.isNotNull()).groupBy(day.alias("day")).agg(*extremes).collect()
    beyond: list[Column] = []
    found: list[tuple[int, str]] = []
    for index, number in numbers.items():
        if sum(row[f"rows{index}"] for row in days) < LEAST_ROWS:
            continue
        for name, key, sign in ((bin_names.BELOW, "least", -1.0), (bin_names.ABOVE, "most", 1.0)):
            ends = sorted(sign * row[f"{key}{index}"] for row in days if row[f"{key}{index}"] is not None)
            record = sign * number > sql.lit(ends[-2]) if len(ends) > 1 else sql.lit(False)
            beyond.append(sql.sum(record.cast("bigint")).alias(f"r{len(found)}"))
            found.append((index, name))
    if not found:
        return {}
    (row,) = frame.agg(*beyond).collect()
    rows = [float(row[f"r{place}"] or 0) for place in range(len(found))]
    return {key: (count, max(1.0, count)) for key, count in zip(found, rows, strict=True)}
