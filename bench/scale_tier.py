"""The metric tier that bench/scale.py measures: a model of 30 features, a store, and metric servers as processes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from detection_streams import NULLS, Bins, Rng, normal, poisson, zipf
from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import Pane
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from driftmeter.types import Counts, Milliseconds
from servers import cpu_seconds, free_port, wait_until_ready

MODEL = "bench"
FEATURES, REFERENCE_ROWS = 30, 10_000
LAWS = [normal(), NULLS["1 % missing"], poisson(3), zipf(20), zipf(40), normal(100, 15)]
"""The laws of the features; five features have each law."""


def reference(rng: Rng) -> pl.DataFrame:
    """Draw a reference of 30 features: 20 numeric ones, some with missing or whole numbers, and 10 categorical ones."""
    return pl.DataFrame(
        {
            f"f{number:02}": law.column(law.draw(rng, REFERENCE_ROWS))
            for number, law in enumerate(LAWS * (FEATURES // len(LAWS)))
        }
    )


def fit_profile(model: str = MODEL) -> Profile:
    """Fit the profile of a model; all models have the same reference."""
    return Profile.fit(reference(np.random.default_rng(1)), model=model, independent=True, residuals=False)


def draw_records(rows: int, seed: int) -> list[dict[str, Any]]:
    """Draw rows as a model server passes them to the SDK."""
    rng = np.random.default_rng(seed)
    columns = [law.column(law.draw(rng, rows)) for law in LAWS * (FEATURES // len(LAWS))]
    lists = [
        column if isinstance(column, list) else [None if value != value else value for value in column.tolist()]
        for column in columns
    ]
    names = [f"f{number:02}" for number in range(FEATURES)]
    return [dict(zip(names, row, strict=True)) for row in zip(*lists, strict=True)]


class Counter:
    """Draws the counts of panes, distributed as the counts of binned rows."""

    def __init__(self, profile: Profile, seed: int) -> None:
        """Prepare for one profile."""
        laws = LAWS * (FEATURES // len(LAWS))
        pairs = zip(laws, profile.features, strict=True)
        self._bins = Bins([law.probabilities(feature.grid) for law, feature in pairs])
        self._rng = np.random.default_rng(seed)

    def draw(self, rows: int, panes: int) -> Counts:
        """Draw panes of `rows` rows each, shape (panes, bins)."""
        return self._bins.draw(self._rng, rows, panes)


def pane_of(
    profile: Profile, start: Milliseconds, length: Milliseconds, source: str, sequence: int, rows: int, counts: Counts
) -> Pane:
    """Return a pane of a live source that has sent all the rows that it observed."""
    observed = rows * max(1, sequence)
    totals = SourceTotals(observed, observed)
    return Pane(profile.digest, start, length, source, sequence, Summary(rows, counts), totals)


class RedisServer:
    """A Redis server of this benchmark, with the options of production."""

    def __init__(self, folder: Path) -> None:
        """Start it; it writes its data to `folder`."""
        import redis

        self.port = free_port()
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.client = redis.Redis(port=self.port)
        for _ in range(100):
            try:
                self.client.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.1)
        raise RuntimeError("redis-server was not ready within 10 s")

    def info(self, section: str) -> dict[str, Any]:
        """Return a section of INFO."""
        fields: dict[str, Any] = self.client.info(section)
        return fields

    def cpu(self) -> float:
        """Return the CPU seconds so far, to the microsecond."""
        fields = self.info("cpu")
        return float(fields["used_cpu_sys"]) + float(fields["used_cpu_user"])

    def memory(self) -> int:
        """Return the size of the data in bytes."""
        return int(self.info("memory")["used_memory_dataset"])

    def commands(self) -> dict[str, tuple[int, float]]:
        """Return the calls and CPU microseconds so far, by command."""
        commands = self.info("commandstats")
        return {name.removeprefix("cmdstat_"): (use["calls"], float(use["usec"])) for name, use in commands.items()}

    def stop(self) -> None:
        """Stop it."""
        self.client.close()
        self.process.terminate()
        self.process.wait()


@contextmanager
def empty_store(kind: str) -> Iterator[tuple[str, RedisServer | None]]:
    """Yield the URL of an empty store, and its Redis server if it has one."""
    with tempfile.TemporaryDirectory() as folder:
        if kind == "sqlite":
            yield f"sqlite:///{folder}/scale.sqlite", None
            return
        server = RedisServer(Path(folder))
        try:
            yield f"redis://127.0.0.1:{server.port}/0", server
        finally:
            server.stop()


@dataclass(frozen=True)
class Spent:
    """CPU seconds so far of the metric servers and of Redis."""

    servers: float
    redis: float

    def __sub__(self, earlier: Spent) -> Spent:
        """Return the CPU seconds spent since `earlier`."""
        return Spent(self.servers - earlier.servers, self.redis - earlier.redis)

    @property
    def total(self) -> float:
        """Both together."""
        return self.servers + self.redis


@dataclass(frozen=True)
class Tier:
    """Metric servers that share a store."""

    urls: tuple[str, ...]
    pids: tuple[int, ...]
    store: str
    redis: RedisServer | None

    def spent(self) -> Spent:
        """Return the CPU seconds so far."""
        return Spent(sum(map(cpu_seconds, self.pids)), self.redis.cpu() if self.redis else 0.0)


@contextmanager
def running_tier(kind: str, servers: int, profiles: int = 1) -> Iterator[Tier]:
    """Run metric servers at their default settings; they have the profiles of `profiles` models."""
    with empty_store(kind) as (url, redis), tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        options: list[str] = []
        for number in range(profiles):
            path = Path(folder, f"profile-{number}.json")
            fit_profile(MODEL if not number else f"{MODEL}-{number}").dump(path)
            options += ["--profile", str(path)]
        urls, pids = [], []
        for _ in range(servers):
            port = free_port()
            command = [sys.executable, "-m", "driftmeter", "serve", "--store", url, "--port", str(port), *options]
            process = subprocess.Popen([*command, "--log-level", "warning"], stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            wait_until_ready(port, process)
            urls.append(f"http://127.0.0.1:{port}")
            pids.append(process.pid)
        yield Tier(tuple(urls), tuple(pids), url, redis)


def line(**content: object) -> bytes:
    """Return one line of JSON, for the pipe between two processes."""
    return json.dumps(content).encode() + b"\n"
