"""A real Redis or Valkey server for tests: its own directory, a free port, every acknowledged write on disk."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from types import TracebackType

import pytest

from tests.support.ports import free_port
from tests.support.waiting import eventually

DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction")


class RedisServer:
    """One redis-server. It can be stopped by any signal, and started again with its data."""

    def __init__(self, directory: Path, *options: str, port: int = 0, bind: str = "127.0.0.1") -> None:
        self.directory, self.bind = directory, bind
        self.port = port or free_port()
        self._command = [
            *(program(), "--port", str(self.port), "--bind", *bind.split(), "--dir", str(directory)),
            *(*DURABLE, "--daemonize", "no", "--logfile", str(directory / "redis.log"), *options),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{self.bind.split()[0]}:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            eventually(self._answers, "redis-server answers", seconds=20)
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    def _answers(self) -> bool:
        """Return whether the server answers; fails if it has ended."""
        assert self._process is not None
        assert self._process.poll() is None, (self.directory / "redis.log").read_text()[-2000:]
        return self.ask("PING") == "PONG"

    def ask(self, command: str) -> str:
        """Send an inline command and return the answer's first line, empty if there is none."""
        try:
            with socket.create_connection((self.bind.split()[0], self.port), timeout=2) as connection:
                connection.sendall(f"{command}\r\n".encode())
                return connection.recv(4096).decode().split("\r\n")[0].lstrip("+:$")
        except OSError:
            return ""

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(20)
            self._process = None

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def program() -> str:
    """Return the path of the server that tests run; skips the test if there is none.

    This is the program that DRIFTMETER_TEST_REDIS names, as scripts/redis_server.sh sets it, or redis-server.
    """
    given = os.environ.get("DRIFTMETER_TEST_REDIS", "")
    path = shutil.which(given or "redis-server")
    if path is None and not given:
        pytest.skip("not installed on this machine: redis-server")
    assert path is not None, f"DRIFTMETER_TEST_REDIS: expected a program, got {given!r}"
    return path


@cache
def shared_server() -> RedisServer:
    """Return the server that tests share if they need an empty one; it is stopped after the last test."""
    directory = tempfile.TemporaryDirectory(prefix="driftmeter-redis-")
    server = RedisServer(Path(directory.name))
    server.start()
    atexit.register(directory.cleanup)
    atexit.register(server.stop)
    return server
