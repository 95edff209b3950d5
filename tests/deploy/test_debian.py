"""scripts/debian.sh where apt-get cannot help: `make test` must go on, and say which tests it will skip."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.scripts import ROOT


@pytest.mark.parametrize(
    ("user", "apt_get", "reason"),
    [
        (0, "echo 'E: Temporary failure resolving the archive' >&2; exit 100", "apt-get: E: Temporary failure"),
        (0, None, "there is no apt-get"),
        (1000, "exit 0", "that needs root"),
    ],
)
def test_what_cannot_be_installed_is_said_and_ends_well(
    tmp_path: Path, user: int, apt_get: str | None, reason: str
) -> None:
    scripts = {"id": f"echo {user}", "apt-get": apt_get}
    for name, text in scripts.items():
        if text is not None:
            (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
            (tmp_path / name).chmod(0o755)
    for name in ("sh", "tail"):
        program = shutil.which(name)
        assert program is not None
        (tmp_path / name).symlink_to(program)
    command = [str(tmp_path / "sh"), str(ROOT / "scripts/debian.sh")]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert f"({reason}" in done.stderr
    assert "these tests will be skipped:\n" in done.stderr
    assert "  without prometheus: rules and discovery" in done.stderr
