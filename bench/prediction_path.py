"""What does monitoring cost the model server whose predictions it watches: its throughput, without and with?

    python bench/prediction_path.py [--before FOLDER] [--pairs 20] [--quick] [--json FILE]

The flights model server of `driftmeter demo` (one uvicorn process, one row a request) answers the same requests

- none: without monitoring;
- ours: with `driftmeter.Monitor`, which reports to a real metric server;
- before: the same with the checkout of `--before`;
- shared: as the design that driftmeter replaces, with one httpx.AsyncClient for all rows: after each answer, a
  background task posts the row and its prediction as JSON to an endpoint that reads it and does nothing else;
- each: the same with a new httpx.AsyncClient for each row, as that design had it.

The model server has a core of its own. The load (8 connections that are kept alive, each sends its next request when
the answer is there), the metric server and the endpoint share the other core. All servers of a pair are fresh
processes; they take turns in blocks of a second, of which each begins with the same request; the others are stopped
meanwhile. After a block its server has up to ten seconds until it rests, since "shared" and "each" answer before their
rows are sent, and fall behind; these two get one block a pair, the others four. "rows lost" are those that had not
arrived by then.

A pair gives one ratio of throughputs to none; the figure is the median of the pairs, with a bootstrap interval of 95 %.
Answers in a second of the model server's CPU, rest included, hold on a shared machine too.

Bar: the throughput with ours is at least 0.985 of none. It counts only if the model server had its core for itself (at
least 0.9 of it without monitoring). The answers in a second of CPU have the same bar. The exit code is 1 if one is
missed.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from driftmeter.demo.data import held_out_rows, reference_profile
from driftmeter.demo.http import get
from load import Load, drive
from servers import connect, free_port, metric_server, reserve_server_core
from turns import Bars, Version, add_options, bootstrap, in_turn, pairs_of, progress, versions, wide_console, write_json

BAR = 0.985
CONNECTIONS = 8
BLOCKS = 4
"""Blocks of a server in a pair; SLOW ones get one."""
SECONDS, WARM_UP = 1.0, 1.0
REQUESTS = 4_000
"""Different rows; then the same come again."""
START, REST = 60.0, 10.0
"""Seconds that servers may take to start, and to rest after a block."""
TITLES = {
    "none": "no monitoring",
    "ours": "Monitor",
    "before": "Monitor, before",
    "shared": "a POST a row, shared client",
    "each": "a POST a row, new client each",
}
SLOW = {"shared", "each"}
QUIET = 0.9
"""Share of its core that a model server gets where nothing else runs."""
SERVER = Path(__file__).parent / "prediction_server.py"


@dataclass
class ModelServer:
    """A model server, stopped but for its blocks, and what came of those in one pair."""

    name: str
    pid: int
    port: int
    in_time: int = 0
    answered: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    loaded_cpu: float = 0.0
    """Of `cpu`, that without the rest."""
    latencies: list[float] = field(default_factory=list)
    lost: int | None = None
    """Rows that did not arrive, where each is posted."""

    @property
    def throughput(self) -> float:
        """Answers a second."""
        return self.in_time / self.seconds

    @property
    def cpu_a_request(self) -> float:
        """CPU of a request in µs."""
        return self.cpu / self.answered * 1e6

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its threads, to the nanosecond."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    @property
    def core_share(self) -> float:
        """Share of its core that it took, from the first request of a block to the last."""
        return self.loaded_cpu / self.seconds

    def block(self, requests: Sequence[bytes], seconds: float) -> Load:
        """Load it for some seconds, wait until it rests, stop it, and add up what came of it."""
        os.kill(self.pid, signal.SIGCONT)
        cpu = self.cpu_seconds()
        load = drive(self.port, requests, CONNECTIONS, seconds)
        self.loaded_cpu += self.cpu_seconds() - cpu
        self._await_rest()
        self.cpu += self.cpu_seconds() - cpu
        os.kill(self.pid, signal.SIGSTOP)
        self.seconds += load.seconds
        self.in_time += load.in_time
        self.answered += load.answered
        self.latencies += load.latencies
        return load

    def forget(self) -> None:
        """Start the sums anew, after the warm-up."""
        self.in_time = self.answered = 0
        self.seconds = self.cpu = self.loaded_cpu = 0.0
        self.latencies = []

    def _await_rest(self) -> None:
        """Wait until it takes less than 5 % of a core."""
        deadline, used = time.monotonic() + REST, self.cpu_seconds()
        while time.monotonic() < deadline:
            time.sleep(0.2)
            before, used = used, self.cpu_seconds()
            if used - before < 0.01:
                return


def requests() -> list[bytes]:
    """Return one request for each of REQUESTS flights."""
    rows = held_out_rows()
    order = np.random.default_rng(0).permutation(len(rows))[:REQUESTS]
    head = "POST /get-prediction HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
    bodies = [msgspec.json.encode(rows[index]) for index in order]
    return [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]


@contextmanager
def process(command: Sequence[str], environment: dict[str, str], log: Path, core: int | None) -> Iterator[int]:
    """Run a process, on a core or where this one runs; yield its pid. It ends with the context."""
    with log.open("ab") as errors:
        child = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=errors,
            stderr=errors,
            preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
        )
    try:
        yield child.pid
    finally:
        # one that still posts rows would take seconds, and nothing of it is needed any more
        child.kill()
        child.wait()


def await_port(port: int, log: Path) -> None:
    """Wait until a port takes connections; SystemExit with the log after START seconds."""
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        try:
            connect(port).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"no server on port {port} within {START:.0f} s:\n{log.read_text()}")


def start(stack: ExitStack, name: str, trees: dict[str, Version], folder: Path, core: int, sink: int) -> ModelServer:
    """Start a model server, with a metric server of its own where it has a monitor."""
    version, port = trees["before" if name == "before" else "this"], free_port()
    log = folder / f"{name}.log"
    command = [sys.executable, str(SERVER), "monitor" if name in ("ours", "before") else name, "--port", str(port)]
    if name in ("ours", "before"):
        tier = stack.enter_context(metric_server(version.source))
        command += ["--target", f"http://127.0.0.1:{tier}", "--profile", str(folder / "profile.json")]
    elif name != "none":
        command += ["--target", f"http://127.0.0.1:{sink}/{name}"]
    server = ModelServer(name, stack.enter_context(process(command, version.environment, log, core)), port)
    await_port(port, log)
    return server


def run_pair(
    names: Sequence[str], trees: dict[str, Version], folder: Path, core: int, number: int, bodies: Sequence[bytes]
) -> list[ModelServer]:
    """Load fresh servers in turns; return them with what came of it."""
    with ExitStack() as stack:
        sink = free_port()
        command = [sys.executable, str(SERVER), "sink", "--port", str(sink)]
        stack.enter_context(process(command, trees["this"].environment, folder / "sink.log", None))
        await_port(sink, folder / "sink.log")
        servers = {}
        for name in in_turn(names, number):
            servers[name] = start(stack, name, trees, folder, core, sink)
            servers[name].block(bodies, WARM_UP)
            servers[name].forget()
        arrived = {name: _arrived(sink, name) for name in names}
        for block in range(BLOCKS):
            for name in in_turn([name for name in names if block == 0 or name not in SLOW], number + block):
                servers[name].block(bodies, SECONDS)
        for name in SLOW & set(names):
            servers[name].lost = max(0, servers[name].answered - (_arrived(sink, name) - arrived[name]))
    return [servers[name] for name in names]


def _arrived(sink: int, name: str) -> int:
    answer = get(f"http://127.0.0.1:{sink}/{name}")
    if answer is None:
        raise SystemExit("the endpoint for rows does not answer")
    return int(answer.data)


def show(console: Console, pairs: Sequence[Sequence[ModelServer]]) -> dict[str, dict[str, Any]]:
    """Print the table; return its figures by name."""
    table = Table("model server", title="medians of the pairs; over none: the median of the ratios, 95 % bootstrap")
    columns = "answers/s", "over none", "CPU µs/request", "over none", "p50 ms", "p99 ms", "p99.9 ms", "rows lost"
    for column in columns:
        table.add_column(column, justify="right")
    figures: dict[str, dict[str, Any]] = {}
    none = [pair[0] for pair in pairs]
    for runs in zip(*pairs, strict=True):
        name = runs[0].name
        throughput = [run.throughput / base.throughput for run, base in zip(runs, none, strict=True)]
        cpu = [run.cpu_a_request / base.cpu_a_request for run, base in zip(runs, none, strict=True)]
        quantiles = np.median([np.percentile(run.latencies, (50, 99, 99.9)) for run in runs], axis=0) * 1e3
        lost = [run.lost for run in runs if run.lost is not None]
        table.add_row(
            TITLES[name],
            f"{statistics.median(run.throughput for run in runs):,.0f}",
            _interval(throughput),
            f"{statistics.median(run.cpu_a_request for run in runs):,.0f}",
            _interval(cpu),
            *(f"{value:.2f}" for value in quantiles),
            f"{sum(lost) / sum(run.answered for run in runs):.1%}" if lost else "",
        )
        figures[name] = {"throughput over none": throughput, "CPU over none": cpu, "p50 p99 p99.9 ms": list(quantiles)}
    console.print(table)
    return figures


def _interval(ratios: Sequence[float]) -> str:
    middle, low, high = bootstrap(ratios)
    return f"{middle:.3f} ({low:.3f}–{high:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, pairs=20, quick=2)
    options = parser.parse_args()
    console = wide_console()
    trees = {version.name: version for version in versions(options.before)}
    names = [name for name in TITLES if name != "before" or "before" in trees]
    core, bodies, pairs = reserve_server_core(), requests(), []
    for version in trees.values():
        console.print(version.describe(), highlight=False)
    with tempfile.TemporaryDirectory() as folder, progress(console) as bar:
        reference_profile().dump(Path(folder) / "profile.json")
        for number in bar.track(range(pairs_of(options)), description="pairs"):
            pairs.append(run_pair(names, trees, Path(folder), core, number, bodies))
    figures = show(console, pairs)
    bars = Bars(console)
    share = statistics.median(server.core_share for pair in pairs for server in pair if server.name == "none")
    middle, low, high = bootstrap(figures["ours"]["throughput over none"])
    what = f"throughput with Monitor over none, {low:.3f} to {high:.3f}"
    if share < QUIET:
        bars.skip(f"{what}: {middle:.3f}", f"the model server got {share:.2f} of its core: the machine is not quiet")
    else:
        bars.at_least(what, middle, BAR)
    middle, low, high = bootstrap([1 / ratio for ratio in figures["ours"]["CPU over none"]])
    bars.at_least(f"answers a second of CPU with Monitor over none, {low:.3f} to {high:.3f}", middle, BAR)
    write_json(options.json, {"versions": [version.describe() for version in trees.values()], **figures}, bars)
    raise SystemExit(1 if bars.missed else 0)


if __name__ == "__main__":
    main()
