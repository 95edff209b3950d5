"""How much CPU does a metric server spend on a pane that an SDK puts?

Panes of 30 float features and 1,000 rows over loopback HTTP, each source on a keep-alive connection of its own, each
pane sent again with a higher sequence as an SDK does while the pane fills. The server is pinned to one core, the client
has the others. Panes are put in blocks; what is printed is the median CPU time (user and system) of the server for one
PUT. With `--against`, a second server runs the code of another source folder on the same core, and the two take turns
block by block: on a machine whose speed varies only their ratio tells something.

    python bench/put.py [--blocks 20] [--puts 500] [--store memory] [--against OTHER/src]
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import polars

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.panes.codec import encode_pane
from driftmeter.panes.pane import Pane
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile

ROWS, FEATURES, REFERENCE_ROWS, SOURCES = 1_000, 30, 10_000, 8
NAMES = [f"feature_{number}" for number in range(FEATURES)]
HERE = Path(__file__).resolve().parents[1] / "src"
STORES = ("memory", "sqlite")


def reference() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(REFERENCE_ROWS, FEATURES)) * 100


# --- the server


@dataclass(frozen=True)
class Running:
    """A server, where it listens, and which code it runs."""

    name: str
    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its threads, to the nanosecond that the kernel counts."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def memory(self) -> float:
        """Return the memory that it holds now, in MB."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1e3


@contextmanager
def serving(name: str, source: Path, store: str, profile: Path, folder: Path, core: int) -> Iterator[Running]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = "memory://" if store == "memory" else f"sqlite:///{folder / f'{name}.sqlite'}"
    command = [sys.executable, "-m", "driftmeter", "serve", "--port", str(port), "--store", url]
    server = subprocess.Popen(
        [*command, "--profile", str(profile)],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(source)},
        cwd=folder,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        wait_until_ready(port, server)
        yield Running(name, server.pid, port)
    finally:
        server.terminate()
        server.wait()


def wait_until_ready(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if server.poll() is not None:
            raise RuntimeError("the server ended")
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if b" 200 " in connection.recv(4096):
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the server never was ready")


# --- the client


class Source:
    """An SDK as a server sees it: a connection, and panes that it puts again and again."""

    def __init__(self, number: int, profile: Profile) -> None:
        """Count rows once; the panes of all blocks hold the same."""
        values = np.random.default_rng(number + 2).normal(size=(ROWS, FEATURES)) * 100
        reader = Reader(profile)
        columns = dict(zip(NAMES, np.ascontiguousarray(values.T), strict=True))
        self._summary = Binner(profile).observe(reader.read_columns(columns)[0])
        self._name, self._digest, self._sequence = f"sdk-{number}-5f3c", profile.digest, 0

    def requests(self, puts: int) -> list[bytes]:
        """Return the next puts of the pane that is under way."""
        length = Timing().pane
        start = int(time.time() * 1000) // length * length
        requests = []
        for _ in range(puts):
            self._sequence += 1
            totals = SourceTotals(ROWS, ROWS)
            body = encode_pane(
                Pane(self._digest, start, length, self._name, self._sequence, self._summary, totals, acknowledged=ROWS)
            )
            head = (
                f"PUT /v1/models/bench/panes/{start}/{quote(self._name)} HTTP/1.1\r\nHost: localhost\r\n"
                f"Content-Type: application/octet-stream\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            requests.append(head.encode() + body)
        return requests


def connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def put(connection: socket.socket, requests: Sequence[bytes]) -> None:
    """Send requests one after the other; each must be answered by a 200 with a JSON object."""
    for request in requests:
        connection.sendall(request)
        answer = connection.recv(65_536)
        while answer and not answer.endswith(b"}"):
            answer += connection.recv(65_536)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())


def block(server: Running, connections: Sequence[socket.socket], sources: Sequence[Source], puts: int) -> float:
    """Put panes from all sources at once; return the server's CPU time for one of them, in microseconds."""
    batches = [source.requests(puts // len(sources)) for source in sources]
    failures: list[Exception] = []

    def work(connection: socket.socket, requests: Sequence[bytes]) -> None:
        try:
            put(connection, requests)
        except (OSError, RuntimeError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(connections, batches, strict=True)]
    before = server.cpu_seconds()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = server.cpu_seconds() - before
    if failures:
        raise failures[0]
    return spent / sum(map(len, batches)) * 1e6


def measure(store: str, sources: dict[str, Path], blocks: int, puts: int, core: int) -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        profile = Profile.fit(polars.DataFrame(reference(), schema=NAMES), model="bench", independent=True)
        profile.dump(folder / "profile.json")
        servers = [
            stack.enter_context(serving(name, path, store, folder / "profile.json", folder, core))
            for name, path in sources.items()
        ]
        clients = {
            server.name: (
                [stack.enter_context(connect(server.port)) for _ in range(SOURCES)],
                [Source(number, profile) for number in range(SOURCES)],
            )
            for server in servers
        }
        spent: dict[str, list[float]] = {server.name: [] for server in servers}
        for number in range(blocks + 1):
            for server in servers if number % 2 else reversed(servers):
                microseconds = block(server, *clients[server.name], puts)
                if number:  # the first one warms up
                    spent[server.name].append(microseconds)
        for server in servers:
            low, middle, high = statistics.quantiles(spent[server.name], n=4)
            line = f"{store:8} {server.name:8} {middle:8.1f} µs CPU a PUT ({low:.1f} to {high:.1f})"
            line += f", {server.memory():.0f} MB"
            if server is not servers[0]:
                ratios = [ours / theirs for ours, theirs in zip(*spent.values(), strict=True)]
                line += f"; here / there {statistics.median(ratios):.3f}"
            print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--puts", type=int, default=500, help="in each block")
    parser.add_argument("--store", choices=STORES, help="by default each of them")
    parser.add_argument("--against", type=Path, help="the source folder of another version")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, cores[1:])
    sources = {"here": HERE}
    if options.against:
        sources["there"] = options.against.resolve()
    for store in [options.store] if options.store else STORES:
        measure(store, sources, options.blocks, options.puts, cores[0])


if __name__ == "__main__":
    main()
