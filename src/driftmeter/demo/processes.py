"""Child processes: each has a log, is awaited until it answers over HTTP, and is ended."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from driftmeter.demo import http
from driftmeter.errors import DriftmeterError


class ProcessError(DriftmeterError):
    """A child process did not come up, or ended by itself; the message holds the end of its log."""


class Process:
    """One child process. It ends with the context, by force if it does not end in time."""

    def __init__(self, name: str, command: Sequence[str], *, directory: Path, health: str) -> None:
        """Prepare a command whose log goes to `directory`; `health` is a URL that answers 200 once it is up."""
        self.name, self.health = name, health
        self._command = list(command)
        self._log = directory / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process without waiting for it: `wait` does."""
        with self._log.open("ab") as log:
            # its own session: at Ctrl-C the parent ends its children in order, rather than the terminal all at once
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def wait(self, timeout: float = 30.0) -> None:
        """Wait until it answers. Raises ProcessError when it ends, or does not answer within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.check()
            answer = http.get(self.health, timeout=1.0)
            if answer is not None and answer.status == 200:
                return
            time.sleep(0.05)
        raise ProcessError(f"{self.name} did not answer at {self.health} within {timeout:g} s:\n{self.tail()}")

    def check(self) -> None:
        """Raise ProcessError if the process has ended."""
        code = None if self._process is None else self._process.poll()
        if code is not None:
            raise ProcessError(f"{self.name} ended with exit code {code}:\n{self.tail()}")

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of its log."""
        text = self._log.read_text("utf-8", errors="replace") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def terminate(self) -> None:
        """Ask the process to end, without waiting for it: `stop` does."""
        if self._process is not None:
            self._process.terminate()

    def stop(self, timeout: float = 8.0) -> None:
        """End the process, by force after `timeout` seconds."""
        process, self._process = self._process, None
        if process is not None:
            end(process, timeout)

    def __enter__(self) -> Self:
        """Start the process."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the process."""
        self.stop()


def end(process: subprocess.Popen[bytes], timeout: float) -> None:
    """Ask a process to end, and kill it if it has not ended after `timeout` seconds."""
    process.terminate()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port(wanted: int = 0, host: str = "127.0.0.1") -> int:
    """Return `wanted` if it is free, else a port that is free now."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ProcessError(f"no free port on {host}")
