"""One case of bench/observe.py, in a process of its own: CPU of a row, and how long one call takes.

Rows arrive in a burst every 10 ms. The CPU of a row is that of the caller within the bursts (a pause and the making of
rows are not counted) and all that of the other threads, from the first burst to the end of a last `flush`. Rows of
dicts are decoded from JSON just before their burst: each row has values of its own, as in a model server. The metric
server is a process on another core.

Times are taken in a second run, twice as long, since a timer around each call costs CPU too.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import msgspec
import numpy as np
import polars as pl

from servers import metric_server, reserve_server_core
from turns import SkippedError, answer, check_version

FEATURES, TEXTS = 30, (3, 5, 9, 24, 50, 200)
"""Columns, and how many categories each column of texts has."""
REFERENCE_ROWS = 20_000
PERIOD = 0.01
"""Seconds from one burst to the next."""
BURSTS = 100
"""Different bursts; then the same values come again."""
WARM_UP = 0.5
NAMES = [f"feature_{number}" for number in range(FEATURES)]
Columns = dict[str, np.ndarray]


def floats(rng: np.random.Generator, rows: int) -> Columns:
    return dict(zip(NAMES, rng.normal(size=(rows, FEATURES)).T, strict=True))


def with_texts(rng: np.random.Generator, rows: int) -> Columns:
    columns = dict(list(floats(rng, rows).items())[: FEATURES - len(TEXTS)])
    for kinds in TEXTS:
        columns[f"category_{kinds}"] = np.char.add("value ", rng.integers(0, kinds, rows).astype(str))
    return columns


def correlated(rng: np.random.Generator, rows: int) -> Columns:
    loadings = np.random.default_rng(7).normal(size=(5, FEATURES))
    values = rng.normal(size=(rows, 5)) @ loadings + rng.normal(size=(rows, FEATURES))
    return dict(zip(NAMES, values.T, strict=True))


@dataclass(frozen=True)
class Case:
    """Rows of one kind, `burst` of them every PERIOD; `form` is how they are given to the monitor."""

    columns: Callable[[np.random.Generator, int], Columns]
    burst: int
    form: str = "dict"
    residuals: bool = False


CASES = {
    "floats": Case(floats, 50),
    "trickle": Case(floats, 1),
    "texts": Case(with_texts, 50),
    "residuals": Case(correlated, 50, residuals=True),
    "array": Case(floats, 500, "array"),
    "matrix": Case(floats, 1_000, "matrix"),
}


def bursts(case: Case) -> Iterator[Sequence[Any]]:
    """Yield bursts without end: what one call after the other gets."""
    rng = np.random.default_rng(1)
    drawn = [case.columns(rng, case.burst) for _ in range(BURSTS)]
    if case.form == "dict":
        bodies = [msgspec.json.encode(pl.DataFrame(columns).to_dicts()) for columns in drawn]
        yield from map(msgspec.json.decode, cycle(bodies))
    matrices = [np.column_stack(list(columns.values())) for columns in drawn]
    yield from cycle([[matrix] if case.form == "matrix" else list(matrix) for matrix in matrices])


def give(call: Callable[[Any], object], rows: Iterator[Sequence[Any]], seconds: float) -> float:
    """Give bursts to a call for some seconds; return the CPU time of this thread within them."""
    spent, due = 0.0, time.perf_counter()
    for _ in range(round(seconds / PERIOD)):
        burst = next(rows)
        begun = time.thread_time()
        for row in burst:
            call(row)
        spent += time.thread_time() - begun
        due += PERIOD
        time.sleep(max(0.0, due - time.perf_counter()))
    return spent


def timed(call: Callable[[Any], object], into: list[int]) -> Callable[[Any], object]:
    def timed_call(row: Any) -> None:
        begun = time.perf_counter_ns()
        call(row)
        into.append(time.perf_counter_ns() - begun)

    return timed_call


def measure(name: str, seconds: float) -> dict[str, Any]:
    """Return µs of CPU a row, by caller and others; rows in a PUT; and the quantiles of one call in µs."""
    from driftmeter.client import Monitor
    from driftmeter.profile.profile import Profile

    source = check_version()
    case = CASES[name]
    options: dict[str, Any] = {}
    if case.form != "dict":
        if "columns" not in inspect.signature(Monitor).parameters:
            raise SkippedError("this version has no Monitor(columns=…)")
        options["columns"] = NAMES
    reference = pl.DataFrame(case.columns(np.random.default_rng(0), REFERENCE_ROWS))
    profile = Profile.fit(reference, model="bench", independent=True)
    if (profile.residuals is not None) != case.residuals:
        raise RuntimeError(f"{name}: expected a profile {'with' if case.residuals else 'without'} residuals")

    with metric_server(source, reserve_server_core()) as port:
        monitor = Monitor(f"http://127.0.0.1:{port}", profile=profile, **options)
        call = monitor.observe_many if case.form == "matrix" else monitor.observe
        rows = bursts(case)
        for warm_up in (PERIOD, WARM_UP):  # the first rows wait for the profile, in a buffer that soon is full
            give(call, rows, warm_up)
            if not monitor.flush(30):
                raise RuntimeError(f"{name}: the rows were not sent within 30 s")
        before, all_begun, own_begun = monitor.stats(), time.process_time(), time.thread_time()
        caller = give(call, rows, seconds)
        flush_begun = time.thread_time()
        sent = monitor.flush(30)
        all_ended, own_ended, stats = time.process_time(), time.thread_time(), monitor.stats()
        caller += own_ended - flush_begun
        counted = stats["counted"] - before["counted"]
        expected = round(seconds / PERIOD) * case.burst
        if not sent or counted != expected or stats["dropped"]:
            raise RuntimeError(f"{name}: expected {expected} rows counted, got {stats}")
        calls: list[int] = []
        give(timed(call, calls), rows, 2 * seconds)
        monitor.close()
    others = (all_ended - all_begun) - (own_ended - own_begun)
    quantiles = np.percentile(calls, (50, 99, 99.9)) / 1e3
    return {
        "cpu": (caller + others) / counted * 1e6,
        "caller": caller / counted * 1e6,
        "others": others / counted * 1e6,
        "rows a PUT": counted / (stats["requests"] - before["requests"]),
        "rows a second": case.burst / PERIOD,
        **dict(zip(("p50", "p99", "p99.9"), quantiles.tolist(), strict=True)),
    }


if __name__ == "__main__":
    answer(lambda: measure(sys.argv[1], float(sys.argv[2])))
