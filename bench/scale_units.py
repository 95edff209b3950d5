"""What `bench/scale.py --unit-costs` measures: the figures that docs/scaling.md multiplies.

- `puts`: PUTs of panes over HTTP to one metric server, at two rates and as fast as 16 connections go, less what the
  server takes where nothing comes.
- `looks`: what two metric servers take, each, where nothing comes, with 1 and 41 models of which nobody was heard; and
  `puts` has one server, before and after it heard of 1,000 sources.
- `kept`: what Redis holds of a model of 1,000 sources after an hour, by kind of key, and what it writes to its log.
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
from scale_sources import BEGIN, HOUR_OF_PANES, ROWS, TIMING, Fleet, Hand, open_store_at, warm
from scale_tier import MODEL, Counter, RedisServer, Spent, Tier, a_tier, pane_of, profile_of
from scale_traffic import Wire

SOURCES, MODELS, CONNECTIONS = 1_000, 41, 16
RATES = (20, 200, 0)
"""PUTs a second; 0 is as fast as it goes."""
SETTLE = 3.0


@dataclass(frozen=True)
class Reading:
    """Counters at a moment: CPU, the calls of Redis and how many of them are in scripts, bytes in its log."""

    at: float
    spent: Spent
    calls: int
    scripts: int
    log: int

    @classmethod
    def of(cls, tier: Tier) -> Reading:
        """Read them."""
        redis = tier.redis
        commands = redis.commands() if redis else {}
        calls = sum(calls for calls, _ in commands.values())
        scripts = sum(commands.get(name, (0, 0.0))[0] for name in ("evalsha", "eval"))
        return cls(time.monotonic(), tier.spent(), calls, scripts, log_bytes(redis))


@dataclass(frozen=True)
class Rate:
    """What passed in a second: CPU seconds of metric servers and Redis, its calls, bytes of its log."""

    servers: float
    redis: float
    calls: float
    scripts: float
    log: float

    @classmethod
    def between(cls, one: Reading, two: Reading) -> Rate:
        """Return the growth a second."""
        seconds, spent = two.at - one.at, two.spent - one.spent
        calls, scripts, log = two.calls - one.calls, two.scripts - one.scripts, two.log - one.log
        return cls(*(each / seconds for each in (spent.servers, spent.redis, calls, scripts, log)))


@dataclass(frozen=True)
class Puts:
    """PUTs a second, bytes of a request, and what a second took beyond an idle one."""

    rate: float
    bytes: float
    took: Rate
    idle: Rate


def log_bytes(redis: RedisServer | None) -> int:
    """Return the size of the append-only file."""
    return int(redis.info("persistence")["aof_current_size"]) if redis else 0


def watch(tier: Tier, seconds: float) -> Rate:
    """Return what a second takes now."""
    before = Reading.of(tier)
    time.sleep(seconds)
    return Rate.between(before, Reading.of(tier))


def puts(kind: str, seconds: float, console: Console) -> tuple[list[Puts], dict[str, Rate]]:
    """PUT panes; return what each rate took, and idle seconds before and after 1,000 sources were heard of."""
    with a_tier(kind, 1) as tier:
        time.sleep(SETTLE)
        idle = {"of one model, nobody heard of": watch(tier, seconds)}
        sender = Sender(tier.urls[0])
        sender.run(0, 2 * SOURCES)  # all sources are heard of, all code is warm
        time.sleep(3 * TIMING.pane / 1000)
        quiet = idle["of one model, 1,000 sources heard of"] = watch(tier, seconds)
        found = []
        for rate in RATES:
            before, sent, size = Reading.of(tier), sender.sent, sender.wire.bytes
            sender.run(rate, round(rate * seconds) or 4 * SOURCES)
            after = Reading.of(tier)
            number = sender.sent - sent
            found.append(
                Puts(
                    number / (after.at - before.at),
                    (sender.wire.bytes - size) / number,
                    Rate.between(before, after),
                    quiet,
                )
            )
            console.print(f"{number:,} PUTs: done", style="dim")
        return found, idle


class Sender:
    """Sends panes of 1,000 sources over some connections."""

    def __init__(self, url: str) -> None:
        """Draw what they count."""
        self.profile = profile_of()
        self.counts = Counter(self.profile, 7).draw(ROWS, SOURCES)
        self.wire, self.sent = Wire(), 0
        self._links = [Http(url, None) for _ in range(CONNECTIONS)]
        self._lock = threading.Lock()

    def run(self, rate: float, number: int) -> None:
        """Send that many, evenly in time where a rate is given."""
        began, first = time.monotonic(), self.sent
        failed: list[str] = []

        def work(link: Http) -> None:
            while not failed:
                with self._lock:
                    mine = self.sent
                    if mine - first >= number:
                        return
                    self.sent += 1
                if rate:
                    time.sleep(max(0.0, began + (mine - first) / rate - time.monotonic()))
                start = TIMING.pane_start(time.time_ns() // 1_000_000)
                source = mine % SOURCES
                pane = pane_of(
                    self.profile, start, TIMING.pane, f"model-server-{source}", mine, ROWS, self.counts[source]
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


def looks(kind: str, seconds: float) -> dict[str, Rate]:
    """Watch two metric servers to which nothing comes."""
    found = {}
    for models in (1, MODELS):
        with a_tier(kind, 2, models) as tier:
            time.sleep(SETTLE)
            found[f"of {models} models" if models > 1 else "of one model"] = watch(tier, seconds)
    return found


# --- what is kept


@dataclass(frozen=True)
class Kind:
    """Keys of one kind: how many, how many entries they have, and the bytes that they take."""

    keys: int = 0
    entries: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Kept:
    """What Redis holds, and the bytes that it wrote to its log for a PUT in a transaction of ten, and for a fold."""

    kinds: dict[str, Kind]
    put: float
    fold: float
    panes: int


def kept() -> Kept:
    """Put an hour of panes of one source, then some of 1,000, and look at what is there."""
    clock = Hand(BEGIN // TIMING.pane * TIMING.pane)
    profile = profile_of()
    counts = Counter(profile, 7).draw(ROWS, SOURCES)[None].repeat(4, axis=0)
    fleet = Fleet(profile, SOURCES, counts)
    panes = 5
    with open_store_at("redis", clock) as (store, redis):
        assert redis is not None
        engine = Engine(store, timing=TIMING)
        first = warm(engine, [fleet], clock)
        # the warm-up's sealed records are of one source each
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
        return Kept(dict(_kinds(redis)), puts / (panes - 1) / SOURCES, folds / (panes - 1), HOUR_OF_PANES + panes)


def _kinds(redis: RedisServer) -> Iterator[tuple[str, Kind]]:
    found: dict[str, list[tuple[int, int]]] = {}
    client: Any = redis.client
    for key in client.scan_iter(count=10_000):
        name = key.decode().partition("}:")[2].split(":")[0] or "the model"
        size = {"hash": client.hlen, "zset": client.zcard, "set": client.scard}.get(client.type(key).decode())
        found.setdefault(name, []).append((size(key) if size else 1, client.memory_usage(key, samples=0)))
    for name, each in sorted(found.items()):
        yield name, Kind(len(each), sum(entries for entries, _ in each), sum(taken for _, taken in each))
