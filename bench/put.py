"""How much CPU does a metric server spend on a pane that an SDK puts?

Panes of 30 float features and 1,000 rows are sent over loopback HTTP, evenly in time, at 1,000 and at 20 a second. Each
source has a keep-alive connection of its own. It sends its pane again and again with a higher sequence, as an SDK does
while the pane fills. The server is pinned to one core; the client, and Redis with `appendfsync always`, use the others.

Panes are an hour long, so that the judge of the server has nothing to fold: it looks at the model once a second, as it
does with the default panes. Seconds with PUTs and seconds without take turns. The CPU time (user and system) of a PUT
is that of a second with PUTs less that of an idle second, which is printed beside it. With `--before`, a second server
runs the code of another checkout on the same core, with a store of its own. The last server is the floor: uvicorn with
an application that reads the body and answers, and nothing else (put_floor.py). The servers take turns: compare their
ratios, since the speed of a machine varies.

    python bench/put.py [--before FOLDER] [--rate 1000] [--store redis] [--blocks 5] [--seconds 5]

Bars: 0.2 ms at 1,000 PUTs a second and 0.5 ms at 20, with Redis and with SQLite. The exit code is 1 if one is missed.
"""

from __future__ import annotations

import argparse
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import numpy as np
import polars

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.panes.codec import encode_pane
from driftmeter.panes.pane import Pane
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import HOUR
from ingest import FEATURES, NAMES, ROWS, reference
from scale_tier import empty_store
from servers import connect, free_port, memory_mb, reserve_server_core, wait_until_ready

SOURCES = 50
HERE = Path(__file__).resolve().parents[1]
STORES = ("redis", "sqlite", "memory")
FLOOR = "floor"
"""The name of the server that only answers."""
BARS = {1_000: 0.2, 20: 0.5}
"""Milliseconds of CPU of a PUT, by PUTs a second."""


# --- the server


@dataclass
class RunningServer:
    """A server: the name of its code, its process and its port; what it spent, in milliseconds."""

    name: str
    pid: int
    port: int
    put: dict[int, list[float]] = field(default_factory=dict)
    idle: list[float] = field(default_factory=list)

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its threads, to the nanosecond."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def run_server(name: str, tree: Path, store: str, profile: Path, core: int) -> Iterator[RunningServer]:
    """Run a metric server with the code of a checkout on one core, and a store of its own."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url = "memory://" if store == "memory" else stack.enter_context(empty_store(store))[0]
        port = free_port()
        command = [sys.executable, "-m", "driftmeter", "serve", "--port", str(port), "--store", url]
        command += ["--pane", "1h", "--profile", str(profile)]
        if name == FLOOR:
            command = [sys.executable, str(HERE / "bench" / "put_floor.py"), str(port)]
        server = subprocess.Popen(
            command,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(tree / "src")},
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
        """Count two sets of rows once; panes hold the one or the other in turn, so that a store writes all of them."""
        rng, reader, binner = np.random.default_rng(number + 2), Reader(profile), Binner(profile)
        self._summaries = []
        for _ in range(2):
            columns = dict(zip(NAMES, rng.normal(size=(FEATURES, ROWS)) * 100, strict=True))
            self._summaries.append(binner.observe(reader.read_columns(columns)[0]))
        self._name, self._digest, self._sequence = f"sdk-{number}-5f3c", profile.digest, 0

    def request(self) -> bytes:
        """Return the next PUT of the current pane."""
        start = int(time.time() * 1000) // HOUR * HOUR
        self._sequence += 1
        totals = SourceTotals(ROWS, ROWS)
        summary = self._summaries[self._sequence % 2]
        body = encode_pane(
            Pane(self._digest, start, HOUR, self._name, self._sequence, summary, totals, acknowledged=ROWS)
        )
        head = (
            f"PUT /v1/models/bench/panes/{start}/{quote(self._name)} HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Type: application/octet-stream\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Client:
    """Sends the PUTs of all sources to one server, each source over its own connection."""

    def __init__(self, port: int, profile: Profile, stack: ExitStack) -> None:
        """Connect; the connections are closed with `stack`."""
        self._sources = [Source(number, profile) for number in range(SOURCES)]
        self._connections = [stack.enter_context(connect(port)) for _ in self._sources]

    def send(self, rate: int, number: int) -> None:
        """Send `number` PUTs evenly in time; raise RuntimeError unless each answer is a 200 with a JSON object.

        A PUT that is due waits while its source has none of its earlier ones answered; at the end all are answered.
        """
        requests = deque((index % SOURCES, self._sources[index % SOURCES].request()) for index in range(number))
        waiting: dict[socket.socket, bytes] = {}
        with selectors.DefaultSelector() as selector:
            for connection in self._connections:
                selector.register(connection, selectors.EVENT_READ)
            began = time.perf_counter()
            while requests or waiting:
                due = began + (number - len(requests)) / rate - time.perf_counter()
                if requests and due <= 0 and self._connections[requests[0][0]] not in waiting:
                    source, request = requests.popleft()
                    self._connections[source].sendall(request)
                    waiting[self._connections[source]] = b""
                    continue
                for key, _ in selector.select(max(0.0, due) if requests and due > 0 else 1.0):
                    connection = key.fileobj
                    assert isinstance(connection, socket.socket)
                    part = connection.recv(65_536)
                    answer = waiting.pop(connection, b"") + part
                    if part and not answer.endswith(b"}"):
                        waiting[connection] = answer
                    elif not answer.startswith(b"HTTP/1.1 200"):
                        raise RuntimeError(answer.decode())


# --- the measurement


def measure(store: str, trees: dict[str, Path], rates: list[int], blocks: int, seconds: float, core: int) -> bool:
    """Print the figures of one store; return whether the bars are met."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        path = Path(name, "profile.json")
        profile = Profile.fit(polars.DataFrame(reference(), schema=NAMES), model="bench", independent=True)
        profile.dump(path)
        servers = [stack.enter_context(run_server(name, tree, store, path, core)) for name, tree in trees.items()]
        servers.append(stack.enter_context(run_server(FLOOR, HERE, "memory", path, core)))
        clients = {server.name: Client(server.port, profile, stack) for server in servers}
        for server in servers:
            clients[server.name].send(500, 2_000)  # makes the sources known, and warms up
        for number in range(blocks):
            for server in servers if number % 2 else reversed(servers):
                measure_block(server, clients[server.name], rates, seconds)
        for server in servers:
            print(f"{store:7} {server.name:7} idle {statistics.median(server.idle):6.2f} ms a second", end="")
            print(f", {memory_mb(server.pid, 'VmRSS'):.0f} MB", flush=True)
        met = [report(store, rate, servers) for rate in rates]  # each is printed
        return all(met)


