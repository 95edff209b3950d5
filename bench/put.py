"""How much CPU does a metric server spend on a pane that an SDK puts?

Panes of 30 float features and 1,000 rows are sent over loopback HTTP. Each source has a keep-alive connection of its
own. It sends its pane again and again with a higher sequence, as an SDK does while the pane fills. The server is pinned
to one core; the client uses the others. Panes are sent in blocks. The script prints the median CPU time (user and
system) of the server for one PUT. With `--against`, a second server runs the code of another source folder on the same
core. The two servers take turns block by block: compare their ratio, since the speed of a machine varies.

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
from ingest import FEATURES, NAMES, ROWS, reference
from servers import connect, free_port, memory_mb, reserve_server_core, wait_until_ready

SOURCES = 8
HERE = Path(__file__).resolve().parents[1] / "src"
STORES = ("memory", "sqlite")


# --- the server


@dataclass(frozen=True)
class RunningServer:
    """A server: the name of its code, its process and its port."""

    name: str
    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its threads, to the nanosecond."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def run_server(name: str, code: Path, store: str, profile: Path, folder: Path, core: int) -> Iterator[RunningServer]:
    """Run a metric server with the source folder `code` on one core."""
    port = free_port()
    url = "memory://" if store == "memory" else f"sqlite:///{folder / f'{name}.sqlite'}"
    command = [sys.executable, "-m", "driftmeter", "serve", "--port", str(port), "--store", url]
    server = subprocess.Popen(
        [*command, "--profile", str(profile)],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(code)},
        cwd=folder,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        wait_until_ready(port, server)
        yield RunningServer(name, server.pid, port)
    finally:
        server.terminate()
        server.wait()


# --- the client


class Source:
    """Makes the requests of one SDK: the current pane, sent again and again."""

    def __init__(self, number: int, profile: Profile) -> None:
        """Count rows once; all panes hold the same counts."""
        values = np.random.default_rng(number + 2).normal(size=(ROWS, FEATURES)) * 100
        reader = Reader(profile)
        columns = dict(zip(NAMES, np.ascontiguousarray(values.T), strict=True))
        self._summary = Binner(profile).observe(reader.read_columns(columns)[0])
        self._name, self._digest, self._sequence = f"sdk-{number}-5f3c", profile.digest, 0

    def requests(self, puts: int) -> list[bytes]:
        """Return the next PUTs of the current pane."""
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


def send(connection: socket.socket, requests: Sequence[bytes]) -> None:
    """Send requests one after the other; raise RuntimeError unless each answer is a 200 with a JSON object."""
    for request in requests:
        connection.sendall(request)
        answer = connection.recv(65_536)
        while answer and not answer.endswith(b"}"):
            answer += connection.recv(65_536)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())


def measure_block(
    server: RunningServer, connections: Sequence[socket.socket], sources: Sequence[Source], puts: int
) -> float:
    """Send panes from all sources in parallel; return the server's CPU time for one PUT, in microseconds."""
    batches = [source.requests(puts // len(sources)) for source in sources]
    failures: list[Exception] = []

    def work(connection: socket.socket, requests: Sequence[bytes]) -> None:
        try:
            send(connection, requests)
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


def measure(store: str, folders: dict[str, Path], blocks: int, puts: int, core: int) -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        profile = Profile.fit(polars.DataFrame(reference(), schema=NAMES), model="bench", independent=True)
        profile.dump(folder / "profile.json")
        servers = [
            stack.enter_context(run_server(name, code, store, folder / "profile.json", folder, core))
            for name, code in folders.items()
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
                microseconds = measure_block(server, *clients[server.name], puts)
                if number:  # the first one warms up
                    spent[server.name].append(microseconds)
        for server in servers:
            low, middle, high = statistics.quantiles(spent[server.name], n=4)
            line = f"{store:8} {server.name:8} {middle:8.1f} µs CPU a PUT ({low:.1f} to {high:.1f})"
            line += f", {memory_mb(server.pid, 'VmRSS'):.0f} MB"
            if server is not servers[0]:
                ratios = [ours / theirs for ours, theirs in zip(*spent.values(), strict=True)]
                line += f"; here / there {statistics.median(ratios):.3f}"
            print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--puts", type=int, default=500, help="in each block")
    parser.add_argument("--store", choices=STORES, help="default: each of them")
    parser.add_argument("--against", type=Path, help="the source folder of another version")
    options = parser.parse_args()
    core = reserve_server_core()
    folders = {"here": HERE}
    if options.against:
        folders["there"] = options.against.resolve()
    for store in [options.store] if options.store else STORES:
        measure(store, folders, options.blocks, options.puts, core)


if __name__ == "__main__":
    main()
