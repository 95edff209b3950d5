"""How much time does `Monitor.observe` add to a prediction, and how much CPU does its background thread use?

For comparison: a call of an empty function, a put into a queue.Queue, and a common alternative, one prometheus_client
Histogram per feature. There are 30 numeric features; each case runs in a fresh process.

    python bench/observe.py
"""

from __future__ import annotations

import json
import queue
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import numpy as np

from servers import free_port

FEATURES = 30
BATCH, BATCHES = 1_000, 200
ROWS_PER_SECOND = 5_000  # for the background thread: a busy model server
Row = dict[str, float]


def rows(count: int) -> list[Row]:
    draw = random.Random(0).gauss
    return [{f"feature_{number}": draw(0, 1) for number in range(FEATURES)} for _ in range(count)]


def nanoseconds(call: Callable[[Row], object], settle: Callable[[], object] = lambda: None) -> float:
    """Return the median over batches of the mean time of a call; `settle` runs between batches and is not timed."""
    batch, means = rows(BATCH), []
    for _ in range(BATCHES):
        started = time.perf_counter_ns()
        for row in batch:
            call(row)
        means.append((time.perf_counter_ns() - started) / BATCH)
        settle()
    return statistics.median(means)


def empty_function() -> dict[str, float]:
    def nothing(row: Row) -> None:
        pass

    return {"ns": nanoseconds(nothing)}


def queue_put() -> dict[str, float]:
    waiting: queue.Queue[Row] = queue.Queue()
    return {"ns": nanoseconds(waiting.put, waiting.queue.clear)}


def prometheus_histograms() -> dict[str, float]:
    from prometheus_client import CollectorRegistry, Histogram

    registry = CollectorRegistry()
    features = {f"feature_{n}": Histogram(f"feature_{n}", "A feature.", registry=registry) for n in range(FEATURES)}

    def observe(row: Row) -> None:
        for name, value in row.items():
            features[name].observe(value)

    return {"ns": nanoseconds(observe)}


def monitor_observe() -> dict[str, float]:
    import polars as pl

    from driftmeter.client import Monitor
    from driftmeter.profile.profile import Profile

    with subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        profile = Profile.fit(pl.DataFrame(rows(10_000)), model="bench")
        monitor = Monitor(url, profile=profile)
        monitor.observe(rows(1)[0])
        assert monitor.flush(30)
        result = {"ns": nanoseconds(monitor.observe, monitor.flush)}
        [thread] = [thread for thread in threading.enumerate() if thread.name == "driftmeter"]
        cpu = time.pthread_getcpuclockid(thread.ident or 0)
        batch, before, seconds, requests = rows(50), time.clock_gettime(cpu), 5, monitor.stats()["requests"]
        calls = []
        for _ in range(seconds * ROWS_PER_SECOND // len(batch)):
            started = time.perf_counter_ns()
            for row in batch:
                begun = time.perf_counter_ns()
                monitor.observe(row)
                calls.append(time.perf_counter_ns() - begun)
            time.sleep(max(0.0, len(batch) / ROWS_PER_SECOND - (time.perf_counter_ns() - started) / 1e9))
        assert monitor.flush(30)
        assert monitor.stats()["dropped"] == 0
        result["background µs"] = (time.clock_gettime(cpu) - before) / (seconds * ROWS_PER_SECOND) * 1e6
        result["requests/s"] = (monitor.stats()["requests"] - requests) / seconds
        result["p99 ns"] = float(np.percentile(calls, 99))
        result["p99.99 µs"] = float(np.percentile(calls, 99.99)) / 1000
        monitor.close()
        server.terminate()
    return result


def serve() -> None:
    """Run a metric server with a store in memory, and print its address."""
    from driftmeter.engine.engine import Engine
    from driftmeter.server.options import Settings
    from driftmeter.server.run import make_server
    from driftmeter.store import open_store

    port = free_port()
    print(f"http://127.0.0.1:{port}", flush=True)
    make_server(Engine(open_store("memory://")), Settings(port=port)).run()


CASES: dict[str, Callable[[], dict[str, float]]] = {
    "an empty function": empty_function,
    "queue.Queue.put": queue_put,
    "Monitor.observe": monitor_observe,
    f"Histogram.observe x {FEATURES}": prometheus_histograms,
}


def main() -> None:
    results = {}
    for name in CASES:
        done = subprocess.run([sys.executable, __file__, name], capture_output=True, text=True, check=True)
        results[name] = json.loads(done.stdout)
    ours = results["Monitor.observe"]
    print(f"{'a row of ' + str(FEATURES) + ' features':28}{'ns':>9}{'x observe':>11}")
    for name, result in results.items():
        print(f"{name:28}{result['ns']:9,.0f}{result['ns'] / ours['ns']:11.2f}")
    print(
        f"\nat {ROWS_PER_SECOND:,} rows/s: background thread {ours['background µs']:.2f} µs of CPU per row "
        f"({ours['background µs'] * ROWS_PER_SECOND / 1e4:.1f} % of a core), {ours['requests/s']:.1f} requests/s;\n"
        f"one observe, timer included: 99 % within {ours['p99 ns']:,.0f} ns, 99.99 % within {ours['p99.99 µs']:,.0f} µs"
    )


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    elif sys.argv[1] == "serve":
        serve()
    else:
        print(json.dumps(CASES[sys.argv[1]]()))