def measure_block(server: RunningServer, client: Client, rates: list[int], seconds: float) -> None:
    """Measure an idle time, and PUTs at each rate, one after the other."""
    before = server.cpu_seconds()
    time.sleep(seconds)
    idle = 1e3 * (server.cpu_seconds() - before) / seconds
    server.idle.append(idle)
    for rate in rates:
        puts = round(rate * seconds)
        began, before = time.perf_counter(), server.cpu_seconds()
        client.send(rate, puts)
        took, spent = time.perf_counter() - began, server.cpu_seconds() - before
        server.put.setdefault(rate, []).append((1e3 * spent - idle * took) / puts)


def report(store: str, rate: int, servers: list[RunningServer]) -> bool:
    """Print the figures of one rate; return whether its bar, if there is one, is met."""
    for server in servers:
        spent = server.put[rate]
        line = f"{store:7} {server.name:7} {rate:5,} PUTs a second: {statistics.median(spent):.3f} ms of CPU each"
        line += f" ({min(spent):.3f} to {max(spent):.3f})"
        if server is servers[0] and rate in BARS:
            line += f", bar {BARS[rate]}"
        elif server is not servers[0]:
            ratios = [ours / theirs for ours, theirs in zip(servers[0].put[rate], spent, strict=True)]
            line += f"; here / {server.name} {statistics.median(ratios):.3f}"
        print(line, flush=True)
    return statistics.median(servers[0].put[rate]) <= BARS.get(rate, float("inf"))


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--before", type=Path, help="the folder of another version's checkout")
    parser.add_argument("--store", choices=STORES, help="default: Redis and SQLite")
    parser.add_argument("--rate", type=int, help="PUTs a second; default: 1,000 and 20")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each part of a block")
    options = parser.parse_args()
    core = reserve_server_core()
    trees = {"here": HERE} | ({"before": options.before.resolve()} if options.before else {})
    rates = [options.rate] if options.rate else list(BARS)
    stores = [options.store] if options.store else STORES[:2]
    met = [measure(store, trees, rates, options.blocks, options.seconds, core) for store in stores]
    sys.exit(not all(met))


if __name__ == "__main__":
    main()
