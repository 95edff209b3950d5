from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from tests.deploy.programs import PLACES, Run, Tool
from tests.support.scripts import ROOT, load


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def tool() -> Tool:
    """Return the path of a program, or skip the test where it is not installed."""

    def find(name: str) -> str:
        path = shutil.which(name, path=os.pathsep.join((*PLACES, os.environ.get("PATH", os.defpath))))
        if path is None:
            pytest.skip(f"{name} is not installed on this machine")
        return path

    return find


@pytest.fixture(scope="session")
def run(tool: Tool) -> Run:
    """Run a program from the root and return its output; fail with all of its output where it fails."""

    def call(name: str, *arguments: object) -> str:
        command = [tool(name), *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return call


@pytest.fixture(scope="session")
def grafana_queries() -> ModuleType:
    """Return deploy/grafana/queries.py, which is a file and no part of a package."""
    return load(ROOT / "deploy/grafana/queries.py")
