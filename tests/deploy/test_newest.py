"""scripts/newest.sh on machines of all kinds: which Python it takes, and its message where there is none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.scripts import ROOT

FINAL = 'echo "{minor} $0"'
TESTS = """\
-m pytest -n auto tests/client tests/counts --cov --cov-report= --cov-fail-under=0
-m pytest -n auto --dist worksteal tests src --ignore=tests/e2e --ignore=tests/deploy --ignore=tests/real \
--ignore=tests/browser --ignore=tests/engines -m not simulation --cov --cov-append --cov-report=term
"""
SHIM = "echo 'pyenv: command not found' >&2; exit 127"


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A checkout with Python 3.11 in .venv, and a uv that only makes environments whose Python says its arguments."""
    script(tmp_path / ".venv/bin/python", 'if [ "$1" = -c ]; then echo 11; else echo "$@"; fi')
    script(
        tmp_path / "bin/uv",
        'echo "$*" >> uv.log; if [ "$1" = venv ]; then mkdir -p "$6/bin"; printf \'#!/bin/sh\\necho "$@"\\n\' '
        '> "$6/bin/python"; chmod +x "$6/bin/python"; fi',
    )
    return tmp_path


def run(machine: Path) -> subprocess.CompletedProcess[str]:
    path = f"{machine / 'bin'}:/usr/bin:/bin"
    env = {"PATH": path, "HOME": str(machine), "PYENV_ROOT": str(machine / "pyenv"), "UV": "uv"}
    return subprocess.run(
        ["sh", str(ROOT / "scripts/newest.sh")], cwd=machine, env=env, capture_output=True, text=True, timeout=60
    )


def test_the_newest_that_starts_runs_the_unit_tests(machine: Path) -> None:
    script(machine / "bin/python3.12", FINAL.format(minor=12))
    script(machine / "bin/python3.97", SHIM)
    script(machine / "bin/python3.98", "exit 0")  # a preview
    script(machine / "pyenv/versions/3.96.0/bin/python3.96", FINAL.format(minor=96))
    done = run(machine)
    assert done.returncode == 0, done.stderr
    assert done.stdout == TESTS
    assert "on Python 3.96 too" in done.stderr
    assert f"--python {machine / 'pyenv/versions/3.96.0/bin/python3.96'}" in (machine / "uv.log").read_text()


def test_a_machine_with_one_python_says_so_and_holds_what_its_tests_cover(machine: Path) -> None:
    if any(os.access(f"/usr/bin/python3.{minor}", os.X_OK) for minor in range(12, 30)):
        pytest.skip("this machine's own Python is newer")
    script(machine / "bin/python3.97", SHIM)
    done = run(machine)
    assert (done.returncode, done.stdout) == (0, TESTS)
    assert done.stderr.startswith("no Python newer than 3.11 is found here: the unit tests run on that again")
    assert not (machine / "uv.log").exists()


def test_tests_that_fail_there_fail_the_run(machine: Path) -> None:
    script(machine / "bin/python3.96", FINAL.format(minor=96))
    script(machine / "bin/uv", 'mkdir -p .tools/python3.96/bin; printf "#!/bin/sh\\nexit 1\\n" > '
                               ".tools/python3.96/bin/python; chmod +x .tools/python3.96/bin/python")  # fmt: skip
    assert run(machine).returncode == 1
