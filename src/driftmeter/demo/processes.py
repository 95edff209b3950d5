"""Child processes: started with a log of their own, awaited until they answer, ended in the end."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import urllib3

from driftmeter.errors import DriftmeterError


class ProcessError(DriftmeterError):
    """A child process did not come up, or ended by itself; the message has the end of its log."""


class Process:
    """One child process. Ends, by force after a grace time, when the context does."""

    def __init__(self, name: str, command: Sequence[str], *, directory: Path, health: str) -> None:
        """Take what to run, where its log goes, and the URL that answers 200 once it is up."""
        self.name, self.health = name, health
        self._command = list(command)
        self._log = directory / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; `wait` says when it is up."""
        with self._log.open("ab") as log:
            # a session of its own: at Ctrl-C the parent ends its children in order, not the terminal all at once
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def wait(self, timeout: float = 30.0) -> None:
        """Wait until it answers; raises ProcessError when it ends or stays silent for `timeout` seconds."""
        pool = urllib3.PoolManager(retries=False, timeout=1.0)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.check()
            try:
                if pool.request("GET", self.health).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.05)
        raise ProcessError(f"{self.name} did not answer at {self.health} within {timeout:g} s:\n{self.tail()}")

    def check(self) -> None:
        """Raise ProcessError if it has ended."""
        code = None if self._process is None else self._process.poll()
        if code is not None:
            raise ProcessError(f"{self.name} ended with exit code {code}:\n{self.tail()}")

    def tail(self, lines: int = 15) -> str:
        """Return the end of its log."""
        text = self._log.read_text("utf-8", errors="replace") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def terminate(self) -> None:
        """Ask it to end, without waiting for that: `stop` does."""
        if self._process is not None:
            self._process.terminate()

    def stop(self, timeout: float = 8.0) -> None:
        """End it; after `timeout` seconds by force."""
        process, self._process = self._process, None
        if process is not None:
            end(process, timeout)

    def __enter__(self) -> Process:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End."""
        self.stop()


def end(process: subprocess.Popen[bytes], timeout: float) -> None:
    """Ask a process to end, and after `timeout` seconds make it."""
    process.terminate()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port(wanted: int = 0, host: str = "127.0.0.1") -> int:
    """Return `wanted` if nobody listens there, else a port that is free now."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ProcessError(f"no free port on {host}")
