"""What does the middleware cost a model server: its throughput and its slowest answers, without and with?

    python bench/middleware.py [--pairs 20] [--quick] [--json FILE]

The flights model server of `driftmeter demo` (one uvicorn process, one row a request) answers the same requests

- none: without monitoring;
- middleware: with `driftmeter.integrations.asgi.DriftMiddleware`, whose monitor reports to a real metric server;
- monitor: with a Monitor that its code calls, as bench/prediction_path.py measures it.

Method, load and cores are those of bench/prediction_path.py: fresh processes that take turns in blocks of a second. A
pair gives one ratio to none; figures are medians of the pairs, with bootstrap intervals of 95 %.

Bars: throughput with the middleware at least 0.97 of none, and so the answers in a second of CPU; the 99th percentile
of the time to answer at most 1.03 of none. Throughput and times count only if the model server had its core for itself
(at least 0.9 of it without monitoring). The exit code is 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from driftmeter.demo.data import reference_profile
from prediction_path import BLOCKS, QUIET, SECONDS, SERVER, WARM_UP, ModelServer, await_port, process, requests
from servers import free_port, metric_server, reserve_server_core
from turns import Bars, Version, add_options, bootstrap, in_turn, pairs_of, progress, versions, wide_console, write_json

NAMES = ("none", "middleware", "monitor")
THROUGHPUT, SLOWEST = 0.97, 1.03
PERCENT = 99
Figure = Callable[[ModelServer], float]


def p99(server: ModelServer) -> float:
    """The 99th percentile of the time to answer, in ms."""
    return float(np.percentile(server.latencies, PERCENT)) * 1e3


FIGURES: dict[str, Figure] = {
    "answers/s": lambda server: server.throughput,
    "CPU µs/request": lambda server: server.cpu_a_request,
    "p50 ms": lambda server: statistics.median(server.latencies) * 1e3,
    "p99 ms": p99,
}


def run_pair(version: Version, folder: Path, core: int, number: int, bodies: Sequence[bytes]) -> list[ModelServer]:
    """Load fresh servers in turns; return them with what came of it."""
    with ExitStack() as stack:
        servers = {}
        for name in in_turn(NAMES, number):
            port, log = free_port(), folder / f"{name}.log"
            command = [sys.executable, str(SERVER), name, "--port", str(port)]
            if name != "none":
                tier = stack.enter_context(metric_server(version.source))
                command += ["--target", f"http://127.0.0.1:{tier}", "--profile", str(folder / "profile.json")]
            pid = stack.enter_context(process(command, version.environment, log, core))
            servers[name] = ModelServer(name, pid, port)
            await_port(port, log)
            servers[name].block(bodies, WARM_UP)
            servers[name].forget()
        for block in range(BLOCKS):
            for name in in_turn(NAMES, number + block):
                servers[name].block(bodies, SECONDS)
    return [servers[name] for name in NAMES]


def ratios(pairs: Sequence[Sequence[ModelServer]], name: str, figure: Figure) -> list[float]:
    """Return, of each pair, a figure with some monitoring over that without."""
    place = NAMES.index(name)
    return [figure(pair[place]) / figure(pair[0]) for pair in pairs]


def show(console: Console, pairs: Sequence[Sequence[ModelServer]]) -> None:
    """Print the table."""
    table = Table(
        "model server", title="medians of the pairs; in brackets over none: median of the ratios, 95 % bootstrap"
    )
    for column in FIGURES:
        table.add_column(column, justify="right")
    for place, name in enumerate(NAMES):
        cells = []
        for figure in FIGURES.values():
            middle, low, high = bootstrap(ratios(pairs, name, figure))
            value = statistics.median(figure(pair[place]) for pair in pairs)
            cells.append(f"{value:,.3g} ({middle:.3f}, {low:.3f}–{high:.3f})" if place else f"{value:,.3g}")
        table.add_row(name, *cells)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, pairs=20, quick=2)
    options = parser.parse_args()
    console, [version, *_] = wide_console(), versions(None)
    console.print(version.describe(), highlight=False)
    core, bodies, pairs = reserve_server_core(), requests(), []
    with tempfile.TemporaryDirectory() as folder, progress(console) as bar:
        reference_profile().dump(Path(folder) / "profile.json")
        for number in bar.track(range(pairs_of(options)), description="pairs"):
            pairs.append(run_pair(version, Path(folder), core, number, bodies))
    show(console, pairs)
    bars = Bars(console)
    share = statistics.median(pair[0].core_share for pair in pairs)
    throughput, low, high = bootstrap(ratios(pairs, "middleware", lambda server: server.throughput))
    slowest, least, most = bootstrap(ratios(pairs, "middleware", p99))
    what = f"throughput with the middleware over none, {low:.3f} to {high:.3f}"
    slow = f"p99 with the middleware over none, {least:.3f} to {most:.3f}"
    if share < QUIET:
        why = f"the model server got {share:.2f} of its core: the machine is not quiet"
        bars.skip(f"{what}: {throughput:.3f}", why)
        bars.skip(f"{slow}: {slowest:.3f}", why)
    else:
        bars.at_least(what, throughput, THROUGHPUT)
        bars.at_most(slow, slowest, SLOWEST)
    middle, low, high = bootstrap([1 / ratio for ratio in ratios(pairs, "middleware", lambda one: one.cpu_a_request)])
    bars.at_least(f"answers a second of CPU with the middleware over none, {low:.3f} to {high:.3f}", middle, THROUGHPUT)
    figures = {name: {key: ratios(pairs, name, figure) for key, figure in FIGURES.items()} for name in NAMES[1:]}
    write_json(options.json, {"versions": [version.describe()], **figures}, bars)
    raise SystemExit(1 if bars.missed else 0)


if __name__ == "__main__":
    main()
