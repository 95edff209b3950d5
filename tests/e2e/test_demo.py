"""The demo from the command line, with and without drift, and from the wheel alone."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from driftmeter.demo.gateway import find_nginx
from driftmeter.demo.quiet import unrest
from driftmeter.demo.traffic import INJECTED
from driftmeter.timestamps import parse_time
from tests.e2e.system import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def start(*options: str, python: str = sys.executable, cwd: Path | None = None) -> subprocess.Popen[str]:
    command = [python, "-m", "driftmeter", "demo", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd)


def verdict_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return the one JSON object that stdout must hold; where there is nginx, it must have been in front."""
    output, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert ("nginx on :" in errors) == (find_nginx() is not None), errors
    assert re.search(r"page +http://127\.0\.0\.1:\d+/ui/flights ", errors), errors
    verdict: dict[str, Any] = json.loads(output)
    return verdict


def drifting(verdict: dict[str, Any], role: str) -> dict[str, str]:
    return {
        feature["feature"]: feature["severity"]
        for feature in verdict["features"]
        if feature["drifting"] and feature["role"] == role
    }


def after_injection(verdict: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Return from when and by when each feature was flagged, in seconds from the injection on.

    The window holds the whole run, so that it starts with the pane in which the traffic did: the injection is
    20 to 22 s later, and 20 s is what is taken here.
    """
    injected = parse_time(verdict["window"]["start"]) + 20_000
    return {
        each["feature"]: ((parse_time(each["since"]) - injected) / 1000, (parse_time(each["joined"]) - injected) / 1000)
        for each in verdict["incident"]["features"]
    }


def test_nothing_drifts_without_drift_and_exactly_what_was_injected_with_it() -> None:
    quiet, drifted = (
        start("--drift", "false", "--for", "60", "--json"),
        start("--drift", "true", "--for", "50", "--json"),
    )
    without, injected = verdict_of(quiet), verdict_of(drifted)
    assert without["rows"] >= 60 * 100 * 0.8
    assert unrest(without) == []  # at no time, not only at the end
    assert without["features_drifting"] == 0
    assert without["state"] == "ok"
    severities = drifting(injected, "feature")
    assert set(severities) == set(INJECTED)
    assert "none" not in severities.values()
    # what else drifts explains: what the others leave of a feature, and what the model makes of them all
    assert all(name.endswith(" given the rest") for name in drifting(injected, "derived"))
    assert injected["incidents_open"] == 1
    moments = after_injection(injected)
    assert set(INJECTED) <= set(moments)
    assert min(since for since, _ in moments.values()) >= -2  # an estimate: a pane of 2 s early or late
    assert max(by for name, (_, by) in moments.items() if name in INJECTED) <= 30


def test_ctrl_c_ends_it_and_leaves_no_process_behind() -> None:
    process = start()
    assert process.stdout is not None
    shown = ""
    while "metrics" not in shown:  # the box that says where to look
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        shown += line
    time.sleep(2.0)
    children = children_of(process.pid)
    assert len(children) >= 2
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)  # a second Ctrl-C while it is ending
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert errors == ""
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def children_of(pid: int) -> list[int]:
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        children += [int(child) for child in (task / "children").read_text().split()]
    return children


def test_it_runs_from_the_wheel_alone(tmp_path: Path) -> None:
    uv = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".tools/bin"))
    if uv is None:
        pytest.skip("uv is not on PATH")

    def run(*command: str | Path) -> None:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr

    run(uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path / "dist", ROOT)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    run(uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    constraints = tmp_path / "constraints.txt"
    pins = [line.removesuffix(" \\") for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line]
    constraints.write_text("\n".join(pins))
    run(uv, "pip", "install", "--quiet", "--python", python, "--constraint", constraints, f"{wheel}[demo]")
    verdict = verdict_of(start("--for", "12", "--json", python=str(python), cwd=tmp_path))
    assert verdict["rows"] > 200
