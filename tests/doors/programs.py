"""Programs that serve models, started as a user would, with an example of this repository."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.support.scripts import ROOT
from tests.support.waiting import eventually

EXAMPLES = ROOT / "examples" / "servers"
APPLICANTS: list[dict[str, Any]] = [
    {"income": 1_000.0 * number, "city": ["Ulm", "Köln", "Rom"][number % 3]} for number in range(30)
]
SCORES = [min(1.0, row["income"] / 100_000) for row in APPLICANTS]
SCORED = [{**row, "score": score} for row, score in zip(APPLICANTS, SCORES, strict=True)]


@contextmanager
def running(command: Sequence[str], url: str, ready: str, folder: Path, **environment: str) -> Iterator[None]:
    """Run a command with an example's folder as its own until `ready`, a URL, answers 2xx; end it by a SIGTERM."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PATH": path, "DRIFTMETER_URL": url, "PYTHONPATH": _python_path(), **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        eventually(lambda: _answers(server, ready, log), f"an answer of {ready}", seconds=120)
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(30)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)


def _python_path() -> str:
    return os.pathsep.join(map(str, [ROOT / "src", EXAMPLES, ROOT]))


def _answers(server: subprocess.Popen[bytes], url: str, log: Path) -> bool:
    assert server.poll() is None, log.read_text()[-4_000:]
    try:
        return httpx.get(url, timeout=1).is_success
    except httpx.TransportError:
        return False
