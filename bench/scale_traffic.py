"""The load of `bench/scale.py --traffic`: model servers as processes, which get their commands through a pipe.

A model server of the form `SDK` runs the real `driftmeter.Monitor` at its default settings. It observes rows at a
steady rate: 50 times a second, all rows that are due. Eight of them bin 40,000 rows/s, which takes half a core. On a
busy machine they lose rows and send less, which proves nothing about the metric tier. For this reason there is the form
`panes`: the counts of as many rows are drawn in advance and sent once a second as by the SDK, cumulative, with its
codec and transport. Only the metric tier is measured. The forms of rows send the rows of each second as one `POST
/rows`, in JSON (as programs without the SDK do) or in msgpack of raw columns. Bytes are those of whole requests with
their headers.

    python bench/scale_traffic.py --url URL --seed N      (reads commands, writes counts; started by scale.py)
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from rich.console import Console

from driftmeter import Monitor
from driftmeter.client.transport import PANE_TYPE, Http, model_path
from driftmeter.panes.codec import encode_pane
from scale_tier import MODEL, Counter, Spent, Tier, draw_records, fit_profile, line, pane_of
from servers import cpu_seconds

SERVERS, METRIC_SERVERS = 8, 2
TICK = 0.02
PANE_SECONDS = 10
PANE_MS = PANE_SECONDS * 1_000
POOL = 4_000
MSGPACK = "application/msgpack"


@dataclass(frozen=True)
class Setting:
    """The work of each model server: how it reports, and its rows a second."""

    form: str
    rate: int

    @property
    def name(self) -> str:
        """The setting in words."""
        return f"{self.form}, {self.rate:,} rows/s" if self.rate else "nothing"


IDLE = Setting("SDK", 0)
RATES = (50, 500, 5_000)
PANES = {form: [Setting(form, rate) for rate in RATES] for form in ("panes", "SDK")}
SETTINGS = (
    IDLE, *PANES["panes"], *PANES["SDK"],
    Setting("JSON rows", 50), Setting("JSON rows", 500), Setting("msgpack columns", 500),
)  # fmt: skip


@dataclass
class Measured:
    """The cost of some seconds of one setting, added up over the rounds."""

    seconds: float = 0.0
    servers: float = 0.0
    redis: float = 0.0
    models: float = 0.0
    rows: int = 0
    requests: int = 0
    bytes: int = 0
    dropped: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    """Dropped rows, by reason."""

    @property
    def tier(self) -> float:
        """CPU seconds a second of the metric tier."""
        return (self.servers + self.redis) / self.seconds


def measure(
    tier: Tier, settings: Sequence[Setting], rounds: int, seconds: int, console: Console
) -> dict[Setting, Measured]:
    """Run the settings in turn, back and forth, so that a slow minute affects them equally."""
    measured = {setting: Measured() for setting in settings}
    models = [ModelServer(tier.urls[number % len(tier.urls)], number) for number in range(SERVERS)]
    try:
        for number in range(rounds):
            for setting in settings if number % 2 == 0 else settings[::-1]:
                for model in models:
                    model.tell(form=setting.form, rate=setting.rate)
                # let one whole pane pass, then measure whole panes
                time.sleep(2 * PANE_SECONDS - time.time() % PANE_SECONDS)
                before = [tier.spent(), *(model.counts() for model in models)]
                began = time.monotonic()
                time.sleep(seconds)
                after = [tier.spent(), *(model.counts() for model in models)]
                _add(measured[setting], before, after, time.monotonic() - began)
                console.print(f"round {number + 1}, {setting.name}: done", style="dim")
    finally:
        for model in models:
            model.end()
    return measured


def _add(total: Measured, before: list[Any], after: list[Any], seconds: float) -> None:
    spent: Spent = after[0] - before[0]
    total.seconds += seconds
    total.servers += spent.servers
    total.redis += spent.redis
    for old, new in zip(before[1:], after[1:], strict=True):
        total.models += new["cpu"] - old["cpu"]
        for name in ("rows", "requests", "bytes", "dropped"):
            setattr(total, name, getattr(total, name) + new[name] - old[name])
        for reason, rows in new["lost"].items():
            total.lost[reason] = total.lost.get(reason, 0) + rows - old["lost"].get(reason, 0)


class ModelServer:
    """Controls one process that runs this file."""

    def __init__(self, url: str, seed: int) -> None:
        """Start it."""
        command = [sys.executable, __file__, "--url", url, "--seed", str(seed)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def tell(self, **command: object) -> dict[str, Any]:
        """Send a command, and return the answer."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line(**command))
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def counts(self) -> dict[str, Any]:
        """Return its counts and CPU seconds so far."""
        return {**self.tell(), "cpu": cpu_seconds(self._process.pid)}

    def end(self) -> None:
        """End it."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


# --- inside the process


class WireCounter:
    """Counts the requests that urllib3 sends, and their bytes."""

    def __init__(self) -> None:
        """Count on all connections of this process."""
        self.requests = self.bytes = 0
        send, begin = http.client.HTTPConnection.send, http.client.HTTPConnection.putrequest

        def counting(connection: http.client.HTTPConnection, data: Any) -> None:
            self.bytes += len(data)
            send(connection, data)

        def beginning(connection: http.client.HTTPConnection, *args: Any, **options: Any) -> None:
            self.requests += 1
            begin(connection, *args, **options)

        http.client.HTTPConnection.send = counting  # type: ignore[method-assign, assignment]
        http.client.HTTPConnection.putrequest = beginning  # type: ignore[method-assign, assignment]


class LoadGenerator:
    """Makes rows at the rate `rate`, and reports them in the form `form`."""

    def __init__(self, url: str, seed: int) -> None:
        """Prepare; there are no rows yet."""
        self.form, self.rate = "SDK", 0
        self.rows = self.sent = self.failed = 0
        self._pool = draw_records(POOL, seed)
        self._next = 0
        self._waiting: list[dict[str, Any]] = []
        self.monitor = Monitor(url, model=MODEL, source=f"model-server-{seed}")
        self._http = Http(url, None)
        self._source = f"drawn-ahead-{seed}"
        profile = fit_profile()
        counter = Counter(profile, seed)
        self._profile = profile
        self._drawn = {rate: counter.draw(rate, PANE_SECONDS).cumsum(axis=0) for rate in RATES}
        self._sequence = 0

    def run(self) -> None:
        """Make rows without end."""
        began, made, rate = time.monotonic(), 0, self.rate
        posted = began
        while True:
            time.sleep(TICK)
            now = time.monotonic()
            if rate != self.rate:
                began, made, rate = now, 0, self.rate
                self._waiting.clear()
            due = int((now - began) * rate) - made
            made += due
            self.rows += due
            for _ in range(due if self.form != "panes" else 0):
                row = self._pool[self._next]
                self._next = (self._next + 1) % POOL
                if self.form == "SDK":
                    self.monitor.observe(row)
                else:
                    self._waiting.append(row)
            if now - posted >= 1:
                posted = now
                if self._waiting:
                    self._post()
                elif self.form == "panes" and rate:
                    self._put(rate)

    def _put(self, rate: int) -> None:
        now = time.time_ns() // 1_000_000
        start = now // PANE_MS * PANE_MS
        seconds = (now - start) // 1_000 + 1
        self._sequence += 1
        counts = self._drawn[rate][seconds - 1]
        pane = pane_of(self._profile, start, PANE_MS, self._source, self._sequence, int(seconds * rate), counts)
        path = model_path(MODEL, "panes", str(start), pane.source)
        answer = self._http("PUT", path, encode_pane(pane), PANE_TYPE, 5.0)
        if not answer.ok:
            self.failed += rate

    def _post(self) -> None:
        rows, self._waiting = self._waiting, []
        if self.form == "JSON rows":
            body, media = msgspec.json.encode({"rows": rows}), "application/json"
        else:
            body, media = msgspec.msgpack.encode({"columns": _columns(rows)}), MSGPACK
        answer = self._http("POST", model_path(MODEL, "rows"), body, media, 5.0)
        if not answer.ok:
            self.failed += len(rows)


def _columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, first in rows[0].items():
        values = [row[name] for row in rows]
        columns[name] = values if isinstance(first, str) else np.array(values, dtype=np.float64).tobytes()
    return columns


def main() -> None:
    """Run a model server until the pipe is closed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    wire, load = WireCounter(), LoadGenerator(options.url, options.seed)
    threading.Thread(target=load.run, daemon=True).start()
    for command in sys.stdin:
        setting = json.loads(command)
        load.form, load.rate = setting.get("form", load.form), setting.get("rate", load.rate)
        lost = {name: rows for name, rows in load.monitor.stats().items() if name.startswith("dropped_") and rows}
        lost["not taken"] = load.failed
        answer = line(rows=load.rows, requests=wire.requests, bytes=wire.bytes, dropped=sum(lost.values()), lost=lost)
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
