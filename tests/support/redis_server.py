"""A real Redis or Valkey server for tests: its own directory, a free port, every acknowledged write on disk."""

from __future__ import annotations

import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from types import TracebackType

import pytest

DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction")


class RedisServer:
    """One redis-server; it can be ended, gently or not, and started again with what it had."""

    def __init__(self, directory: Path, *options: str, port: int = 0, bind: str = "127.0.0.1") -> None:
        found = program()
        self.directory, self.bind = directory, bind
        self.port = port or free_port()
        self._command = [
            *(found, "--port", str(self.port), "--bind", *bind.split(), "--dir", str(directory)),
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
        deadline = time.monotonic() + 20
        try:
            while self.ask("PING") != "PONG":
                assert self._process.poll() is None, (self.directory / "redis.log").read_text()[-2000:]
                assert time.monotonic() < deadline, "redis-server does not answer"
                time.sleep(0.02)
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    def ask(self, command: str) -> str:
        """Send an inline command and return the answer's first line, empty where there is none."""
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
    """Return the server that tests run: that of DRIFTMETER_TEST_REDIS, as scripts/redis_servers.sh sets it, or the
    redis-server that this machine has; skips where it has none."""
    given = os.environ.get("DRIFTMETER_TEST_REDIS", "")
    found = shutil.which(given or "redis-server")
    if found is None and not given:
        pytest.skip("not installed on this machine: redis-server")
    assert found is not None, f"DRIFTMETER_TEST_REDIS: expected a program, got {given!r}"
    return found


@cache
def shared_server() -> RedisServer:
    """Return one server for all tests that only need an empty one; it ends with them."""
    directory = tempfile.TemporaryDirectory(prefix="driftmeter-redis-")
    server = RedisServer(Path(directory.name))
    server.start()
    atexit.register(directory.cleanup)
    atexit.register(server.stop)
    return server


def free_port(*above: int) -> int:
    """Return a port that no outgoing connection is given before the server has it, nor while it is down; those `above`
    it by so much are free like it."""
    last = 32_000 - max(above, default=0)
    while True:
        port = random.SystemRandom().randrange(20_000, last)  # tests may have seeded the other one
        with ExitStack() as probes, suppress(OSError):
            for each in (port, *(port + more for more in above)):
                probe = probes.enter_context(socket.socket())
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", each))
            return port
