from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]

# Where Debian puts what a user's PATH leaves out, and where this environment keeps its scripts.
PLACES = (str(Path(sys.executable).parent), "/usr/sbin", "/usr/local/sbin", str(ROOT / ".tools/bin"))

Tool = Callable[[str], str]
Run = Callable[..., str]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def tool() -> Tool:
    """Return the path of a program, or skip the test for want of it."""

    def find(name: str) -> str:
        path = os.pathsep.join((*PLACES, os.environ.get("PATH", os.defpath)))
        found = shutil.which(name, path=path)
        if found is None:
            pytest.skip(f"{name} is not installed on this machine")
        return found

    return find


@pytest.fixture(scope="session")
def run(tool: Tool) -> Run:
    """Run a program from the root and return its output; fail with what it said."""

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


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"driftmeter_deploy_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look up the types that they are written with
    spec.loader.exec_module(module)
    return module
