"""Helpers for benchmarks of servers: free ports, readiness, connections, cores, CPU time and memory of a process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal


def free_port() -> int:
    """Return a port of the loopback address on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def connect(port: int) -> socket.socket:
    """Open a connection that sends each request at once."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def wait_until_ready(port: int, server: subprocess.Popen[bytes]) -> None:
    """Wait until `GET /readyz` answers 200; raise RuntimeError if the server ends, or after a minute."""
    for _ in range(600):
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with {server.returncode}")
        try:
            with connect(port) as connection:
                connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if b" 200 " in connection.recv(4096):
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the server was not ready within a minute")


def reserve_server_core() -> int:
    """Keep this process off the first core, if there are several; return that core, for the server."""
    server_core, *client_cores = sorted(os.sched_getaffinity(0))
    if client_cores:
        os.sched_setaffinity(0, client_cores)
    return server_core


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process in seconds, to a hundredth: it holds on a shared machine too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int, kind: Literal["VmRSS", "VmHWM"]) -> float:
    """Return the memory of a process in MB: what it holds now (`VmRSS`), or its peak (`VmHWM`)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(kind)).split()[1]) / 1e3


@contextmanager
def metric_server(source: Path, core: int | None = None) -> Iterator[int]:
    """Run `driftmeter serve` of a source folder, with a store in memory, on one core or on any; yield its port."""
    port = free_port()
    command = [sys.executable, "-m", "driftmeter", "serve", "--port", str(port), "--store", "memory://"]
    server = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(source)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        wait_until_ready(port, server)
        yield port
    finally:
        server.terminate()
        server.wait()
