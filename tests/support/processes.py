"""Processes that say `ready`, and begin together once a line comes on their standard input."""

from __future__ import annotations

import subprocess


def wait_until_ready(*processes: subprocess.Popen[str]) -> None:
    """Return when each of them has said `ready`."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"


def begin(*processes: subprocess.Popen[str], word: str = "") -> None:
    """Let processes that are ready begin at the same moment; `word` is what each of them is told."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{word}\n")
        process.stdin.flush()
