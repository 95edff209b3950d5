"""Dagster: each day's rows are an asset, and its drift is a check of that asset, with the report beside it."""

import os
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from driftmeter import Profile
from driftmeter.report import compare

DATA = Path(os.environ.get("DATA", "/data/credit"))
"""Has a file `day=2026-11-29.parquet` for each day, and the profile."""
DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01")


@dg.asset(partitions_def=DAYS)
def applications(context: dg.AssetExecutionContext) -> pa.Table:
    """Read the rows of one day."""
    return pq.read_table(DATA / f"day={context.partition_key}.parquet", partitioning=None)


@dg.asset_check(asset=applications, blocking=True, partitions_def=DAYS)
def rows_are_like_the_reference(applications: pa.Table) -> dg.AssetCheckResult:
    """Fail, and keep what depends on the rows from being made, where they drift."""
    report = compare(Profile.load(DATA / "profile.json"), applications)
    page = dg.MetadataValue.md(report.to_markdown())
    return dg.AssetCheckResult(
        passed=not report.drifting,
        description=report.to_json()["summary"],
        metadata={"rows": report.rows, "report": page},
    )


@dg.asset(partitions_def=DAYS)
def scores(applications: pa.Table) -> int:
    """Use the rows of the day, which the check has let pass."""
    return len(applications)


definitions = dg.Definitions(
    assets=[applications, scores],
    asset_checks=[rows_are_like_the_reference],
    schedules=[dg.build_schedule_from_partitioned_job(dg.define_asset_job("daily", "*", partitions_def=DAYS))],
)
