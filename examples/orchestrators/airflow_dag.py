"""Airflow: yesterday's rows are checked each night; the run fails where they drift.

`driftmeter check` exits with 1 for drift and with 2 for an error, and Airflow fails the task for both: the log says
which, and has the table of the features.
"""

from __future__ import annotations

import os

from airflow.sdk import CronDataIntervalTimetable, dag, task

DATA = os.environ.get("DATA", "/data/credit")
"""Has a file `day=2026-11-29.parquet` for each day, and the profile."""


@dag(schedule=CronDataIntervalTimetable("0 1 * * *", "UTC"), catchup=False, tags=["driftmeter"])
def credit_drift() -> None:
    """Check the day that is over, then go on with what needs rows like those of the reference."""

    @task.bash
    def check() -> str:
        return f"driftmeter check {DATA}/profile.json {DATA}/day={{{{ data_interval_start | ds }}}}.parquet"

    @task
    def use_the_day() -> None:
        """Score, train, publish: what shall not happen with other rows."""

    check() >> use_the_day()  # type: ignore[operator]


nightly = credit_drift()
