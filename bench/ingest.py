"""How many rows a second does one core of a metric server accept, in each format, beside the original design?

Batches of 1,000 rows of 30 float features are sent over loopback HTTP. Each case is a fresh server process that is
pinned to one core; the client uses the others. A row counts when its answer says "accepted": with SQLite this is after
fsync. The original design uses the same framework. It accepts one POST per row into a buffer. When the buffer holds
1,000 rows, it runs `scipy.stats.ks_2samp` for each feature against the reference. With `--before`, the code of another
checkout takes turns with this one, case by case; the last column is the median of the ratios of rows per second of the
server's CPU.

    python bench/ingest.py [--seconds 5] [--only memory] [--before FOLDER] [--rounds 3]
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from servers import connect, cpu_seconds, free_port, memory_mb, reserve_server_core, wait_until_ready

ROWS, FEATURES, REFERENCE_ROWS, WARM_UP = 1_000, 30, 10_000, 1.0
HERE = Path(__file__).resolve().parents[1]
NAMES = [f"feature_{number}" for number in range(FEATURES)]


@dataclass(frozen=True)
class Case:
    """A store, a format of the rows, a number of connections, and the target in rows a second."""

    name: str
    store: str
    form: str
    connections: int
    target: int = 0


CASES = (
    Case("original design, a POST a row", "original", "row", 16),
    Case("memory, msgpack of raw float64 columns", "memory", "msgpack", 8, 1_000_000),
    Case("memory, Arrow stream", "memory", "arrow", 8),
    Case("memory, JSON columns", "memory", "json columns", 8, 100_000),
    Case("memory, JSON rows", "memory", "json rows", 8, 100_000),
    Case("SQLite with fsync, msgpack", "sqlite", "msgpack", 16, 400_000),
    Case("SQLite with fsync, Arrow stream", "sqlite", "arrow", 16),
    Case("SQLite with fsync, JSON rows", "sqlite", "json rows", 16),
)


def reference() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(REFERENCE_ROWS, FEATURES)) * 100


def body(form: str) -> tuple[str, bytes]:
    values = np.random.default_rng(2).normal(size=(ROWS, FEATURES)) * 100
    columns = dict(zip(NAMES, np.ascontiguousarray(values.T), strict=True))
    if form == "msgpack":
        raw = {name: column.tobytes() for name, column in columns.items()}
        return "application/msgpack", msgspec.msgpack.encode({"columns": raw})
    if form == "arrow":
        table = pa.table(columns)
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return "application/vnd.apache.arrow.stream", sink.getvalue()
    if form == "json columns":
        lists = {name: column.tolist() for name, column in columns.items()}
        return "application/json", msgspec.json.encode({"columns": lists})
    rows = [dict(zip(NAMES, row, strict=True)) for row in values.tolist()]
    return "application/json", msgspec.json.encode({"rows": rows} if form == "json rows" else rows[0])


# --- the servers


def serve_driftmeter(store: str, port: int, folder: Path) -> None:
    import polars

    from driftmeter.profile.profile import Profile
    from driftmeter.server.options import Settings
    from driftmeter.server.run import serve

    Profile.fit(polars.DataFrame(reference(), schema=NAMES), model="bench").dump(folder / "profile.json")
    url = "memory://" if store == "memory" else f"sqlite:///{folder / 'bench.db'}"
    serve(Settings(port=port, store=url, profiles=(folder / "profile.json",)))


def serve_original(port: int) -> None:
    import uvicorn
    from scipy.stats import ks_2samp

    reference_rows = reference()
    buffer: list[list[float]] = []
    p_values: dict[str, float] = {}

    async def readyz(request: Request) -> JSONResponse:
        return JSONResponse({"status": "ready"})

    async def add(request: Request) -> JSONResponse:
        row = await request.json()
        buffer.append([row[name] for name in NAMES])
        if len(buffer) == ROWS:
            window = np.array(buffer)
            buffer.clear()
            for position, name in enumerate(NAMES):
                result = ks_2samp(reference_rows[:, position], window[:, position], method="asymp")
                p_values[name] = float(result.pvalue)
        return JSONResponse({"accepted": 1})

    routes = [Route("/readyz", readyz), Route("/v1/models/bench/rows", add, methods=["POST"])]
    app = Starlette(routes=routes)
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning")


# --- the client


class Connection:
    """A keep-alive connection that costs the client little CPU."""

    def __init__(self, port: int) -> None:
        """Connect."""
        self._socket = connect(port)

    def exchange(self, request: bytes) -> bytes:
        """Send a request and return the body of the answer; raise RuntimeError unless the answer is a 200."""
        self._socket.sendall(request)
        answer = self._socket.recv(65_536)
        while b"\r\n\r\n" not in answer:
            answer += self._socket.recv(65_536)
        head, _, content = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(content) < length:
            content += self._socket.recv(65_536)
        return content


def request_of(content_type: str, content: bytes) -> bytes:
    head = (
        "POST /v1/models/bench/rows HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def drive(case: Case, port: int, pid: int, seconds: float) -> tuple[float, float, float, float]:
    """Return rows a second: mean, of the best second, and per second of server CPU; and the median latency in ms."""
    request = request_of(*body(case.form))
    begin = time.perf_counter() + WARM_UP
    end = begin + seconds
    accepted: list[tuple[float, int]] = []
    latencies: list[float] = []
    failures: list[Exception] = []

    def work() -> None:
        connection = Connection(port)
        while (sent := time.perf_counter()) < end and not failures:
            try:
                answer = connection.exchange(request)
            except (OSError, RuntimeError) as error:
                failures.append(error)
                return
            done = time.perf_counter()
            if begin <= done < end:
                accepted.append((done, json.loads(answer)["accepted"]))
                latencies.append(done - sent)

    threads = [threading.Thread(target=work) for _ in range(case.connections)]
    for thread in threads:
        thread.start()
    time.sleep(max(0.0, begin - time.perf_counter()))
    spent = -cpu_seconds(pid)
    time.sleep(max(0.0, end - time.perf_counter()))
    spent += cpu_seconds(pid)
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    rows = sum(count for _, count in accepted)
    by_second = np.zeros(int(seconds) + 1)
    for done, count in accepted:
        by_second[int(done - begin)] += count
    return rows / seconds, float(by_second.max()), rows / spent, float(np.median(latencies)) * 1e3


def measure(case: Case, seconds: float, server_core: int, tree: Path) -> tuple[float, float, float, float, float]:
    """Return the figures of `drive` for a fresh server of a checkout, and the server's peak memory in MB."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--serve", case.store, "--port", str(port), "--folder", folder]
        command += ["--core", str(server_core)]
        server = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(tree / "src")})
        try:
            wait_until_ready(port, server)
            return *drive(case, port, server.pid, seconds), memory_mb(server.pid, "VmHWM")
        finally:
            server.terminate()
            server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--only", default="", help="only cases whose name contains this text")
    parser.add_argument("--before", type=Path, help="the folder of another version's checkout")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        os.sched_setaffinity(0, {options.core})
        if options.serve == "original":
            serve_original(options.port)
        else:
            serve_driftmeter(options.serve, options.port, options.folder)
        return
    core = reserve_server_core()
    head = ("rows/s", "best second", "rows/CPU s", "target", "× original", "latency ms", "MB", "× before")
    print(f"{'':40}" + "".join(f" {name:>11}" for name in head))
    original = None
    for case in CASES:
        if options.only not in case.name and case.store != "original":
            continue
        compared = options.before is not None and case.store != "original"
        here, ratios = [], []
        for _ in range(options.rounds):
            here.append(measure(case, options.seconds, core, HERE))
            if compared:
                ratios.append(here[-1][2] / measure(case, options.seconds, core, options.before.resolve())[2])
        rate, best, per_cpu, latency, memory = np.median(here, axis=0)
        original = per_cpu if case.store == "original" else original
        target = f"{case.target:,}" if case.target else ""
        before = f"{np.median(ratios):.2f}" if ratios else ""
        ratio = f"{per_cpu / original:,.0f}"
        figures = (f"{rate:,.0f}", f"{best:,.0f}", f"{per_cpu:,.0f}", target, ratio, f"{latency:.1f}", f"{memory:.0f}")
        print(f"{case.name:40}" + "".join(f" {figure:>11}" for figure in (*figures, before)), flush=True)


if __name__ == "__main__":
    main()
