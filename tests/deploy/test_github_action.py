"""The action for GitHub: its script runs here as a step does, with the environment that its inputs become."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from driftmeter.profile.profile import Profile

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEP: dict[str, Any] = ACTION["runs"]["steps"][-1]


@pytest.fixture
def run(tmp_path: Path) -> Any:
    reference = pl.DataFrame({"age": [float(age) for age in range(20, 70)] * 20})
    (tmp_path / "profile.json").write_bytes(Profile.fit(reference, model="credit").dumps())
    reference.write_csv(tmp_path / "same.csv")
    reference.select(pl.col("age") + 20).write_csv(tmp_path / "older; $(exit).csv")

    def step(**inputs: str) -> tuple[int, str, str]:
        """Run the step as GitHub does; return its exit code, outputs and summary."""
        given = {name: str(of.get("default", "")) for name, of in ACTION["inputs"].items()} | inputs
        env = {
            name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: given[found[1]], value)
            for name, value in STEP["env"].items()
        }
        outputs, summary = tmp_path / "outputs", tmp_path / "summary"
        files = {"GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        script = ["bash", "-eo", "pipefail", "-c", STEP["run"]]
        done = subprocess.run(
            script,
            cwd=tmp_path,
            env={**os.environ, **env, **files, "PATH": path, "GITHUB_ACTION_PATH": str(ROOT)},
            check=False,
            capture_output=True,
        )
        told = [file.read_text() if file.exists() else "" for file in (outputs, summary)]
        return done.returncode, told[0], told[1]

    return step


def test_a_file_like_the_reference_passes(run: Any, tmp_path: Path) -> None:
    code, outputs, summary = run(profile="profile.json", data="same.csv")
    assert (code, outputs) == (0, "drifting=false\n")
    assert "credit" in summary
    assert (tmp_path / "drift.html").exists()
    assert (tmp_path / "drift.xml").exists()


def test_drift_fails_the_job_and_says_where(run: Any) -> None:
    code, outputs, summary = run(profile="profile.json", data="older; $(exit).csv")
    assert (code, outputs) == (1, "drifting=true\n")
    assert "age" in summary


def test_further_options_are_given_on(run: Any) -> None:
    assert run(profile="profile.json", data="same.csv", options="--min-rows\n2000\n")[0] == 0
    assert run(profile="profile.json", data="same.csv", options="--no-such-option")[0] == 2


def test_inputs_are_never_part_of_a_script() -> None:
    assert all("${{" not in step["run"] for step in ACTION["runs"]["steps"])
    assert all(step["shell"] == "bash" for step in ACTION["runs"]["steps"])
    used = {name for value in STEP["env"].values() for name in re.findall(r"inputs\.([\w-]+)", value)}
    assert used == set(ACTION["inputs"])
