"""Prefect: yesterday's rows are checked, and the flow takes another branch where they drift.

python prefect_flow.py          # each day at 01:00 UTC
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact

from driftmeter import Profile
from driftmeter.report import Report, compare

DATA = Path(os.environ.get("DATA", "/data/credit"))
"""Has a file `day=2026-11-29.parquet` for each day, and the profile."""


@task
def check(rows: pa.Table, day: dt.date) -> Report:
    """Compare rows with the profile; keep the report beside the run."""
    report = compare(Profile.load(DATA / "profile.json"), rows)
    create_markdown_artifact(report.to_markdown(), key="driftmeter", description=f"{DATA.name}, {day}")
    return report


@task
def score(rows: pa.Table) -> int:
    """Use the rows: a stand-in for a model."""
    return len(rows)


@flow
def credit(day: dt.date | None = None) -> int:
    """Score the rows of a day, yesterday's by default; raise where they are not like those of the reference."""
    day = day or dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    rows = pq.read_table(DATA / f"day={day}.parquet", partitioning=None)
    report = check(rows, day)
    if report.drifting:
        get_run_logger().error("%s", report.to_json()["summary"])
        raise ValueError(f"rows of {day} drift: nothing was scored")
    return score(rows)


if __name__ == "__main__":
    credit.serve("credit", cron="0 1 * * *")
