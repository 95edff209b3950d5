"""The examples for orchestrators, by the real programs: a day like the reference passes, one that drifts does not."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from driftmeter.profile.profile import Profile
from tests.support.scripts import ROOT

EXAMPLES = ROOT / "examples" / "orchestrators"
ALIKE, DRIFTED = "2026-11-28", "2026-11-29"


def needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(module) is None, reason=f"{module} is not installed: make test-doors")


def day(seed: int, shift: float = 0.0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame({"age": rng.normal(40 + shift, 12, 5_000), "city": rng.choice(["Ulm", "Bonn"], 5_000)})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a profile and two days, of which the second drifts."""
    folder = tmp_path_factory.mktemp("credit")
    (folder / "profile.json").write_bytes(Profile.fit(day(0), model="credit").dumps())
    day(1).write_parquet(folder / f"day={ALIKE}.parquet")
    day(2, shift=20).write_parquet(folder / f"day={DRIFTED}.parquet")
    return folder


def run(code: str, data: Path, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, which keeps what it writes in `home`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"DATA": str(data), "HOME": str(home), "PATH": path, "DO_NOT_TRACK": "1", **environment}
    places = {"PYTHONPATH": os.pathsep.join(map(str, [ROOT / "src", EXAMPLES]))}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=home,
        env={**os.environ, **places, **own},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


AIRFLOW = """
import datetime as dt, time
from airflow.sdk.execution_time import supervisor
from airflow_dag import nightly
api = supervisor.in_process_api_server()
api.transport  # starts it
while not hasattr(api.app.state, "svcs_registry"):  # Airflow 3.2 does not wait for it, and then each task fails
    time.sleep(0.05)
supervisor.in_process_api_server = lambda: api
for day in DAYS:
    next_night = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC) + dt.timedelta(days=1, hours=1)
    run = nightly.test(logical_date=next_night)
    print("STATES", day, {one.task_id: str(one.state) for one in run.get_task_instances()})
"""


@needs("airflow")
@pytest.mark.timeout(400)
def test_airflow_fails_the_run_of_a_day_that_drifts(data: Path, tmp_path: Path) -> None:
    # the example is airflow_dag.py
    settings = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES),
        "AIRFLOW__API_AUTH__JWT_SECRET": "of no use but of more than sixty-four characters, since Airflow asks for it",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    migrate = "import sys; from airflow.__main__ import main; sys.argv[1:] = ['db', 'migrate']; main()"
    migrated = run(migrate, data, tmp_path, **settings)
    assert migrated.returncode == 0, migrated.stdout + migrated.stderr
    done = run(AIRFLOW.replace("DAYS", repr([ALIKE, DRIFTED])), data, tmp_path, **settings)
    told = [line for line in done.stdout.splitlines() if line.startswith("STATES")]
    assert told == [
        f"STATES {ALIKE} {{'check': 'success', 'use_the_day': 'success'}}",
        f"STATES {DRIFTED} {{'check': 'failed', 'use_the_day': 'upstream_failed'}}",
    ], done.stdout[-6_000:] + done.stderr[-6_000:]
    assert "exit code 1" in done.stdout + done.stderr


DAGSTER = """
import dagster as dg, dagster_checks as example
for day in DAYS:
    assets = [example.applications, example.scores, example.rows_are_like_the_reference]
    done = dg.materialize(assets, partition_key=day, raise_on_error=False)
    [check] = done.get_asset_check_evaluations()
    made = sorted(event.asset_key.to_user_string() for event in done.get_asset_materialization_events())
    print("STATES", day, check.passed, check.description, made)
assert [job.name for job in example.definitions.resolve_all_job_defs()]
"""


@needs("dagster")
def test_dagster_keeps_what_depends_on_a_day_that_drifts_from_being_made(data: Path, tmp_path: Path) -> None:
    # the example is dagster_checks.py
    done = run(DAGSTER.replace("DAYS", repr([ALIKE, DRIFTED])), data, tmp_path, DAGSTER_DISABLE_TELEMETRY="yes")
    told = [line for line in done.stdout.splitlines() if line.startswith("STATES")]
    assert told == [
        f"STATES {ALIKE} True None ['applications', 'scores']",
        f"STATES {DRIFTED} False age is shifted by about +20.5. ['applications']",
    ], done.stdout[-6_000:] + done.stderr[-6_000:]


PREFECT = """
import datetime as dt
from prefect.testing.utilities import prefect_test_harness
import prefect_flow
with prefect_test_harness(server_startup_timeout=120):
    for day in DAYS:
        state = prefect_flow.credit(dt.date.fromisoformat(day), return_state=True)
        print("STATES", day, state.name, state.message)
"""


@needs("prefect")
@pytest.mark.timeout(300)
def test_prefect_scores_nothing_of_a_day_that_drifts(data: Path, tmp_path: Path) -> None:
    # the example is prefect_flow.py
    settings = {"PREFECT_HOME": str(tmp_path), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    done = run(PREFECT.replace("DAYS", repr([ALIKE, DRIFTED])), data, tmp_path, **settings)
    told = [line for line in done.stdout.splitlines() if line.startswith("STATES")]
    assert told == [
        f"STATES {ALIKE} Completed None",
        f"STATES {DRIFTED} Failed Flow run encountered an exception: ValueError: rows of {DRIFTED} drift: nothing was "
        "scored",
    ], done.stdout[-6_000:] + done.stderr[-6_000:]


def test_every_example_of_an_orchestrator_is_in_the_readme_and_has_a_test() -> None:
    readme, tests = (ROOT / "examples" / "README.md").read_text(), Path(__file__).read_text()
    for path in EXAMPLES.glob("*.py"):
        assert f"(orchestrators/{path.name})" in readme
        assert path.name in tests
