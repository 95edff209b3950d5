"""The measurement of `bench/scale.py --unit-costs`: the figures that docs/scaling.md multiplies.

- `puts`: the cost of PUTs of panes over HTTP to one metric server, at two rates and as fast as 16 connections allow,
  less the cost of the idle server. The idle server is measured before and after it hears of 1,000 sources.
- `idle_rates`: the cost of two idle metric servers, each, with 1 and 41 models without sources.
- `redis_contents`: the data of a model of 1,000 sources in Redis after an hour, by kind of key, and the log growth.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from driftmeter.client.transport import PANE_TYPE, Http, model_path
from driftmeter.engine.engine import Engine
from driftmeter.panes.codec import encode_pane
from scale_sources import BEGIN, HOUR_OF_PANES, ROWS, TIMING, Fleet, SetClock, empty_store_at, warm
from scale_tier import MODEL, Counter, RedisServer, Spent, Tier, fit_profile, pane_of, running_tier
from scale_traffic import WireCounter

SOURCES, MODELS, CONNECTIONS = 1_000, 41, 16
RATES = (20, 200, 0)
"""PUTs a second; 0 is as fast as possible."""
SETTLE = 3.0


@dataclass(frozen=True)
class Counters:
    """Counters at a moment: CPU, the calls of Redis and how many of them are in scripts, bytes in its log."""

    at: float
    spent: Spent
    calls: int
    scripts: int
    log: int

    @classmethod
    def of(cls, tier: Tier) -> Counters:
        """Read them."""
        redis = tier.redis
        commands = redis.commands() if redis else {}
        calls = sum(calls for calls, _ in commands.values())
        scripts = sum(commands.get(name, (0, 0.0))[0] for name in ("evalsha", "eval"))
        return cls(time.monotonic(), tier.spent(), calls, scripts, log_bytes(redis))


@dataclass(frozen=True)
class Rate:
    """The growth of the counters in one second: CPU of metric servers and of Redis, its calls, bytes of its log."""

    servers: float
    redis: float
    calls: float
    scripts: float
    log: float

    @classmethod
    def between(cls, one: Counters, two: Counters) -> Rate:
        """Return the growth per second from `one` to `two`."""
        seconds, spent = two.at - one.at, two.spent - one.spent
        calls, scripts, log = two.calls - one.calls, two.scripts - one.scripts, two.log - one.log
        return cls(*(growth / seconds for growth in (spent.servers, spent.redis, calls, scripts, log)))


@dataclass(frozen=True)
class Puts:
    """PUTs a second, bytes of a request, and the cost of a second with PUTs and of an idle second."""

    rate: float
    bytes: float
    took: Rate
    idle: Rate


def log_bytes(redis: RedisServer | None) -> int:
    """Return the size of the append-only file."""
    return int(redis.info("persistence")["aof_current_size"]) if redis else 0


def watch(tier: Tier, seconds: float) -> Rate:
    """Return the rates over the next `seconds`."""
    before = Counters.of(tier)
    time.sleep(seconds)
    return Rate.between(before, Counters.of(tier))


def puts(kind: str, seconds: float, console: Console) -> tuple[list[Puts], dict[str, Rate]]:
    """PUT panes; return the cost at each rate, and the idle rates without sources and with 1,000 sources."""
    with running_tier(kind, 1) as tier:
        time.sleep(SETTLE)
        idle = {"of one model, nobody heard of": watch(tier, seconds)}
        sender = Sender(tier.urls[0])
        sender.run(0, 2 * SOURCES)  # makes all sources known, and warms up the code
        time.sleep(3 * TIMING.pane / 1000)
        quiet = idle["of one model, 1,000 sources heard of"] = watch(tier, seconds)
        measured = []
        for rate in RATES:
            before, sent, size = Counters.of(tier), sender.sent, sender.wire.bytes
            sender.run(rate, round(rate * seconds) or 4 * SOURCES)
            after = Counters.of(tier)
            number = sender.sent - sent
            measured.append(
                Puts(
                    number / (after.at - before.at),
                    (sender.wire.bytes - size) / number,
                    Rate.between(before, after),
                    quiet,
                )
            )
            console.print(f"{number:,} PUTs: done", style="dim")
        return measured, idle


class Sender:
    """Sends panes of 1,000 sources over some connections."""

    def __init__(self, url: str) -> None:
        """Draw the counts of the panes."""
        self.profile = fit_profile()
        self.counts = Counter(self.profile, 7).draw(ROWS, SOURCES)
        self.wire, self.sent = WireCounter(), 0
        self._links = [Http(url, None) for _ in range(CONNECTIONS)]
        self._lock = threading.Lock()

    def run(self, rate: float, number: int) -> None:
        """Send `number` panes, evenly in time if `rate` is not 0."""
        began, first = time.monotonic(), self.sent
        failed: list[str] = []

        def work(link: Http) -> None:
            while not failed:
                with self._lock:
                    sequence = self.sent
                    if sequence - first >= number:
                        return
                    self.sent += 1
                if rate:
                    time.sleep(max(0.0, began + (sequence - first) / rate - time.monotonic()))
                start = TIMING.pane_start(time.time_ns() // 1_000_000)
                source = sequence % SOURCES
                pane = pane_of(
                    self.profile, start, TIMING.pane, f"model-server-{source}", sequence, ROWS, self.counts[source]
                )
                path = model_path(MODEL, "panes", str(start), pane.source)
                answer = link("PUT", path, encode_pane(pane), PANE_TYPE, 5.0)
                if not answer.ok:
                    failed.append(answer.describe())

        threads = [threading.Thread(target=work, args=(link,)) for link in self._links]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise RuntimeError(failed[0])


def idle_rates(kind: str, seconds: float) -> dict[str, Rate]:
    """Return the rates of two idle metric servers, with one model and with many."""
    rates = {}
    for models in (1, MODELS):
        with running_tier(kind, 2, models) as tier:
            time.sleep(SETTLE)
            rates[f"of {models} models" if models > 1 else "of one model"] = watch(tier, seconds)
    return rates


# --- the data in Redis


@dataclass(frozen=True)
class KeyKind:
    """The keys of one kind: their number, their entries and their size in bytes."""

    keys: int = 0
    entries: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class RedisContents:
    """The data in Redis, and the bytes in its log for a PUT in a transaction of ten and for a fold."""

    kinds: dict[str, KeyKind]
    put: float
    fold: float
    panes: int


def redis_contents() -> RedisContents:
    """Put an hour of panes of one source, then five of 1,000 sources, and measure the data."""
    clock = SetClock(BEGIN // TIMING.pane * TIMING.pane)
    profile = fit_profile()
    counts = Counter(profile, 7).draw(ROWS, SOURCES)[None].repeat(4, axis=0)
    fleet = Fleet(profile, SOURCES, counts)
    panes = 5
    with empty_store_at("redis", clock) as (store, redis):
        assert redis is not None
        engine = Engine(store, timing=TIMING)
        first = warm(engine, [fleet], clock)
        # the sealed records of the warm-up hold one source each
        redis.client.delete(*redis.client.scan_iter("*:sealed:*", count=10_000))
        puts = folds = 0
        for number in range(first, first + panes):
            before = log_bytes(redis)
            for batch in fleet.writes(clock.time, number):
                store.commit(batch)
            between = log_bytes(redis)
            clock.time += TIMING.pane
            engine.advance(profile.model)
            if number > first:
                puts, folds = puts + between - before, folds + log_bytes(redis) - between
        return RedisContents(
            dict(_kinds(redis)), puts / (panes - 1) / SOURCES, folds / (panes - 1), HOUR_OF_PANES + panes
        )


def _kinds(redis: RedisServer) -> Iterator[tuple[str, KeyKind]]:
    sizes: dict[str, list[tuple[int, int]]] = {}
    client: Any = redis.client
    for key in client.scan_iter(count=10_000):
        name = key.decode().partition("}:")[2].split(":")[0] or "the model"
        size = {"hash": client.hlen, "zset": client.zcard, "set": client.scard}.get(client.type(key).decode())
        sizes.setdefault(name, []).append((size(key) if size else 1, client.memory_usage(key, samples=0)))
    for name, keys in sorted(sizes.items()):
        yield name, KeyKind(len(keys), sum(entries for entries, _ in keys), sum(taken for _, taken in keys))
